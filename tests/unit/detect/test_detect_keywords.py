"""Keywords are looked for in every value of an event, whatever the raw text escapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.detect.columns import BatchColumns
from miharu.detect.eventvalues import EventValues
from miharu.detect.keywords import KeywordSearch, RawTexts, Scanners
from miharu.detect.model import KEYWORDS, Predicate, ValueTest
from miharu.detect.rawscan import RawColumn, RawScanner
from tests.unit.detect.rulecraft import one_of

pytestmark = pytest.mark.mission("S21", "S22")


def raw(*texts: str | bytes) -> list[dict[str, Any]]:
    return [{"event.original": text if isinstance(text, bytes) else text.encode()} for text in texts]


def test_in_raw_text() -> None:
    assert one_of(["Segfault", "panic"], raw("x SEGFAULT y", "kernel panic", "fine", "pan ic")) == [0, 1]


def test_all_of_them() -> None:
    assert one_of({"|all": ["a1", "b2"]}, raw("a1 b2", "a1", "b2 xx a1")) == [0, 2]


@pytest.mark.parametrize("keyword", ["C:\\Temp\\x.dll", '"quoted"', "grüße", "a/b", "tab\there", "<tag>"])
def test_characters_that_json_escapes(keyword: str) -> None:
    import json  # noqa: PLC0415 - the escapes of the standard library are wanted

    documents = [
        json.dumps({"m": f"x {keyword} y"}),
        json.dumps({"m": f"x {keyword} y"}, ensure_ascii=False),
        json.dumps({"m": "".join(f"\\u{ord(char):04x}" for char in keyword)}).replace("\\\\u", "\\u"),
        json.dumps({"m": "something else"}),
    ]
    assert one_of([keyword.replace("\\", "\\\\")], raw(*documents)) == [0, 1, 2]


def test_names_of_json_keys_are_no_values() -> None:
    assert one_of(["error"], raw('{"error": "none"}', '{"x": "an error"}', '{"x": {"y": ["ERROR"]}}')) == [1, 2]


def test_in_columns_where_the_raw_text_is_escaped_or_missing() -> None:
    events = [
        {"event.original": b"<Data>&lt;script&gt;</Data>", "message": "<script>"},
        {"event.original": None, "message": "<SCRIPT>"},
        {"event.original": b"<Data>&#60;script</Data>", "message": None, "fields": '{"a.b":"x<script>"}'},
        {"event.original": b"nothing", "message": "nothing", "fields": None},
    ]
    assert one_of(["<script>"], events) == [0, 1, 2]


def test_wildcards_in_keywords() -> None:
    assert one_of(["user*root"], raw("user=root", "the user is toor, root", "root user")) == [0, 1]
    assert one_of(["a?c"], raw("xx abc", "ac")) == [0]


def test_a_number_as_keyword() -> None:
    assert one_of([4625], raw("event 4625 seen", '{"id": 4625}', '{"id": 46}')) == [0, 1]


def test_keywords_and_fields_together() -> None:
    events = [{"event.original": b"evil", "f": "x"}, {"event.original": b"evil", "f": "y"}, {"event.original": b"-"}]
    detection = {"keywords": ["evil"], "s": {"f": "x"}, "condition": "keywords and s"}
    from tests.unit.detect.rulecraft import holding  # noqa: PLC0415

    assert holding(detection, events) == [0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["it's here", "IT'S", 'a "" b', "x&apos;y", '{"m": "it\'s"}', "", "\u212aelvin's", "plain", "c:\\\\tmp"]
            ),
            st.sampled_from([None, "it's", "IT'S there", "\u017f's", "plain's"]),
            st.sampled_from([None, ["it's", "b"], [None], ["IT'S"], []]),
            st.sampled_from([None, '{"a":"it\'s"}', '{"it\'s":"a"}']),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_many_rows_at_once_are_decided_as_one_by_one(rows: list[tuple[Any, ...]]) -> None:
    events = [
        {"event.original": raw.encode(), "message": text, "tags": listed, "fields": left}
        for raw, text, listed, left in rows
    ]
    schema = {"event.original": pl.Binary, "message": pl.String, "tags": pl.List(pl.String), "fields": pl.String}
    batch = pl.DataFrame(events * 30, schema=schema)
    for keyword in ("it's", "'s", "plain", "kelvin's"):
        test = ValueTest("contains", keyword)
        search = KeywordSearch({7: Predicate(KEYWORDS, test)})
        values = EventValues(batch, BatchColumns(batch))
        every = {row: frozenset({7}) for row in range(len(batch))}
        alone = {row: held for row in every if (held := search.decide(row, frozenset({7}), values))}
        assert search.decide_all(every, values) == alone


def test_an_anchored_keyword_looks_in_every_value() -> None:
    events = [{"event.original": b"x begin", "message": "begin"}, {"event.original": b"x begin", "message": "x"}]
    assert one_of({"|re": "^begin"}, events) == [0]


def test_texts_that_are_not_utf8() -> None:
    assert one_of(["evil"], raw(b"\xff\xfe evil", b"\xff")) == [0]


@pytest.mark.parametrize("keyword", ["evil", 'an "evil"'])
def test_many_texts_that_are_not_utf8(keyword: str) -> None:
    rows = [b'\xff %d an "EVIL" one' % n if n % 2 else b'%d an "evil" one \xff' % n for n in range(60)]
    assert one_of([keyword], raw(*rows, b"\xff good")) == list(range(60))


PIECES = ["Deny", "tcp", " ", "outside", '"', "\\", "{", "[1]", "\n", "é", "K", "&", "\\u0064eny", "permit"]


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), min_size=1, max_size=40),
    st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join), min_size=1, max_size=6),
)
def test_keywords_hold_where_each_alone_does(texts: list[str], keywords: list[str]) -> None:
    batch = pl.DataFrame(raw(*texts))
    search = KeywordSearch({
        number: Predicate(KEYWORDS, ValueTest("contains", text)) for number, text in enumerate(keywords)
    })  # fmt: skip
    values = EventValues(batch, BatchColumns(batch))
    rows = np.arange(len(texts), dtype=np.uint32)
    for wide in ((), search.fragments):
        found = search.find(RawTexts(batch, wide, Scanners()), rows, values)
        every = frozenset(range(len(keywords)))
        alone = {(row, n) for row in range(len(texts)) for n in search.decide(row, every, values)}
        assert set(zip(*(numbers.tolist() for numbers in found), strict=True)) == alone


@pytest.mark.parametrize("take", [lambda s: s, lambda s: s[3:40], lambda s: s[::7], lambda s: pl.concat([s, s])])
def test_the_scan_finds_the_rows_in_any_layout_of_memory(take: Any) -> None:
    texts = [
        None if n % 11 == 0 else (b"needle" if n % 5 == 0 else b"x" * (n % 40)) + b"y" * (n % 3) for n in range(200)
    ]
    series = take(pl.Series([*texts, b"nee", b"dle", b"long text without it, nee", b"dle"], dtype=pl.Binary))
    expected = {place for place, text in enumerate(series.to_list()) if text is not None and b"needle" in text}
    found = RawScanner(["needle"]).scan(RawColumn(series))
    assert {place for place, numbers in found.items() if 0 in numbers} >= expected
    assert set(found) <= expected | {place for place, text in enumerate(series.to_list()) if text == b"dle"}
