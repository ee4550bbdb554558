"""Readers never raise on any bytes, and no record is lost: rows in all fields and rejects are the records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import EVENT_ORIGINAL, LEFTOVERS, RECORD_HEADER, RECORD_RAW, RECORD_ROW, TIMESTAMP
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.parse.record_frames import records

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
SOURCES = load_logsources()
SEEDS = [sample.record.encode() for source in SOURCES for sample in source.tests if len(sample.record) < 2000]
PIECES = [
    *(b"1 2", b"1,2", b"T\t7", b"#Fields: a b", b"CEF:0|a|b|c|d|e|f|", b"LEEF:2.0|a|b|c|d|^|", b"x-1  | "),
    *(b"<13>", b"<13>1 ", b"Jun 14 08:15:02 ", b"2025-06-14T08:15:02Z ", b"web1 ", b"sshd[1]: ", b"%ASA-6-302013: "),
    *(b"a=1 b=", b'"', b"\\", b"[x@1 y=", b"]", b'{"a":', b"}", b"<Event>", b"</Event>", b"<?xml", b"\x00", b"\xff"),
    *(
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
        b"- - [14/Jun/2025:08:15:02 +0000] ",
        b'"GET / HTTP/1.1" 200 1',
        b"Feb 29 23:59:60 ",
    ),
]

seeds = st.sampled_from(SEEDS)
cut = st.builds(lambda seed, a, b, middle: seed[: len(seed) * a // 100] + middle + seed[len(seed) * b // 100 :],
    seeds, st.integers(0, 100), st.integers(0, 100), st.binary(max_size=4))  # fmt: skip
pieced = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=8).map(b"".join)


def wrapped(line: bytes, shape: dict[str, object], name: str, more: dict[str, object]) -> bytes:
    """Return a line in an envelope, which more keys may make another one or none."""
    return json.dumps(shape | {name: line.decode("utf-8", "replace")} | more).encode()


SHAPES: list[tuple[dict[str, object], str]] = [
    ({"time": 1749888902.25, "host": "relay", "index": "main"}, "event"),
    ({"@timestamp": "2025-06-14T08:15:02Z", "host": {"name": "relay"}, "agent": {"type": "x"}}, "message"),
    ({"stream": "stdout", "time": "2025-06-14T08:15:02.123456789Z"}, "log"),
    ({"syslogtag": "sshd[7]:", "host": "web1", "severity": "info", "facility": "auth"}, "message"),
    ({"PROGRAM": "su", "HOST": "web1", "DATE": "Jun 14 08:15:02", "PRIORITY": "odd"}, "MESSAGE"),
    ({"version": "1.1", "host": "web1", "timestamp": "x", "full_message": None}, "short_message"),
]
ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
ANY = ODD | st.lists(ODD, max_size=2) | st.dictionaries(st.text(max_size=4), ODD, max_size=2)
plain = st.binary(max_size=60) | seeds | cut | pieced


def wrapped_lines(keys: list[str], values: st.SearchStrategy[object]) -> st.SearchStrategy[list[bytes]]:
    """Return lists of lines, some in envelopes or in two of them, with up to two odd keys more."""
    more = st.dictionaries(st.sampled_from(keys), values, max_size=2)
    once = st.builds(lambda line, shape, more: wrapped(line, *shape, more), plain, st.sampled_from(SHAPES), more)
    twice = st.builds(lambda line, shape, more: wrapped(line, *shape, more), once, st.sampled_from(SHAPES), more)
    return st.lists(plain | once | twice, min_size=1, max_size=12)


KEYS = ["time", "event", "message", "@timestamp", "level", "pid", "PID", "user.name", "n"]
raws = wrapped_lines([*KEYS, "host", "event.original", "record.raw"], ANY)
# Values of one type: columns that mix types are text, whatever their values are alone.
texts = wrapped_lines(KEYS, st.none() | st.text(max_size=9))


@cache
def parser() -> Parser:
    return Parser(SOURCES, "UTC")


@cache
def normaliser() -> Normaliser:
    return Normaliser(SOURCES, load_fields(), "Europe/Berlin")


HEADERS = st.none() | st.sampled_from(
    [
        "#Fields: a b",
        "#Fields: date time record.raw message",
        "a,b",
        "#separator \\x09\n#fields\ta\tb\n#types\tbool\tint",
    ]
)


@settings(max_examples=150, deadline=None)
@given(raws, st.sampled_from(["lines", "json"]), st.lists(HEADERS, min_size=1, max_size=3))
def test_every_record_ends_in_one_place(values: list[bytes], chunk_format: str, headers: list[str | None]) -> None:
    frame = records(values)
    if any(headers):
        above = [headers[at * len(headers) // len(values)] for at in range(len(values))]
        frame = frame.with_columns(pl.Series(RECORD_HEADER, above, dtype=pl.String))
    parsed = parser().read(chunk_format, frame)  # type: ignore[arg-type]
    rows = [row for one in parsed.fields for row in one.frame.get_column(RECORD_ROW).to_list()]
    rows += parsed.rejects.get_column(RECORD_ROW).to_list()
    assert sorted(rows) == list(range(len(values)))
    for one in parsed.fields:
        for row, raw in one.frame.select(RECORD_ROW, RECORD_RAW).iter_rows():
            assert raw == values[row]
    batch = normaliser().run(parsed.fields, CREATED)
    assert batch.height + parsed.rejects.height == len(values)
    assert batch.get_column(RECORD_ROW).is_sorted()
    assert batch.get_column(TIMESTAMP).null_count() == 0
    for row, raw in batch.select(RECORD_ROW, EVENT_ORIGINAL).iter_rows():
        assert raw == values[row]
    for left in batch.get_column(LEFTOVERS).drop_nulls():
        assert isinstance(json.loads(left), dict)


@settings(max_examples=60, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_neighbours_do_not_change_an_event(values: list[bytes], random) -> None:
    """A record gives the same event alone, among others, and in another order."""
    together = by_row(values)
    for row in random.sample(range(len(values)), min(3, len(values))):
        alone = by_row([values[row]])
        assert alone.get(0) == together.get(row)


def by_row(values: list[bytes]) -> dict[int, dict[str, object]]:
    parsed = parser().read("lines", records(values))
    batch = normaliser().run(parsed.fields, CREATED).drop("event.id", "log.offset")
    found = {}
    for event in batch.to_dicts():
        row = event.pop(RECORD_ROW)
        event[LEFTOVERS] = json.loads(event[LEFTOVERS] or "{}")
        found[row] = {name: value for name, value in event.items() if value is not None}
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_leftovers_hold_any_text_exactly(texts: list[str]) -> None:
    values = [json.dumps({"t": text, "n": {"u": [text]}}).encode() for text in texts]
    parsed = parser().read("json", records(values))
    batch = normaliser().run(parsed.fields, CREATED)
    left = [json.loads(text) for text in batch.get_column(LEFTOVERS)]
    assert left == [{"json.t": clean(text), "json.n.u": [clean(text)]} for text in texts]
    assert batch.schema[LEFTOVERS] == pl.String


def clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
