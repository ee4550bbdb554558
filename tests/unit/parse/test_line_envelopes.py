"""Text before a record that matters is taken off it, where what follows is known."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl
import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import RECORD_HEADER, RECORD_ROW
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.parse.record_frames import records

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
WANTED = {"apache.access", "system.auth", "generic.line", "generic.json", "generic.syslog", "generic.keyvalue"}
ACCESS = '192.0.2.7 - bob [14/Jun/2025:08:15:01 +0000] "GET /a HTTP/1.1" 200 5'
SSHD = "Jun 14 08:15:01 web1 sshd[77]: Failed password for root from 192.0.2.9 port 40022 ssh2"
CRI = "2025-06-14T08:16:40.250000000+02:00 stdout F "
RSYSLOG = "2025-06-14T08:16:40.250000+02:00 web1 "


@cache
def stages() -> tuple[Parser, Normaliser]:
    sources = [source for source in load_logsources() if source.id in WANTED or source.id.startswith("generic.")]
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def events(*lines: str) -> list[dict[str, Any]]:
    parser, normaliser = stages()
    batch = normaliser.run(parser.read("lines", records([line.encode() for line in lines])).fields, CREATED)
    assert batch.get_column(RECORD_ROW).to_list() == list(range(len(lines)))
    assert batch["event.original"].to_list() == [line.encode() for line in lines]
    return batch.to_dicts()


@pytest.mark.parametrize("before", [CRI, "web-1  | ", CRI.replace(" F ", " P:x ")])
@pytest.mark.parametrize(("inner", "dataset"), [(ACCESS, "apache.access"), (SSHD, "system.auth")])
def test_the_inner_record_becomes_what_it_is(before: str, inner: str, dataset: str) -> None:
    among = events("words", before + inner, inner)
    for event in among[1:]:
        assert event["event.dataset"] == dataset
        assert event["@timestamp"] == datetime(2025, 6, 14, 8, 15, 1, tzinfo=UTC)
    assert among[1]["source.ip"] == among[2]["source.ip"]
    assert among[0]["event.dataset"] == "generic.line"


def test_the_time_of_an_envelope_is_that_of_a_record_without_one() -> None:
    (event,) = events(CRI + '{"a":1}')
    assert event["event.dataset"] == "generic.json"
    assert event["@timestamp"] == datetime(2025, 6, 14, 6, 16, 40, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("line", [CRI + "just words", "web-1  | just words", "2025-06-14T08:16:40Z INFO just words"])
def test_what_nobody_knows_stays_in_its_envelope(line: str) -> None:
    (event,) = events(line)
    assert event["event.dataset"] == "generic.line"
    assert event["message"] == line


def test_json_behind_a_stamp_and_a_host() -> None:
    (event,) = events(RSYSLOG + ' {"a": 1}')
    assert event["event.dataset"] == "generic.json"
    assert event["host.name"] == "web1"
    assert event["@timestamp"] == datetime(2025, 6, 14, 6, 16, 40, 250_000, tzinfo=UTC)


def test_envelopes_within_envelopes() -> None:
    (event,) = events("app-1  | " + CRI + ACCESS)
    assert event["event.dataset"] == "apache.access"
    (deep,) = events("a-1  | " * 9 + ACCESS)
    assert deep["message"].startswith("a-1  | ")


def test_lines_that_somebody_knows_are_no_table() -> None:
    """The first line of a file may look like the header of a table and be none."""
    parser, normaliser = stages()
    lines = ["words, more words, and others", "unit, state, temp", "x", SSHD + ", so, it"]
    frame = records([line.encode() for line in lines]).with_columns(pl.lit(lines[0]).alias(RECORD_HEADER))
    batch = normaliser.run(parser.read("lines", frame).fields, CREATED)
    datasets = ["generic.delimited", "generic.delimited", "generic.line", "system.auth"]
    assert batch.get_column("event.dataset").to_list()[:3] == datasets[:3]
    assert batch.get_column("process.name").to_list()[3] == "sshd"
