"""Readers of pairs, columns, CEF, LEEF and XML give what a naive reader gives, and never raise."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.catalog import ReadStep
from miharu.parse import READERS
from miharu.parse.readers import read_all


def read(reader: str, *texts: str, **more: object) -> list[dict[str, str]]:
    columns = more.pop("columns", ())
    prefix = str(more.pop("prefix", ""))
    options = {name: str(value) for name, value in more.items()}
    step = ReadStep(reader, "text", prefix=prefix, columns=columns, options=options)  # type: ignore[arg-type]
    frame = pl.DataFrame({"row": range(len(texts)), "text": texts}, schema={"row": pl.UInt32, "text": pl.String})
    rows = [row for made in read_all(frame, [step], READERS) for row in made.to_dicts()]
    rows.sort(key=lambda row: row["row"])
    assert [row["text"] for row in rows] == list(texts)
    return [{k: v for k, v in row.items() if k not in ("row", "text") and v is not None} for row in rows]


HEAD = {
    "cef.version": "0",
    "cef.device.vendor": "Acme",
    "cef.device.product": "Wall",
    "cef.device.version": "1.2",
    "cef.device.event_class_id": "100",
    "cef.name": "denied",
    "cef.severity": "7",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CEF:0|Acme|Wall|1.2|100|denied|7|", HEAD),
        ("CEF:0|Acme|Wall|1.2|100|denied|7", HEAD),
        (
            "CEF:0|Acme|Wall|1.2|100|denied|7|src=192.0.2.1 msg=two words  act=",
            HEAD | {"src": "192.0.2.1", "msg": "two words", "act": ""},
        ),
        (r"<13>Jun 14 08:15:02 fw1 CEF: 0|Acme|Wall|1.2|100|denied|7|a=1", HEAD | {"a": "1"}),
        (
            r"CEF:0|Ac\|me|W\\all|1.2|100|denied|7|m=x\=y\\n\nz request=http://example.com/?q=1 b=2",
            HEAD
            | {"cef.device.vendor": "Ac|me", "cef.device.product": "W\\all"}
            | {"m": "x=y\\n\nz", "request": "http://example.com/?q=1", "b": "2"},
        ),
        (
            "CEF:0|Acme|Wall|1.2|100|denied|7|cs1=web dmz cs1Label=Zone Name cn1=5 cs2Label=alone c6a1=::1",
            HEAD | {"Zone Name": "web dmz", "cn1": "5", "cs2Label": "alone", "c6a1": "::1"},
        ),
        (
            "CEF:0|Acme|Wall|1.2|100|denied|7|src=1 cs1=2 cs1Label=src",
            HEAD | {"src": "1", "cs1": "2", "cs1Label": "src"},
        ),
        (
            "CEF:0|Acme|Wall|1.2|100|denied|7|cs1=a cs1Label=Z cs2=b cs2Label=Z",
            HEAD | {"Z": "a", "cs2": "b", "cs2Label": "Z"},
        ),
        ("CEF:0|too|short", {}),
        ("no such thing", {}),
    ],
)
def test_cef(text: str, expected: dict[str, str]) -> None:
    assert read("cef", text) == [expected]
    assert read("cef", "CEF:0|a|b|c|d|e|f|zz=1", text)[1] == expected


PLAIN = st.text(alphabet="ab =\\|\n1", max_size=8)


@given(
    st.lists(st.tuples(st.sampled_from(["src", "dst", "msg", "cat"]), PLAIN), max_size=5, unique_by=lambda p: p[0]),
    PLAIN,
)
def test_cef_values_come_back_as_they_were_written(pairs: list[tuple[str, str]], name: str) -> None:
    def value(text: str) -> str:
        return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")

    header = name.replace("\\", "\\\\").replace("|", "\\|")
    text = f"CEF:0|V|P|1|9|{header}|3|" + " ".join(f"{key}={value(text)}" for key, text in pairs)
    (row,) = read("cef", text)
    assert row.get("cef.name", "") == name.strip(" ")
    assert {key: row[key] for key, _ in pairs} == {key: text.rstrip(" ") for key, text in pairs}


LEEF = {"leef.device.vendor": "V", "leef.device.product": "P", "leef.device.version": "1", "leef.event_id": "9"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LEEF:1.0|V|P|1|9|src=1\tmsg=a b=c\tusr=", {"leef.version": "1.0", "src": "1", "msg": "a b=c", "usr": ""}),
        ("LEEF:2.0|V|P|1|9|^|src=1^msg=a b", {"leef.version": "2.0", "src": "1", "msg": "a b"}),
        ("LEEF:2.0|V|P|1|9|x5E|src=1^msg=a b", {"leef.version": "2.0", "src": "1", "msg": "a b"}),
        ("LEEF:2.0|V|P|1|9|0x09|src=1\tmsg=a b", {"leef.version": "2.0", "src": "1", "msg": "a b"}),
        ("LEEF:2.0|V|P|1|9||src=1\tmsg=a b", {"leef.version": "2.0", "src": "1", "msg": "a b"}),
        ("LEEF:2.0|V|P|1|9|src=1\tmsg=a|b", {"leef.version": "2.0", "src": "1", "msg": "a|b"}),
        ("Jun 14 08:15:02 h LEEF:1.0|V|P|1|9|src=1", {"leef.version": "1.0", "src": "1"}),
    ],
)
def test_leef(text: str, expected: dict[str, str]) -> None:
    assert read("leef", text) == [LEEF | expected]
    assert read("leef", "LEEF:2.0|V|P|1|9|;|a=1;b=2", text)[1] == LEEF | expected


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a b: 1, c.d: x=y , e:", {"separator": ",", "assign": ":"}, {"a b": "1", "c.d": "x=y", "e": ""}),
        ('k="a, b", l=c', {"separator": ","}, {"k": "a, b", "l": "c"}),
        (r'k="a\", b", l=c', {"separator": ","}, {"k": 'a", b', "l": "c"}),
        ("k='a; b'; l='it''s'", {"separator": ";", "quote": "'", "escape": "double"}, {"k": "a; b", "l": "it's"}),
        ("k:1 l:'a b' m", {"assign": ":"}, {"k": "1", "l": "a b"}),
        (
            "user=John Doe src=192.0.2.1 note=",
            {"values": "spaced"},
            {"user": "John Doe", "src": "192.0.2.1", "note": ""},
        ),
        ("A: one two B: three", {"values": "spaced", "assign": ":"}, {"A": "one two", "B": "three"}),
        ("Path: C:\\x y\nUser: bob", {"separator": "\n", "assign": ": "}, {"Path": "C:\\x y", "User": "bob"}),
        ('open="a, b=c', {"separator": ","}, {"open": '"a', "b": "c"}),
    ],
)
def test_pairs_of_other_kinds(text: str, options: dict[str, str], expected: dict[str, str]) -> None:
    assert read("keyvalue", text, **options) == [expected]


@given(st.lists(st.tuples(st.text("ab.c ", min_size=1, max_size=4), st.text('xy,"= \\', max_size=6)), max_size=5))
def test_quoted_pairs_come_back_as_they_were_written(pairs: list[tuple[str, str]]) -> None:
    def quoted(value: str) -> str:
        return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'

    text = ", ".join(f"{key} = {quoted(value)}" for key, value in pairs)
    (row,) = read("keyvalue", text, separator=",")
    expected: dict[str, str] = {}
    for key, value in pairs:
        if key.strip():
            expected.setdefault(key.strip(), value)
    assert row == expected


def test_columns_by_position_and_number() -> None:
    sets = (("a", "b", "c"), ("a", "b"))
    texts = ("1,2,3", '1,"2,3"', "1", ",x", '"say ""hi""",2,')
    assert read("delimited", *texts, columns=sets, prefix="p.") == [
        {"p.a": "1", "p.b": "2", "p.c": "3"},
        {"p.a": "1", "p.b": "2,3"},
        {},
        {"p.b": "x"},
        {"p.a": 'say "hi"', "p.b": "2"},
    ]


def test_columns_in_another_dialect() -> None:
    text = r"20250614 08:15:02,db1,'select ''a'', \'b\'',0"
    options = {"quote": "'", "escape": "backslash"}
    assert read("delimited", "x,'it\\'s, so',0", columns=(("a", "b", "c"),), **options) == [
        {"a": "x", "b": "it's, so", "c": "0"}
    ]
    assert read("delimited", text, columns=(("t", "h", "q", "r"),), **options) == [{}]
    assert read("delimited", "a b", columns=(("x", "y"),), separator=" ", quote="") == [{"x": "a", "y": "b"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<e a="1"><b>x</b><c><d y="2">z</d></c></e>', {"a": "1", "b": "x", "c.d": "z", "c.d.y": "2"}),
        ("<e xmlns='urn:x'><b>1</b><b>2</b></e>", {"b": "1\n2"}),
        ("<word>text</word>", {"word": "text"}),
        ("<e><b></e>", {}),
        ('<!DOCTYPE e [<!ENTITY x "y">]><e>&x;</e>', {}),
        ("no markup", {}),
    ],
)
def test_xml(text: str, expected: dict[str, str]) -> None:
    assert read("xml", text, text) == [expected, expected]


@given(st.sampled_from(sorted({"keyvalue", "delimited", "cef", "leef", "xml", "json"})), st.data())
def test_no_reader_raises_or_loses_a_row(reader: str, data: st.DataObject) -> None:
    begin = st.sampled_from(
        ["", "CEF:0|a|b|c|d|e|f|", "LEEF:2.0|a|b|c|d|", "<e>", "{", "a=", "LEEF:2.0|a|b|c|d|xD800|"]
    )
    texts = data.draw(st.lists(st.builds(str.__add__, begin, st.text(max_size=30)), min_size=1, max_size=4))
    options = {"separator": ";", "quote": "'"} if reader in ("keyvalue", "delimited") else {}
    columns = (("a", "b"), ("a",)) if reader == "delimited" else ()
    assert len(read(reader, *texts, columns=columns, **options)) == len(texts)
    if reader == "keyvalue":
        read(reader, *texts, values="spaced")
        read(reader, *texts, assign=":=")


def test_values_may_be_fewer_or_more_than_their_names() -> None:
    found = read(
        "delimited", "1,2", '1,"b,""c""",3', "1,,3,4,5", "", columns=(("a", "b", "c"),), count="any", prefix="p."
    )
    assert found == [
        {"p.a": "1", "p.b": "2"},
        {"p.a": "1", "p.b": 'b,"c"', "p.c": "3"},
        {"p.a": "1", "p.c": "3", "more": "4,5"},
        {},
    ]


def test_keys_of_cef_lose_their_vendors_prefix() -> None:
    found = read("cef", "CEF:0|Acme|Wall|1.2|100|denied|7|ACMErule=web out src=192.0.2.1", strip="ACME", prefix="p.")
    assert found == [HEAD | {"p.rule": "web out", "p.src": "192.0.2.1"}]
