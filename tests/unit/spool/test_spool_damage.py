"""Damaged bytes are kept, said once and passed over; what is whole around them comes out."""

import os
import struct
import tracemalloc

import pytest

from miharu.core.errors import OperatorError
from miharu.spool import Position, SpoolReader
from miharu.spool.layout import FILE_HEADER, PREAMBLE, FileHeader, Keys, encode, encode_file_header
from miharu.spool.segment import BLOCK
from tests.unit.spool.spooling import (
    BEGIN,
    drain,
    filled,
    flip,
    frame,
    kept,
    overwrite,
    read_all,
    segment_at,
    segments,
    spans,
    writer,
)

FRAMES = [frame(i, [b"x" * 200, b"y" * i]) for i in range(12)]


def without(*numbers):
    return [one for i, one in enumerate(FRAMES) if i not in numbers]


@pytest.mark.parametrize("part", [0, 9, 12, 18, 26, 30, 40, -1], ids=lambda at: f"byte {at}")
@pytest.mark.parametrize("told", [True, False])
def test_a_damaged_frame_is_kept_and_passed_over(tmp_path, part, told):
    filled(tmp_path, FRAMES)
    _, number, begin, end = spans(tmp_path)[4]
    flip(segment_at(tmp_path, number), begin + part if part >= 0 else end + part, bit=5)
    if not told:
        (tmp_path / "durable").unlink()
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == without(4)
    assert (damage.segment, damage.offset, damage.size) == (number, begin, end - begin)
    bad = segment_at(tmp_path, number).read_bytes()[begin:end]
    assert kept(tmp_path) == {f"{number:012d}-{begin}.bytes": bad}
    assert damage.kept.read_bytes() == bad
    assert damage.detail in {"no frame begins here", "a frame is not what was written"}


def test_damage_at_the_end_of_the_newest_segment_is_known_at_once(tmp_path):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:3])
        _, number, begin, _ = spans(tmp_path)[2]
        flip(segment_at(tmp_path, number), begin + 15, bit=7)  # its data now seems to have 2 GiB more
        frames, damages, end = drain(reader)
        assert frames == FRAMES[:2]
        assert [(one.offset, one.detail) for one in damages] == [(begin, "no frame begins here")]
        spool.put(FRAMES[3:])
        assert drain(reader, end)[:2] == (FRAMES[3:], [])
        assert drain(reader)[0] == without(2)
        assert len(reader.quarantined) == 1


def test_damage_at_the_end_of_the_newest_segment_waits_where_nobody_says_how_far_it_goes(tmp_path):
    filled(tmp_path, FRAMES[:3])
    (tmp_path / "durable").unlink()
    _, number, begin, end = spans(tmp_path)[2]
    flip(segment_at(tmp_path, number), end - 1)
    with SpoolReader.open(tmp_path) as reader:
        frames, damages, place = drain(reader)
        assert (frames, damages, place.offset) == (FRAMES[:2], [], begin)
        filled(tmp_path, FRAMES[3:])
        frames, damages, _ = drain(reader, place)
        assert frames == FRAMES[3:]
        assert [(one.offset, one.size) for one in damages] == [(begin, end - begin)]


def test_bytes_between_frames_are_damage(tmp_path):
    filled(tmp_path, FRAMES)
    (path,) = segments(tmp_path)
    at = spans(tmp_path)[3][3]
    data = path.read_bytes()
    path.write_bytes(data[:at] + b"garbage" + data[at:])
    (tmp_path / "durable").unlink()
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == FRAMES
    assert damage.kept.read_bytes() == b"garbage"


def test_a_broken_file_header_costs_no_frame(tmp_path):
    filled(tmp_path, FRAMES)
    (path,) = segments(tmp_path)
    overwrite(path, 0, b"\xff" * FILE_HEADER)
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == FRAMES
    assert (damage.offset, damage.size, damage.detail) == (0, FILE_HEADER, "the segment's file header is damaged")


def test_without_header_and_seed_all_of_a_segment_is_kept(tmp_path):
    filled(tmp_path, FRAMES[:6])
    first = segments(tmp_path)[0]
    overwrite(first, 0, b"\xff" * FILE_HEADER)
    (tmp_path / "seed").unlink()
    filled(tmp_path, FRAMES[6:])
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == FRAMES[6:]
    assert damage.kept.read_bytes() == first.read_bytes()


def test_damage_is_copied_once(tmp_path):
    filled(tmp_path, FRAMES)
    places = spans(tmp_path)
    for at in (2, 3, 7):
        _, number, begin, _ = places[at]
        flip(segment_at(tmp_path, number), begin + PREAMBLE + 3)
    with SpoolReader.open(tmp_path) as reader:
        first = drain(reader)
        assert drain(reader) == first
        assert reader.quarantined == first[1]
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "quarantine").iterdir()}
    assert len(times) == 2  # two of the frames lie side by side
    assert read_all(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "quarantine").iterdir()} == times


def test_damage_is_the_same_again_up_to_a_written_down_end(tmp_path):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:4])
        _, number, begin, _ = spans(tmp_path)[3]
        flip(segment_at(tmp_path, number), begin + PREAMBLE)
        first = reader.read(BEGIN, rows=1000, size=1 << 20)
        assert first.damages
        spool.put(FRAMES[4:])
        again = reader.read(BEGIN, rows=1000, size=1 << 20, end=first.end)
        assert again == first


def test_missing_segments_are_damage(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=600)
    places = spans(tmp_path)
    first, *_, last = numbers = sorted({number for _, number, *_ in places})
    for number in numbers[2:4]:
        segment_at(tmp_path, number).unlink()
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == [one for one, number, *_ in places if number not in numbers[2:4]]
    assert (damage.segment, damage.size) == (numbers[2], 0)
    assert damage.detail == f"segments are gone: {numbers[2]} to {numbers[3]}"
    assert damage.kept.read_bytes() == b""
    segment_at(tmp_path, first).unlink()
    assert read_all(tmp_path)[0] == frames[len([one for one in places if one[1] == first]) :]
    segment_at(tmp_path, last).unlink()
    assert len(read_all(tmp_path)[1]) == 1


def test_missing_segments_are_no_reason_to_go_beyond_the_end(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=600)
    places = spans(tmp_path)
    numbers = sorted({number for _, number, *_ in places})
    for number in numbers[1:4]:
        segment_at(tmp_path, number).unlink()
    with SpoolReader.open(tmp_path) as reader:
        end = Position(numbers[2], 100)
        frames, _, there = drain(reader, end=end)
    assert frames == [one for one, number, *_ in places if number == numbers[0]]
    assert there == end


def test_an_acknowledged_end_that_is_gone_is_damage(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=900)
    places = spans(tmp_path)
    number = places[0][1]
    *_, (_, _, begin, end) = [place for place in places if place[1] == number]
    os.truncate(segment_at(tmp_path, number), begin)
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == [one for one, there, start, _ in places if (there, start) != (number, begin)]
    assert (damage.segment, damage.offset, damage.size) == (number, begin, end - begin)
    assert damage.detail == "the end of the segment is gone"


def by_hand(folder, data, *, seed=99):
    """Make an older segment 7 with these bytes after its header, and an empty newest one."""
    segment_at(folder, 7).write_bytes(encode_file_header(FileHeader(7, seed, 0)) + data)
    writer(folder).close()


def test_a_size_that_cannot_be_takes_no_memory(tmp_path):
    keys = Keys.of(99, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("miharu.spool.layout._START", Forged())
        bad = encode(FRAMES[:1], keys)
    by_hand(tmp_path, bad + encode(FRAMES[1:2], keys))
    tracemalloc.start()
    frames, damages, _ = read_all(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames == FRAMES[1:2]
    assert [one.detail for one in damages] == ["a frame is cut short"]
    assert peak < 32 << 20


class Forged:
    """Packs frames' sizes as somebody would who knows the seed and lies."""

    real = struct.Struct("<8sIIIQ")
    size = real.size

    def pack(self, marker, header, lengths, data, check):
        return self.real.pack(marker, header, 0xFFFFFFFF, 0xFFFFFFFF, check)

    def unpack_from(self, data, at):
        return self.real.unpack_from(data, at)


def test_hostile_bytes_are_read_a_few_times_at_most(tmp_path, monkeypatch):
    size = 1 << 20
    marker = Keys.of(99, 7).marker
    by_hand(tmp_path, marker * (size // 8) + encode(FRAMES, Keys.of(99, 7)))
    total, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda file, want, at: total.append(len(data := pread(file, want, at))) or data)
    frames, damages, _ = read_all(tmp_path)
    assert frames == FRAMES
    assert [one.size for one in damages] == [size]
    assert sum(total) < 4 * size


@pytest.mark.parametrize("more", range(-12, 5, 4))
def test_a_frame_that_begins_where_a_block_ends_is_found(tmp_path, more):
    by_hand(tmp_path, b"x" * (BLOCK + more) + encode(FRAMES, Keys.of(99, 7)))
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == FRAMES
    assert damage.size == BLOCK + more


def test_frames_within_a_record_never_come_out(tmp_path):
    """A sender may know all about the layout, and have seen another spool, or another segment of this one."""
    filled(tmp_path / "other", FRAMES[:3])
    filled(tmp_path, FRAMES[3:6])
    inside = [path.read_bytes() for path in (*segments(tmp_path / "other"), *segments(tmp_path))]
    host = frame(50, [b"before", *inside, b"after"])
    filled(tmp_path, [host, FRAMES[7]])
    _, number, begin, end = spans(tmp_path)[3]
    flip(segment_at(tmp_path, number), begin + 2)
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == [*FRAMES[3:6], FRAMES[7]]
    assert (damage.offset, damage.size) == (begin, end - begin)


def test_an_unreadable_header_under_a_right_check_is_damage(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("miharu.spool.layout._Header", lambda *_: ["", 5])
        bad = encode(FRAMES[:1], Keys.of(99, 7))
    by_hand(tmp_path, bad + encode(FRAMES[1:2], Keys.of(99, 7)))
    frames, (damage,), _ = read_all(tmp_path)
    assert frames == FRAMES[1:2]
    assert damage.size == len(bad)


def test_damage_that_cannot_be_kept_stops_reading_until_it_can(tmp_path):
    filled(tmp_path, FRAMES)
    _, number, begin, _ = spans(tmp_path)[4]
    flip(segment_at(tmp_path, number), begin + PREAMBLE)
    (tmp_path / "quarantine").write_bytes(b"in the way")
    with SpoolReader.open(tmp_path) as reader:
        with pytest.raises(OperatorError, match="cannot be kept"):
            drain(reader)
        (tmp_path / "quarantine").unlink()
        assert drain(reader)[0] == without(4)
