"""What the figures rest on: inputs that differ, processes that are all counted."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import islice

import orjson
import pytest

from bench import asa, inputs
from bench.figures import Rate
from bench.processes import run


def test_a_later_round_differs_in_number_and_time_only():
    line = orjson.dumps({"RecordNumber": 7, "EventTime": "2026-02-28 10:00:00", "EventID": 1, "Message": "x"})
    first, second = islice(inputs.repeated([line]), 2)
    assert first == line
    assert orjson.loads(second) == {
        "RecordNumber": 10_000_007,
        "EventTime": "2026-03-01 10:00:00",
        "EventID": 1,
        "Message": "x",
    }


def test_asa_lines_are_the_same_for_a_seed_and_many_kinds():
    begin = datetime(2026, 3, 10, tzinfo=UTC)
    one, two = ([text for _, text in asa.lines(500, random.Random(1), begin, timedelta(seconds=1))] for _ in range(2))
    assert one == two
    codes = {re.search(r"%ASA-\d-(\d{6}): ", text)[1] for text in one}
    assert codes >= {"302013", "302014", "302015", "302016", "106023", "106015", "106001", "305011"}


def test_memory_and_time_of_children_are_counted():
    child = "x = bytearray(150_000_000); sum(range(6_000_000))"
    parent = f"import subprocess, sys; x = bytearray(100_000_000); subprocess.run([sys.executable, '-c', {child!r}])"
    cost = run([sys.executable, "-c", parent])
    assert cost.peak > 250_000_000
    assert 0.05 < cost.processor < 60


def test_a_command_that_fails_is_no_figure():
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_rate_is_given_in_units():
    assert Rate("x", 1000, 2.0, 4.0, 5000.0, 2500.0).row() == ["x", "500/s", "0.100", "250/s", "0.100"]
