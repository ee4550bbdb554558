"""Frames come out as they went in: once, in order, repeatably, while somebody writes."""

import os
import time

import pytest

from miharu.core.errors import OperatorError
from miharu.spool import Position, SpoolReader, ends
from miharu.spool.durable import DurableView
from miharu.spool.layout import FILE_HEADER, FileHeader, Keys, decode_file_header, encode, encode_file_header
from tests.unit.spool.spooling import (
    BEGIN,
    drain,
    filled,
    frame,
    overwrite,
    read_all,
    segment_at,
    segments,
    spans,
    writer,
)

FRAMES = [frame(i, [b"x" * (i % 50), b"", b"y"]) for i in range(40)]


def test_what_is_put_comes_out(tmp_path):
    odd = frame(1, [b"a", b""], digest="d1", ids=("id-1", None))
    empty = frame(2, [])
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put([odd, empty])
        spool.put([])
        assert reader.read(BEGIN, rows=100, size=1 << 20).frames == [odd, empty]


def test_one_read_takes_whole_frames_until_there_is_enough(tmp_path):
    filled(tmp_path, FRAMES)
    with SpoolReader.open(tmp_path) as reader:
        by_rows = reader.read(BEGIN, rows=7, size=1 << 20)
        assert by_rows.frames == FRAMES[:3]
        by_size = reader.read(by_rows.end, rows=1000, size=1)
        assert by_size.frames == FRAMES[3:4]
        assert drain(reader, by_size.end)[0] == FRAMES[4:]


def test_the_same_place_gives_the_same_frames_later(tmp_path):
    with writer(tmp_path, segment_bytes=1000) as spool, SpoolReader.open(tmp_path) as reader:
        takes, begin = [], BEGIN
        for one in FRAMES:
            spool.put([one])
            takes.append(reader.read(begin, rows=3, size=1 << 20))
            begin = takes[-1].end
        assert len(segments(tmp_path)) > 3
        with SpoolReader.open(tmp_path) as other:
            for taken in takes:
                again = other.read(taken.begin, rows=1 << 20, size=1 << 30, end=taken.end)
                assert (again.frames, again.end) == (taken.frames, taken.end)
        joined = reader.read(takes[2].begin, rows=1 << 20, size=1 << 30, end=takes[30].end)
        assert joined.frames == [one for taken in takes[2:31] for one in taken.frames]


def test_segments_follow_one_another_and_a_big_frame_has_its_own(tmp_path):
    big = frame(100, [b"z" * 5000])
    filled(tmp_path, [FRAMES[0], big, FRAMES[1]], segment_bytes=1000)
    assert [one for one, *_ in spans(tmp_path)] == [FRAMES[0], big, FRAMES[1]]
    assert len({number for _, number, *_ in spans(tmp_path)}) == 3


def test_a_reader_may_come_before_the_writer(tmp_path):
    with SpoolReader.open(tmp_path / "spool") as reader:
        assert reader.read(BEGIN, rows=1, size=1).end == BEGIN
        assert reader.backlog(BEGIN) == 0
        with writer(tmp_path / "spool") as spool:
            spool.put(FRAMES)
            assert drain(reader)[0] == FRAMES


def test_a_folder_made_anew_goes_on_with_later_numbers(tmp_path, monkeypatch):
    folder = tmp_path / "spool"
    filled(folder, FRAMES[:2])
    with SpoolReader.open(folder) as reader:
        _, _, end = drain(reader)
        for path in folder.iterdir():
            path.unlink()
        later = time.time() + 60
        monkeypatch.setattr(time, "time", lambda: later)
        filled(folder, FRAMES[2:4])
        frames, damages, _ = drain(reader, end)
    assert frames == FRAMES[2:4]
    assert "segments are gone" in damages[0].detail


def test_an_idle_read_reads_almost_nothing(tmp_path, monkeypatch):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES)
        _, _, end = drain(reader)
        sizes, pread = [], os.pread
        monkeypatch.setattr(os, "pread", lambda file, size, at: sizes.append(size) or pread(file, size, at))
        monkeypatch.setattr(os, "open", None)
        monkeypatch.setattr(os, "scandir", None)
        assert reader.read(end, rows=10, size=1000).end == end
        assert sum(sizes) < 100


def test_big_blocks_are_read_once(tmp_path, monkeypatch):
    filled(tmp_path, [frame(i, [b"x" * 100]) for i in range(300)])
    total, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: total.append(len(data := pread(file, size, at))) or data)
    with SpoolReader.open(tmp_path) as reader:
        assert len(drain(reader, rows=5)[0]) == 300
    assert sum(total) < 2 * segments(tmp_path)[0].stat().st_size


def test_backlog_counts_what_is_not_read(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=1000)
    places = spans(tmp_path)
    with SpoolReader.open(tmp_path) as reader:
        rest = sum(end - begin for *_, begin, end in places)
        assert reader.backlog(BEGIN) == rest
        for _, number, begin, end in places:
            rest -= end - begin
            assert reader.backlog(Position(number, end)) == rest
    assert rest == 0


def test_forgetting_deletes_what_lies_before_and_never_the_newest(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=1000)
    names = segments(tmp_path)
    with SpoolReader.open(tmp_path) as reader:
        place = next(Position(number, end) for _, number, _, end in spans(tmp_path) if number == int(names[2].stem))
        rest = drain(reader, place)[0]
        reader.forget(place)
        assert segments(tmp_path) == names[2:]
        assert drain(reader, place)[:2] == (rest, [])
        reader.forget(Position(int(names[-1].stem) + 5, 0))
        assert segments(tmp_path) == names[-1:]


def unfinished(folder, cut, *, mark):
    """Write a segment by hand whose last frame lacks `cut` bytes; return the missing bytes and where they belong."""
    folder.mkdir(exist_ok=True)
    data = encode_file_header(FileHeader(7, 99, 0)) + encode(FRAMES[:3], Keys.of(99, 7))
    segment_at(folder, 7).write_bytes(data[:-cut])
    if mark:
        (folder / "durable").write_bytes(b"what no writer says")
    return data[-cut:], len(data) - cut


@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("cut", [1, 60, 100])
def test_an_unfinished_frame_at_the_end_is_awaited(tmp_path, cut, mark):
    missing, offset = unfinished(tmp_path, cut, mark=mark)
    with SpoolReader.open(tmp_path) as reader:
        frames, damages, end = drain(reader)
        assert (frames, damages) == (FRAMES[:2], [])
        assert drain(reader, end) == ([], [], end)
        overwrite(segment_at(tmp_path, 7), offset, missing)
        assert drain(reader, end)[:2] == (FRAMES[2:3], [])


@pytest.mark.parametrize("cut", [1, 60, 100])
def test_an_unfinished_frame_in_an_older_segment_is_passed_over(tmp_path, cut):
    unfinished(tmp_path, cut, mark=False)
    with SpoolReader.open(tmp_path) as reader:
        _, _, end = drain(reader)
        with writer(tmp_path) as spool:
            spool.put(FRAMES[5:7])
        assert drain(reader, end)[:2] == (FRAMES[5:7], [])
        assert reader.quarantined == []


def test_a_header_still_being_written_is_awaited(tmp_path):
    unfinished(tmp_path, 1, mark=False)
    whole = segment_at(tmp_path, 7).read_bytes()
    segment_at(tmp_path, 7).write_bytes(whole[:20])
    with SpoolReader.open(tmp_path) as reader:
        frames, damages, end = drain(reader)
        assert (frames, damages) == ([], [])
        overwrite(segment_at(tmp_path, 7), 20, whole[20:])
        assert drain(reader, end)[0] == FRAMES[:2]


@pytest.mark.parametrize("size", [0, 3, 20])
def test_a_segment_that_was_barely_begun_is_passed_over(tmp_path, size):
    filled(tmp_path, FRAMES[:1])
    (path,) = segments(tmp_path)
    segment_at(tmp_path, int(path.stem) + 1).write_bytes(path.read_bytes()[:size])
    filled(tmp_path, FRAMES[1:2])
    assert read_all(tmp_path)[:2] == (FRAMES[:2], [])


def test_zeros_that_a_machine_leaves_when_it_goes_down_are_passed_over(tmp_path):
    filled(tmp_path, FRAMES[:1])
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(5000))
    (tmp_path / "durable").unlink()
    filled(tmp_path, FRAMES[1:2])
    assert read_all(tmp_path)[:2] == (FRAMES[:2], [])


def test_nothing_is_passed_over_when_the_writer_begins_the_next_segment_meanwhile(tmp_path, monkeypatch):
    """Whatever a reader looked at last, the writer goes on right after it."""
    with writer(tmp_path, segment_bytes=1000) as spool, SpoolReader.open(tmp_path) as reader:
        more = iter(FRAMES)
        ask = DurableView.read

        def meanwhile(view):
            said = ask(view)
            spool.put([next(more), next(more)])
            spool.put([next(more), next(more)])
            return said

        monkeypatch.setattr(DurableView, "read", meanwhile)
        frames, begin = [], BEGIN
        for _ in range(10):
            taken = reader.read(begin, rows=1000, size=1 << 20)
            frames, begin = frames + taken.frames, taken.end
        monkeypatch.undo()
        frames += drain(reader, begin)[0]
    assert frames == FRAMES
    assert len(segments(tmp_path)) > 2


def test_nothing_is_passed_over_by_a_reader_who_only_sees_the_files(tmp_path, monkeypatch):
    with writer(tmp_path, segment_bytes=1000) as spool, SpoolReader.open(tmp_path) as reader:
        more = iter(FRAMES)
        look = ends.numbers

        def meanwhile(folder):
            seen = look(folder)
            for one in (next(more, None), next(more, None), next(more, None)):
                spool.put([one] if one else [])
            return seen

        monkeypatch.setattr(DurableView, "read", lambda view: None)
        monkeypatch.setattr(ends, "numbers", meanwhile)
        frames, damages, _ = drain(reader, rows=2)
    assert (frames, damages) == (FRAMES, [])


def test_a_segment_that_came_and_went_is_no_reason_to_pass_over_frames(tmp_path, monkeypatch):
    """A writer takes a segment back when its disk is too full to begin it, and goes on in the one before."""
    monkeypatch.setattr(DurableView, "read", lambda view: None)
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:3])
        following = segment_at(tmp_path, int(segments(tmp_path)[0].stem) + 1)
        following.write_bytes(b"")
        taken = reader.read(BEGIN, rows=1, size=1)
        following.unlink()
        spool.put(FRAMES[3:])
        assert taken.frames + drain(reader, taken.end)[0] == FRAMES


def test_what_the_writer_has_not_told_is_not_seen_until_the_machine_restarts(tmp_path, monkeypatch):
    with writer(tmp_path, segment_bytes=1000) as spool:
        spool.put(FRAMES[:2])
        said = (tmp_path / "durable").read_bytes()
        for one in FRAMES[2:]:
            spool.put([one])
    (tmp_path / "durable").write_bytes(said)
    frames, damages, end = read_all(tmp_path)
    assert (frames, damages) == (FRAMES[:2], [])
    with SpoolReader.open(tmp_path) as reader:
        assert reader.backlog(BEGIN) == end.offset - FILE_HEADER
        beyond = Position(end.segment + 1, 0)
        assert reader.read(beyond, rows=1, size=1).frames == []
        assert reader.backlog(beyond) == 0
    monkeypatch.setattr("miharu.spool.durable.boot", lambda: b"another boot, 16")
    assert read_all(tmp_path)[:2] == (FRAMES, [])


def test_after_a_restart_of_the_machine_the_files_count(tmp_path, monkeypatch):
    filled(tmp_path, FRAMES)
    (tmp_path / "durable").write_bytes(bytes(40))
    assert read_all(tmp_path)[0] == FRAMES
    monkeypatch.setattr("miharu.spool.durable.boot", lambda: b"another boot, 16")
    filled(tmp_path, FRAMES)
    monkeypatch.undo()
    assert read_all(tmp_path)[0] == FRAMES + FRAMES


def test_a_segment_of_a_later_version_waits(tmp_path):
    filled(tmp_path, FRAMES[:1])
    (path,) = segments(tmp_path)
    header = decode_file_header(path.read_bytes()[:FILE_HEADER], int(path.stem))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("miharu.spool.layout.VERSION", 2)
        overwrite(path, 0, encode_file_header(header))
    with SpoolReader.open(tmp_path) as reader, pytest.raises(OperatorError, match="version 2"):
        reader.read(BEGIN, rows=1, size=1)
