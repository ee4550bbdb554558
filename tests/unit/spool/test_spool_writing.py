"""A put counts as a whole or not at all; a full spool says so and takes more when there is room."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from miharu.core.errors import OperatorError
from miharu.spool import Position, SpoolFullError, SpoolReader, SpoolWriter
from tests.unit.spool.spooling import BEGIN, LIMITS, drain, frame, read_all, segments, writer

FRAMES = [frame(i, [b"x" * 3000]) for i in range(12)]


def fault(code):
    return OSError(code, os.strerror(code))


def half_written(code, meanwhile=lambda: None):
    """Return an os.pwrite that writes two thirds of a put and then fails."""
    pwrite = os.pwrite

    def write(file, data, offset):
        if len(data) < 200:
            return pwrite(file, data, offset)
        pwrite(file, bytes(data[: len(data) * 2 // 3]), offset)
        meanwhile()
        raise fault(code)

    return write


def failing(code):
    def call(*_):
        raise fault(code)

    return call


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "is full"), (errno.EIO, "cannot be written")])
def test_a_put_that_fails_half_way_never_was(tmp_path, code, words):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:2])
        seen = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "pwrite", half_written(code, lambda: seen.append(drain(reader)[0])))
            for _ in range(2):
                with pytest.raises(SpoolFullError, match=words):
                    spool.put(FRAMES[2:8])
        assert seen == [FRAMES[:2], FRAMES[:2]]  # four whole frames lay there, not acknowledged
        size = spool.bytes
        spool.put(FRAMES[8:9])
        assert spool.bytes < size + 4000
        assert drain(reader)[:2] == (FRAMES[:2] + FRAMES[8:9], [])
    assert read_all(tmp_path)[:2] == (FRAMES[:2] + FRAMES[8:9], [])


def test_a_short_write_is_gone_on_with(tmp_path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, bytes(data[:1000]), offset))
    with writer(tmp_path) as spool:
        spool.put(FRAMES)
    assert read_all(tmp_path)[:2] == (FRAMES, [])


@pytest.mark.parametrize("broken", [{"fdatasync": errno.EIO}, {"ftruncate": errno.EIO, "pwrite": errno.ENOSPC}])
@pytest.mark.parametrize("told", [True, False])
def test_where_bytes_cannot_be_taken_back_the_segment_ends_before_them(tmp_path, broken, told):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:2])
        with pytest.MonkeyPatch.context() as patch:
            for name, code in broken.items():
                patch.setattr(os, name, half_written(code) if name == "pwrite" else failing(code))
            with pytest.raises(SpoolFullError):
                spool.put(FRAMES[2:8])
        _, _, end = drain(reader)
        spool.put(FRAMES[8:])
        assert len(segments(tmp_path)) == 2
        assert drain(reader, end)[:2] == (FRAMES[8:], [])
    if not told:
        (tmp_path / "durable").unlink()
    assert read_all(tmp_path)[:2] == (FRAMES[:2] + FRAMES[8:], [])


def test_a_disk_that_fails_in_beginning_a_segment_leaves_none(tmp_path):
    with writer(tmp_path, segment_bytes=4000) as spool:
        spool.put(FRAMES[:1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", failing(errno.ENOSPC))
            with pytest.raises(SpoolFullError, match="free some room"):
                spool.put(FRAMES[1:2])
            assert spool.segments == 1
        spool.put(FRAMES[2:3])
        assert spool.segments == 2
    assert read_all(tmp_path)[:2] == (FRAMES[:1] + FRAMES[2:3], [])


def test_a_segment_that_can_neither_be_begun_nor_taken_back_costs_nothing(tmp_path):
    with writer(tmp_path, segment_bytes=4000) as spool:
        spool.put(FRAMES[:1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", failing(errno.EIO))
            patch.setattr(Path, "unlink", failing(errno.EIO))
            with pytest.raises(SpoolFullError):
                spool.put(FRAMES[1:2])
        spool.put(FRAMES[2:3])
        assert spool.segments == 3
    assert read_all(tmp_path)[:2] == (FRAMES[:1] + FRAMES[2:3], [])


def test_a_writer_opens_on_a_full_disk_and_takes_frames_when_there_is_room(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", failing(errno.ENOSPC))
        spool = writer(tmp_path)
        with pytest.raises(SpoolFullError):
            spool.put(FRAMES)
    spool.put(FRAMES)
    spool.close()
    assert read_all(tmp_path)[:2] == (FRAMES, [])


def test_a_full_spool_takes_more_when_something_is_forgotten(tmp_path):
    with writer(tmp_path, limit_bytes=20_000, segment_bytes=8_000) as spool, SpoolReader.open(tmp_path) as reader:
        taken = 6
        for one in FRAMES[:taken]:
            spool.put([one])
        with pytest.raises(SpoolFullError, match="spool_bytes"):
            spool.put(FRAMES[taken : taken + 1])
        assert spool.bytes <= 20_100
        with pytest.raises(SpoolFullError):
            spool.put(FRAMES[:1])
        frames, _, end = drain(reader)
        assert frames == FRAMES[:taken]
        reader.forget(end)
        spool.put(FRAMES[taken : taken + 3])
        assert drain(reader, end)[:2] == (FRAMES[taken : taken + 3], [])


def test_a_spool_that_fills_in_one_segment_can_be_emptied(tmp_path):
    """All was read while the segment was the newest: it can be forgotten only when there is a newer one."""
    with writer(tmp_path, limit_bytes=20_000) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:5])
        _, _, end = drain(reader)
        for _ in range(2):
            with pytest.raises(SpoolFullError):
                spool.put(FRAMES[5:9])
        assert spool.segments == 2
        idle = reader.read(end, rows=1, size=1)
        assert not idle.frames
        reader.forget(idle.end)
        spool.put(FRAMES[5:9])
        assert drain(reader, idle.end)[:2] == (FRAMES[5:9], [])


def test_an_empty_spool_takes_a_put_over_its_limit(tmp_path):
    with writer(tmp_path, limit_bytes=1000) as spool:
        spool.put(FRAMES)
        with pytest.raises(SpoolFullError):
            spool.put(FRAMES[:1])
    assert read_all(tmp_path)[0] == FRAMES


def test_some_of_the_disk_stays_free(tmp_path):
    with writer(tmp_path, free_bytes=1 << 20) as spool:
        spool.put(FRAMES[:1])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spool, "_look", 0.0)
            free = iter([257, 256])
            patch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=next(free), f_frsize=4096))
            spool.put(FRAMES[1:2])
            with pytest.raises(SpoolFullError, match="spool_free_bytes"):
                spool.put(FRAMES[2:3])
        spool.put(FRAMES[3:4])
    assert read_all(tmp_path)[0] == [*FRAMES[:2], FRAMES[3]]


def test_one_writer_at_a_time(tmp_path):
    with writer(tmp_path), pytest.raises(OperatorError, match="another process"):
        SpoolWriter.open(tmp_path, **LIMITS)
    writer(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match="cannot be written"):
        writer(tmp_path / "file" / "spool")


def test_a_writer_that_opens_begins_a_segment_and_counts_the_old(tmp_path):
    for lap in range(3):
        with writer(tmp_path) as spool:
            assert spool.segments == lap + 1
            spool.put(FRAMES[lap : lap + 1])
            assert spool.bytes == sum(path.stat().st_size for path in segments(tmp_path))
    assert read_all(tmp_path)[0] == FRAMES[:3]


def test_the_files_are_their_owners(tmp_path):
    with writer(tmp_path / "spool") as spool:
        spool.put(FRAMES)
    assert {path.stat().st_mode & 0o077 for path in [tmp_path / "spool", *(tmp_path / "spool").iterdir()]} == {0}


def test_what_cannot_be_encoded_leaves_the_spool_as_it_is(tmp_path):
    with writer(tmp_path) as spool, SpoolReader.open(tmp_path) as reader:
        spool.put(FRAMES[:1])
        with pytest.raises(UnicodeEncodeError):
            spool.put([frame(1, ids=("\ud800", None))])
        spool.put(FRAMES[1:2])
        assert reader.read(BEGIN, rows=1000, size=1 << 20).frames == FRAMES[:2]
        assert reader.read(Position(0, 0), rows=1, size=1).frames == FRAMES[:1]
