"""Lines made to be slow take a time in proportion to their length, and no reader raises on them."""

from __future__ import annotations

import time

import polars as pl
import pytest

from miharu.catalog import ReadStep, load_logsources
from miharu.core.columns import RECORD_HEADER
from miharu.parse import READERS, Parser
from miharu.parse.readers import read_all
from tests.unit.parse.record_frames import records

LENGTH = 1 << 18
MOST_SECONDS = 8.0
"""Far more than any reader needs; what grows with the square of the length needs minutes."""

REPEATED = [
    *('"', "'", "\\", "a=", 'a="', 'a="\\"', ',"', ',"\\"', ",'\\'", '="', "[a ", "{", "<a>", "|", "\\|a"),
    *(" ", "\t", "a\n", "a b=", "cs1Label=x cs1=y ", "<13>", "Jun 14 08:15:02 relay ", "x  | ", "\\x41", "é", "0"),
]
BEGINNINGS = [
    *("", "CEF:0|a|b|c|d|e|f|", "LEEF:2.0|a|b|c|d|^|", "Jun 14 08:15:02 web1 sshd[7]: ", "<Event>", '{"a":"'),
    "<13>1 2025-06-14T08:15:02Z h p 1 - [a b=",
]
STEPS = [
    ReadStep("keyvalue", "text"),
    ReadStep("keyvalue", "text", options={"separator": ","}),
    ReadStep("keyvalue", "text", options={"separator": ",", "quote": "'", "escape": "double"}),
    ReadStep("keyvalue", "text", options={"values": "spaced"}),
    ReadStep("delimited", "text", columns=(("a", "b"), ("a",))),
    ReadStep("delimited", "text", columns=(("a", "b"),), options={"quote": "'", "escape": "backslash"}),
    *(ReadStep(reader, "text") for reader in ("cef", "leef", "xml", "json")),
]


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(load_logsources(), "UTC")


@pytest.mark.parametrize("part", REPEATED)
def test_readers_are_linear(part: str) -> None:
    for beginning in BEGINNINGS[:3]:
        frame = pl.DataFrame({"text": [beginning + part * (LENGTH // len(part))]})
        for step in STEPS:
            began = time.process_time()
            made = read_all(frame, [step], READERS)
            assert time.process_time() - began < MOST_SECONDS, (beginning, step.reader, step.options)
            assert sum(one.height for one in made) == 1


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_recognition_is_linear(parser: Parser, beginning: str) -> None:
    lines = [(beginning + part * (LENGTH // len(part) // 4)).encode() for part in REPEATED]
    headers = pl.Series(RECORD_HEADER, ["#Fields: a b c"] * len(lines))
    for frame in (records(lines), records(lines).with_columns(headers)):
        began = time.process_time()
        parsed = parser.read("lines", frame)
        assert time.process_time() - began < MOST_SECONDS * 4
        assert sum(one.frame.height for one in parsed.fields) + parsed.rejects.height == len(lines)
