"""Apple's records: any bytes are read without an error or a loss, and what is hostile costs what it is long."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.catalog import load_fields, load_logsources
from miharu.core.chunk import Format
from miharu.core.columns import RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
HEADER = '{"bug_type":"309","incident_id":"A1"}\n'
LENGTH = 1_000_000
STYLE = "2025-06-14 08:15:02.123456+0000 0x1f3      Default     0x0                  1      0    "

HOSTILE = {
    "threads": HEADER + "Thread 1 x\n" * (LENGTH // 11),
    "crashed": HEADER + "\nThread 1 Crashed:" * (LENGTH // 18),
    "keys": HEADER + "Key a:  b\n" * (LENGTH // 10),
    "sections": HEADER + "Key:\n" * (LENGTH // 5),
    "brackets": HEADER + '{"threads":[' + "[" * (LENGTH // 2),
    "objects": HEADER + '{"a":' * 500 + "1" + "}" * 500,
    "sampling": "Sampling process " * (LENGTH // 17),
}
LINES = {
    "default": STYLE + "a: (" * (LENGTH // 4),
    "signpost": STYLE + "[spid " * (LENGTH // 6),
    "compact": "2025-06-14 08:15:02.123 Df a" + " [" * (LENGTH // 2),
    "asl": "[ASLMessageID 1] [Time x] " + "[Host x] " * (LENGTH // 9),
    "launchd": "2025-06-14 08:15:02.123456 (" + "(a) " * (LENGTH // 4),
    "install": "2025-06-14 08:15:02-07 mac1 " + "a [1" * (LENGTH // 4),
}


@cache
def stages() -> tuple[Parser, Normaliser]:
    kept = ("apple.", "ios.", "macos.", "generic.")
    sources = [one for one in load_logsources() if one.id.startswith(kept)]
    return Parser(sources), Normaliser(sources, load_fields())


def read(chunk_format: Format, raws: list[bytes]) -> int:
    """Return the number of events and rejects of records."""
    count = len(raws)
    columns = [list(range(count)), ["0" * 32] * count, raws, list(range(count)), ["x"] * count, [CREATED] * count]
    frame = pl.DataFrame(dict(zip(RECORD_SCHEMA, columns, strict=True)), schema=RECORD_SCHEMA)
    parser, normaliser = stages()
    parsed = parser.read(chunk_format, frame)
    batch = normaliser.run(parsed.fields, CREATED)
    assert set(batch["event.original"]) <= set(raws)
    return batch.height + parsed.rejects.height


@given(
    st.sampled_from(["report", "asl"]),
    st.lists(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: (HEADER + text).encode()), min_size=1),
)
@settings(deadline=None, max_examples=60)
def test_records_of_any_bytes_become_events_or_rejects(chunk_format: Format, raws: list[bytes]) -> None:
    assert read(chunk_format, raws) == len(raws)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_report_costs_what_it_is_long(text: str) -> None:
    stages()
    begun = time.process_time()
    assert read("report", [text.encode()]) == 1
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_hostile_line_costs_what_it_is_long(line: str) -> None:
    stages()
    begun = time.process_time()
    assert read("lines", [line.encode()]) == 1
    assert time.process_time() - begun < 10
