"""Reading JSON records by shape."""

from __future__ import annotations

import gc
import json
from typing import Any

import polars as pl
import pytest

from miharu.core.columns import REJECT_SCHEMA
from miharu.parse import json_shapes
from miharu.parse.json_columns import MAX_NAMES, REST
from miharu.parse.json_shapes import MAX_DEPTH, read_json
from tests.unit.parse.windows_samples import records


def read(*raws: str | bytes) -> tuple[dict[int, dict[str, Any]], pl.DataFrame]:
    """Return each row's values without nulls, and the rejects."""
    frames, rejects = read_json(records(*raws))
    rows: dict[int, dict[str, Any]] = {}
    for frame in frames:
        for row in frame.iter_rows(named=True):
            assert row["record.row"] not in rows
            rows[row["record.row"]] = {
                name: value for name, value in row.items() if value is not None and not name.startswith("record.")
            }
    return rows, rejects


def one(raw: str | bytes) -> dict[str, Any]:
    rows, rejects = read(raw)
    assert rejects.is_empty()
    return rows[0]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"a":"x","b":1,"c":true,"d":1.5,"e":null}', {"a": "x", "b": 1, "c": True, "d": 1.5}),
        ('{"a":{"b":{"c":"x"},"d":2}}', {"a.b.c": "x", "a.d": 2}),
        ('{"a":["x","y"],"b":[1,true,null],"c":[]}', {"a": ["x", "y"], "b": ["1", "true", None], "c": []}),
        ('{"a":[{"b":1}],"c":[[1],[2]]}', {"a": '[{"b":1}]', "c": "[[1],[2]]"}),
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"a":{"b":1},"a.b":2}', {"a.b": 2}),
        ('{"a":{}}', {}),
        ("{}", {}),
        ('{"n":18446744073709551615,"i":-9223372036854775808}', {"n": "18446744073709551615", "i": -(2**63)}),
        ('{"record":{"id":"theirs"}}', {"json.record.id": "theirs"}),
        ('"text"', {"message": "text"}),
        ("[1,2]", {"message": "[1,2]"}),
        ("17", {"message": "17"}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}),
        ('{"a":"tab\there"}', {"a": "tab\there"}),
        ('{"a":"\\ud83d"}', {"a": "?"}),
        ('{"":"no name"}', {"": "no name"}),
    ],
)
def test_one_record(raw: str | bytes, expected: dict[str, Any]) -> None:
    assert one(raw) == expected


def test_same_keys_share_a_frame() -> None:
    frames, _ = read_json(records('{"a":1,"b":"x"}', '{"c":1}', '{"a":2,"b":"y"}'))
    assert sorted(frame.height for frame in frames) == [1, 2]


def test_mixed_types_become_text_in_every_frame() -> None:
    rows, _ = read('{"a":1}', '{"a":"x"}', '{"a":true,"b":1}', '{"a":[1,"y"],"c":1}')
    assert [rows[at]["a"] for at in range(4)] == ["1", "x", "true", '["1","y"]']


def test_names_have_one_type() -> None:
    frames, _ = read_json(records('{"a":1}', '{"a":"x","b":1}', '{"a":1.5,"c":1}'))
    assert {frame.schema["a"] for frame in frames} == {pl.String}


@pytest.mark.parametrize(("first", "second"), [({"b": 1}, "x"), ("x", {"b": 1}), (None, {"b": 1}), (1, {"b": 1})])
def test_object_in_one_record_and_not_in_the_next(first: object, second: object) -> None:
    raws = [json.dumps({"a": value}) for value in (first, second, first)]
    rows, _ = read(*raws)
    for at, value in enumerate((first, second, first)):
        wanted = {"a.b": 1} if isinstance(value, dict) else {} if value is None else {"a": value}
        assert rows[at] == wanted or rows[at] == {"a": json.dumps(value, separators=(",", ":"))}


def test_integers_and_fractions() -> None:
    rows, _ = read('{"a":1}', '{"a":1.5}')
    assert [rows[0]["a"], rows[1]["a"]] == [1.0, 1.5]
    rows, _ = read(f'{{"a":{2**60 + 1}}}', '{"a":1.5}')
    assert rows[0]["a"] == str(2**60 + 1)


@pytest.mark.parametrize(
    "raw", ['{"a":', "", '{"a":NaN}', '{"a":Infinity}', '{"a":1}}', "[" * 100_000, '{"a":' * 3000 + "1" + "}" * 3000]
)
def test_broken_is_rejected(raw: str) -> None:
    rows, rejects = read('{"a":1}', raw, '{"a":2}')
    assert {at: row["a"] for at, row in rows.items()} == {0: 1, 2: 2}
    assert dict(rejects.schema) == REJECT_SCHEMA
    assert rejects.row(0, named=True) | {"reject.detail": ""} == {
        "reject.id": f"{1:032x}",
        "reject.reason": "json_invalid",
        "reject.detail": "",
        "reject.raw": raw.encode(),
        "log.file.path": "a.log",
        "log.offset": 1,
        "record.row": 1,
    }


def test_reject_says_what_and_where() -> None:
    _, rejects = read('{"a":1,}')
    assert rejects["reject.detail"][0].endswith("at position 6")


def test_deep_objects_end_as_text() -> None:
    depth = MAX_DEPTH + 5
    event = one('{"a":' * depth + "1" + "}" * depth)
    (name, value), *rest = event.items()
    assert not rest
    assert name == ".".join(["a"] * (MAX_DEPTH + 1))
    assert value == '{"a":' * (depth - MAX_DEPTH - 1) + "1" + "}" * (depth - MAX_DEPTH - 1)


@pytest.mark.parametrize("depth", [300, 1000])
@pytest.mark.parametrize(("begin", "end"), [('{"a":', "}"), ("[", "]")])
def test_what_is_nested_deeper_than_is_written_is_a_record(depth: int, begin: str, end: str) -> None:
    frames, rejects = read_json(records(f'{{"n":1,"x":{begin * depth}1{end * depth}}}'))
    assert [frame["n"].to_list() for frame in frames] == [[1]]
    assert rejects.is_empty()


def test_names_are_bounded() -> None:
    raws = [json.dumps({"kind": "visit", "by": {f"user{at}": at}}) for at in range(MAX_NAMES + 200)]
    frames, _ = read_json(records(*raws))
    names = {name for frame in frames for name in frame.columns}
    assert len(names) <= MAX_NAMES + 10
    rows, _ = read(*raws)
    for at, row in rows.items():
        assert row["kind"] == "visit"
        assert row.get(f"by.user{at}", json.loads(row.get(REST, "{}")).get(f"by.user{at}")) == at


def test_slices_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    raws = [json.dumps({"a": at, f"k{at % 3}": "x"}) for at in range(50)]
    whole, _ = read(*raws)
    monkeypatch.setattr(json_shapes, "SLICE_ROWS", 7)
    assert read(*raws)[0] == whole


def test_collector_is_as_before() -> None:
    gc.disable()
    try:
        read('{"a":1}')
        assert not gc.isenabled()
    finally:
        gc.enable()
    read("broken")
    assert gc.isenabled()


def test_nothing_comes_of_nothing() -> None:
    frames, rejects = read_json(records())
    assert frames == []
    assert rejects.is_empty()
