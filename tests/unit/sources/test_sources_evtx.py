"""Windows event log files, whole and damaged: what can be read is read, the rest is kept with its place."""

import gzip
import io
import random
import struct

import orjson
import pytest

from miharu.sources import evtx_records, expand
from miharu.sources.content import StreamOver
from miharu.sources.evtx_chunks import natural_ids
from miharu.sources.evtx_records import CHUNK_BYTES, HEADER_BYTES, Damage, read_evtx

KEY = "0" * 32


def name_at(offset, name):
    """Return a binary XML name stored inline at `offset` of its chunk."""
    encoded = name.encode("utf-16-le")
    hashed = 0
    for character in name:
        hashed = (hashed * 65599 + ord(character)) & 0xFFFFFFFF
    return struct.pack("<IIHH", offset + 4, 0, hashed & 0xFFFF, len(name)) + encoded + b"\0\0"


def element(out, name, inner):
    """Write `<name>inner</name>` in binary XML (MS-EVEN6, 2.2.12) without attributes."""
    begin = len(out)
    out += b"\x01" + struct.pack("<I", 0)
    out += name_at(len(out), name)
    out += b"\x02"
    inner(out)
    out += b"\x04"
    struct.pack_into("<I", out, begin + 1, len(out) - begin - 5)


def text(value):
    def write(out):
        encoded = value.encode("utf-16-le")
        out += b"\x05\x01" + struct.pack("<H", len(value)) + encoded

    return write


def log(chunks):
    """Return an EVTX file; `chunks` lists the record numbers of each chunk."""
    data = bytearray(b"ElfFile\0" + struct.pack("<QQQIHHHH", 0, len(chunks) - 1, 1, 128, 1, 3, 4096, len(chunks)))
    data = data.ljust(HEADER_BYTES, b"\0")
    for numbers in chunks:
        data += chunk_of(numbers)
    return bytes(data)


def chunk_of(numbers):
    out = bytearray(512)
    last = 0
    for number in numbers:
        last = len(out)
        out += struct.pack("<4sIQQ", b"**\0\0", 0, number, 132_000_000_000_000_000 + number)
        out += b"\x0f\x01\x01\x00"

        def system(into, number=number):
            element(into, "EventRecordID", text(str(number)))
            element(into, "Channel", text("Security"))
            element(into, "Computer", text("host.example.com"))

        def event(into, system=system):
            element(into, "System", system)

        element(out, "Event", event)
        out += b"\0"
        out += bytes(-(len(out) - last + 4) % 8)
        size = len(out) - last + 4
        struct.pack_into("<I", out, last + 4, size)
        out += struct.pack("<I", size)
    free = len(out)
    header = struct.pack("<8sQQQQIII", b"ElfChnk\0", numbers[0], numbers[-1], numbers[0], numbers[-1], 128, last, free)
    out[: len(header)] = header
    return bytes(out.ljust(CHUNK_BYTES, b"\0"))


def read(data):
    items = list(read_evtx(StreamOver(io.BytesIO(bytes(data)))))
    return [item.number for item in items if not isinstance(item, Damage)], [i for i in items if isinstance(i, Damage)]


GOOD = log([range(1, 31), range(31, 51)])


def record_place(data, number):
    return data.index(struct.pack("<Q", number) + struct.pack("<Q", 132_000_000_000_000_000 + number)) - 8


def test_whole_file():
    items = list(read_evtx(StreamOver(io.BytesIO(GOOD))))
    assert [item.number for item in items] == list(range(1, 51))
    assert orjson.loads(items[4].text)["Event"]["System"]["Computer"] == "host.example.com"


@pytest.mark.mission("S10")
def test_a_damaged_file_header_costs_nothing():
    assert read(b"ElfFile\0" + b"\xff" * 4088 + GOOD[4096:]) == (list(range(1, 51)), [])


def test_a_damaged_record_costs_itself():
    data = bytearray(GOOD)
    place = record_place(GOOD, 7)
    data[place + 24 : place + 60] = b"\xff" * 36
    numbers, damages = read(data)
    assert numbers == [number for number in range(1, 51) if number != 7]
    (damage,) = damages
    assert (damage.reason, damage.position) == ("evtx_record", place)
    assert damage.raw == bytes(data[place : place + len(damage.raw)])
    assert str(place) in damage.detail


def test_a_damaged_record_header_costs_itself():
    data = bytearray(GOOD)
    place = record_place(GOOD, 7)
    data[place : place + 16] = b"\xee" * 16
    numbers, damages = read(data)
    assert numbers == [number for number in range(1, 51) if number != 7]
    assert [(damage.reason, damage.position) for damage in damages] == [("evtx_record", place)]


@pytest.mark.parametrize("span", [(0, 8), (8, 128), (128, 512), (0, 512)])
def test_a_damaged_chunk_header_costs_nothing(span):
    data = bytearray(GOOD)
    data[4096 + span[0] : 4096 + span[1]] = b"\xab" * (span[1] - span[0])
    numbers, damages = read(data)
    assert numbers == list(range(1, 51))
    assert all(not damage.raw for damage in damages)


def test_a_chunk_of_rubbish_is_kept():
    rubbish = b"\xab" * CHUNK_BYTES
    numbers, damages = read(GOOD[: 4096 + CHUNK_BYTES] + rubbish + GOOD[4096 + CHUNK_BYTES :])
    assert numbers == list(range(1, 51))
    assert b"".join(damage.raw for damage in damages) in (rubbish, rubbish[512:])


def test_unused_space_is_nothing():
    assert read(GOOD + bytes(CHUNK_BYTES * 2)) == (list(range(1, 51)), [])


def test_a_file_that_ends_within_a_chunk_gives_the_records_before():
    numbers, damages = read(GOOD[: record_place(GOOD, 40) + 50])
    assert numbers == list(range(1, 40))
    assert [(damage.reason, damage.at_end, len(damage.raw)) for damage in damages] == [("evtx_file", True, 50)]
    numbers, damages = read(GOOD[:1000])
    assert (numbers, [(damage.reason, damage.raw) for damage in damages]) == ([], [("evtx_file", GOOD[:1000])])


def test_a_panic_of_the_library_is_a_reject(monkeypatch):
    class PanicException(BaseException):
        """Named as pyo3's, which cannot be imported."""

    class Parser:
        def __init__(self, *args, **kwargs):
            raise PanicException("index out of bounds")

    monkeypatch.setattr(evtx_records, "PyEvtxParser", Parser)
    numbers, damages = read(GOOD)
    assert numbers == []
    assert len(damages) == 50
    assert "panicked" in damages[0].detail

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(evtx_records, "PyEvtxParser", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(GOOD)


def test_random_damage_never_raises_and_loses_no_number():
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(GOOD)
        for _ in range(chance.choice([1, 3, 30])):
            data[chance.randrange(len(data) // 16)] = chance.randrange(256)
        numbers, damages = read(data[: chance.choice([len(data), chance.randrange(len(data))])])
        assert len(set(numbers)) == len(numbers)
        assert damages or len(numbers) >= 45


def test_ids_come_from_the_records_own_words():
    import polars as pl  # noqa: PLC0415

    first = pl.Series([item.text for item in read_evtx(StreamOver(io.BytesIO(GOOD)))])
    second = pl.Series([item.text for item in read_evtx(StreamOver(io.BytesIO(log([range(1, 51)]))))])
    ordinals = pl.int_range(0, 50, eager=True).to_numpy()
    ids = natural_ids(first, "0" * 32, ordinals)
    assert ids.n_unique() == 50
    assert ids.equals(natural_ids(second, "f" * 32, ordinals + 5))
    nameless = pl.Series(["{}", "{}"])
    assert natural_ids(nameless, "0" * 32, ordinals[:2]).n_unique() == 2


def test_a_log_that_breaks_off_goes_on_with_the_record_that_was_cut(tmp_path):
    path = tmp_path / "x.gz"
    for data in (
        gzip.compress(GOOD[: record_place(GOOD, 40) + 50]),
        gzip.compress(GOOD)[:-400],
        GOOD[:-30_000],
        GOOD[:90],
    ):
        path.write_bytes(data)
        (file,) = expand([path])
        first = list(file.chunks(KEY, rows=7))
        assert first[-1].rejects["reject.reason"].to_list() in (["evtx_file"], ["archive_truncated"], ["binary"])
        for chunk in first:
            (again,) = file.chunks(KEY, chunk.begin, chunk.end, rows=7)
            assert again.records.equals(chunk.records)
            assert again.rejects.equals(chunk.rejects)
        path.write_bytes(GOOD)
        (file,) = expand([path])
        later = list(file.chunks(KEY, begin=first[-1].end))
        ids = [value for chunk in first + later for value in chunk.records["record.id"]]
        assert ids == [value for chunk in file.chunks(KEY) for value in chunk.records["record.id"]]
