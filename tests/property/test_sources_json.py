"""JSON is cut as the standard library reads it, at every block size; no bytes make any reader raise."""

import io
import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.sources import Limits, SourceFile
from miharu.sources.content import StreamOver
from miharu.sources.json_items import JsonCutter, Shape
from miharu.sources.textcoding import TextWindow

KEY = "0" * 32
WORDS = st.text(alphabet='a"\\\n{}[],: é', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=4)
STYLES = st.sampled_from([None, 0, 1, 3])


class Bytes:
    def __init__(self, data):
        self.data = data

    def open(self):
        return StreamOver(io.BytesIO(self.data))


def cut(data, shape, block):
    window = TextWindow(StreamOver(io.BytesIO(data)), "utf-8", 0, block)
    cutter = JsonCutter(shape, 1 << 20, 1 << 18)
    records, kept = [], []
    while not window.final:
        found = cutter.cut(window, window.fill())
        spans = zip(found.starts, found.stops, found.afters, strict=True)
        records += [(window.base + int(a), window.data[a:b], window.base + int(c)) for a, b, c in spans]
        kept += [(window.base + k.start, window.data[k.start : k.stop]) for k in found.kept]
        window.drop(found.used)
    return records, kept, cutter.ending(window)


def dump(value, indent):
    return json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")


@given(st.lists(VALUES, max_size=6), STYLES, st.integers(2, 40))
def test_items_of_an_array(items, indent, block):
    data = dump(items, indent)
    records, kept, ending = cut(data, Shape("array"), block)
    assert [json.loads(raw) for _, raw, _ in records] == items
    assert all(data[offset : offset + len(raw)] == raw == raw.strip() for offset, raw, _ in records)
    assert (kept, ending) == ([], None)


@given(st.lists(OBJECTS, max_size=6), OBJECTS, STYLES, st.integers(2, 40))
def test_items_of_an_envelope(items, others, indent, block):
    data = dump({**{f"x{key}": value for key, value in others.items()}, "Records": items, "z": [1, {"y": 2}]}, indent)
    records, kept, ending = cut(data, Shape("envelope", b'"Records"'), block)
    assert [json.loads(raw) for _, raw, _ in records] == items
    assert (kept, ending) == ([], None)


@given(
    st.lists(OBJECTS | st.lists(VALUES, max_size=3), max_size=6),
    STYLES,
    st.sampled_from([b"", b"\n", b" ,\r\n"]),
    st.integers(2, 40),
)
def test_documents_one_after_another(documents, indent, between, block):
    data = between.join(dump(document, indent) for document in documents)
    records, kept, ending = cut(data, Shape("documents"), block)
    assert [json.loads(raw) for _, raw, _ in records] == documents
    assert (kept, ending) == ([], None)


@given(st.lists(OBJECTS, min_size=1, max_size=5), STYLES, st.data(), st.integers(2, 40))
def test_a_broken_off_array_gives_the_items_before_and_says_so(items, indent, data, block):
    whole = dump(items, indent)
    text = whole[: data.draw(st.integers(1, len(whole) - 1))]
    records, kept, ending = cut(text, Shape("array"), block)
    read = [json.loads(raw) for _, raw, _ in records]
    assert read == items[: len(read)]
    assert kept == []
    assert ending is not None
    assert ending.reason == "json_invalid"


@settings(deadline=None)
@given(
    st.binary(max_size=120) | st.text(alphabet='{}[]",:\\ \n1ax', max_size=80).map(str.encode),
    st.integers(2, 50),
    st.integers(4, 60),
)
def test_no_bytes_make_a_reader_raise_or_lose_anything(data, block, record):
    file = SourceFile("a", datetime(2024, 1, 1, tzinfo=UTC), Bytes(data), Limits(block=block, record=record))
    scan = file.scan([0, 3, len(data)])
    chunks = list(file.chunks(scan.digest, rows=3))
    assert scan.size == len(data)
    kept = b"".join(raw for chunk in chunks for raw in [*chunk.records["record.raw"], *chunk.rejects["reject.raw"]])
    if file._recognised.encoding == "utf-8":
        for byte in b"1ax":
            assert kept.count(byte) == data.count(byte)
    for chunk in chunks:
        again = list(file.chunks(scan.digest, chunk.begin, chunk.end, rows=3))
        assert [c.records.equals(chunk.records) for c in again] == [True]
        assert [c.rejects.equals(chunk.rejects) for c in again] == [True]


@settings(deadline=None)
@given(st.lists(OBJECTS.filter(bool), min_size=2, max_size=8), st.integers(1, 3), st.integers(2, 50))
def test_array_files_are_recognised_and_replayed(items, rows, block):
    file = SourceFile("a", datetime(2024, 1, 1, tzinfo=UTC), Bytes(dump(items, 1)), Limits(block=block))
    assert file.format == "json"
    chunks = list(file.chunks(KEY, rows=rows))
    assert [json.loads(raw) for chunk in chunks for raw in chunk.records["record.raw"]] == items
    for chunk in chunks:
        assert [c.records.equals(chunk.records) for c in file.chunks(KEY, chunk.begin, chunk.end, rows=rows)] == [True]
