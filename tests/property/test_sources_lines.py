"""Lines and Windows events, cut window by window, are those a naive splitter finds, for any bytes and block sizes."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.sources import Limits, SourceFile
from miharu.sources.content import StreamOver
from miharu.sources.lines import LineCutter
from miharu.sources.textcoding import TextWindow

KEY = "0" * 32
ALPHABET = st.sampled_from([b"\n", b"\r", b"\r\n", b" ", b"\t", b"a", b"bc", b"\xff", b"\x00", "é".encode(), b"x" * 9])
TEXT = st.lists(ALPHABET, max_size=60).map(b"".join) | st.binary(max_size=80)
XMLNS = b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>"
EVENT_PARTS = st.sampled_from(
    [
        XMLNS + b"<System/></Event>",
        XMLNS + b"\n<System>\n</System>\r\n</Event>",
        b"<Events>",
        b"</Events>",
        b"\n",
        b"\r\n",
        b"text",
        b"<?xml version='1.0'?>",
        XMLNS + b"\n<Broken>",
        b"<Event>\n<System></System></Event>",
        b" ",
        b"<Event x='1'/>",
    ]
)


class Bytes:
    def __init__(self, data):
        self.data = data

    def open(self):
        return StreamOver(io.BytesIO(self.data))


def cut(data, block, limit=1 << 20, piece=1 << 18):
    """Return the spans of records and of kept pieces that the cutter finds with windows of `block` bytes."""
    window = TextWindow(StreamOver(io.BytesIO(data)), "utf-8", 0, block)
    cutter = LineCutter(limit, piece)
    records, kept = [], []
    while not window.final:
        found = cutter.cut(window, window.fill())
        records += [
            (window.base + int(a), window.data[a:b], window.base + int(c))
            for a, b, c in zip(found.starts, found.stops, found.afters, strict=True)
        ]
        kept += [(window.base + k.start, window.data[k.start : k.stop]) for k in found.kept]
        window.drop(found.used)
    assert not window.data.strip()
    return records, kept


def naive(data):
    records, offset = [], 0
    for line in data.splitlines(keepends=True):
        bare = line[:-2] if line.endswith(b"\r\n") else line[:-1] if line[-1:] in (b"\n", b"\r") else line
        if bare.strip(b" \t\n\r\x0b\x0c"):
            records.append((offset, bare))
        offset += len(line)
    return records


def file_of(data, **limits):
    return SourceFile("a", datetime(2024, 1, 1, tzinfo=UTC), Bytes(data), Limits(**limits))


@given(TEXT, st.integers(2, 40))
def test_lines_are_those_of_a_naive_splitter(data, block):
    records, kept = cut(data, block)
    assert [(offset, raw) for offset, raw, _ in records] == naive(data)
    assert kept == []


@given(TEXT, st.integers(2, 40), st.integers(3, 12), st.integers(1, 3))
def test_lines_beyond_the_limit_are_kept_in_the_same_pieces(data, block, limit, piece):
    records, kept = cut(data, block, limit, piece)
    lines = naive(data)
    assert [(offset, raw) for offset, raw, _ in records] == [line for line in lines if len(line[1]) <= limit]
    long = [line for line in data.splitlines(keepends=True) if len(line.rstrip(b"\r\n")) > limit]
    assert b"".join(raw for _, raw in kept) == b"".join(line.rstrip(b"\r\n") for line in long)
    assert all(data[offset : offset + len(raw)] == raw and 0 < len(raw) <= piece for offset, raw in kept)
    assert kept == cut(data, len(data) + 2, limit, piece)[1]


@given(st.lists(EVENT_PARTS, max_size=12).map(b"".join), st.integers(2, 300))
def test_windows_events_do_not_depend_on_the_block_size(data, block):
    whole, _ = cut(data, len(data) + 2)
    assert cut(data, block)[0] == whole
    covered = b"".join(raw for _, raw, _ in whole)
    assert covered.count(b"<System") == data.count(b"<System")
    assert covered.count(b"text") == data.count(b"text")


@given(st.lists(EVENT_PARTS, max_size=12).map(b"".join), st.integers(1, 4))
def test_windows_events_resume_after_any_record(data, rows):
    file = file_of(data)
    if file.format != "lines":
        return
    chunks = list(file.chunks(KEY, rows=rows))
    records = [row for chunk in chunks for row in chunk.records.select("record.offset", "record.raw").iter_rows()]
    for chunk in chunks:
        again = [
            row
            for more in file.chunks(KEY, begin=chunk.end)
            for row in more.records.select("record.offset", "record.raw").iter_rows()
        ]
        assert again == [row for row in records if row[0] >= chunk.end]


@settings(deadline=None)
@given(TEXT, st.integers(1, 5), st.integers(2, 30), st.integers(4, 30))
@pytest.mark.mission("S10")
def test_chunks_read_again_give_the_same_records_and_ids(data, rows, block, record):
    file = file_of(data, block=block, record=record)
    chunks = list(file.chunks(KEY, rows=rows))
    assert [chunk.begin for chunk in chunks] == [0, *(chunk.end for chunk in chunks[:-1])][: len(chunks)]
    for chunk in chunks:
        again = list(file.chunks(KEY, chunk.begin, chunk.end, rows=rows))
        assert len(again) == 1
        assert again[0].records.equals(chunk.records)
        assert again[0].rejects.equals(chunk.rejects)
    whole = file_of(data, record=record).chunks(KEY)
    ids = [row for chunk in whole for row in chunk.records["record.id"]]
    assert [row for chunk in chunks for row in chunk.records["record.id"]] == ids
    assert len(set(ids)) == len(ids)


@given(st.text(alphabet="ab\n\r é漢😀", max_size=40), st.sampled_from(["utf-16-le", "utf-16-be"]), st.integers(1, 4))
def test_utf16_gives_the_lines_of_its_text_at_their_own_offsets(text, encoding, rows):
    data = ("\ufeff" + text).encode(encoding)
    expected = [
        (2 + len(text.encode("utf-8")[:offset].decode("utf-8").encode(encoding)), raw)
        for offset, raw in naive(text.encode())
    ]
    file = file_of(data, block=6)
    chunks = list(file.chunks(KEY, rows=rows))
    rows_read = [row for chunk in chunks for row in chunk.records.select("record.offset", "record.raw").iter_rows()]
    assert rows_read == expected
    for chunk in chunks:
        again = list(file.chunks(KEY, chunk.begin, chunk.end))
        assert [c.records.equals(chunk.records) for c in again] == [True]


@given(TEXT, TEXT)
def test_a_grown_file_continues_where_it_ended(data, more):
    first = b"begin\n" + data + b"\n"
    before, after = file_of(first), file_of(first + more)
    if {before.format, after.format} != {"lines"} or before._recognised != after._recognised:
        return
    end = ([0] + [chunk.end for chunk in before.chunks(KEY)])[-1]
    old = [row for chunk in before.chunks(KEY) for row in chunk.records["record.id"]]
    new = [row for chunk in after.chunks(KEY, begin=end) for row in chunk.records["record.id"]]
    assert old + new == [row for chunk in after.chunks(KEY) for row in chunk.records["record.id"]]
