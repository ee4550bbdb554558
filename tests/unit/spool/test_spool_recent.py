"""Requests that may come again are known after a restart, from the headers alone."""

import os
from datetime import timedelta

from miharu.spool import recent
from miharu.spool.layout import PREAMBLE
from tests.unit.spool.spooling import NOON, filled, flip, frame, segment_at, segments, spans, writer

FRAMES = [frame(i, [b"x" * (i % 3 * 40_000)], digest=f"digest-{i}" if i % 4 else "") for i in range(20)]


def said(frames, since):
    return [(one.digest, one.key, one.received) for one in frames if one.digest and one.received >= since]


def touched(folder):
    """Date the segments as if they had been written when their frames came."""
    for path in segments(folder):
        os.utime(path, (NOON.timestamp() + 60,) * 2)


def test_requests_since_a_time_are_found(tmp_path):
    filled(tmp_path, FRAMES, segment_bytes=100_000)
    touched(tmp_path)
    for since in (NOON, NOON + timedelta(seconds=9), NOON + timedelta(seconds=30)):
        assert list(recent(tmp_path, since)) == said(FRAMES, since)
    assert said(FRAMES, NOON + timedelta(seconds=9))


def test_a_folder_without_a_spool_has_none(tmp_path):
    assert list(recent(tmp_path / "none", NOON)) == []


def test_payloads_are_not_read(tmp_path, monkeypatch):
    filled(tmp_path, [frame(i, [b"x" * 500_000], digest="d") for i in range(8)])
    touched(tmp_path)
    total, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: total.append(len(data := pread(file, size, at))) or data)
    assert len(list(recent(tmp_path, NOON))) == 8
    assert sum(total) < 400_000


def test_segments_written_before_are_not_opened(tmp_path, monkeypatch):
    filled(tmp_path, FRAMES, segment_bytes=100_000)
    touched(tmp_path)
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *more: opened.append(path) or real(path, *more))
    assert list(recent(tmp_path, NOON + timedelta(seconds=61))) == []
    assert not [path for path in opened if str(path).endswith(".segment")]


def test_what_is_damaged_is_passed_over(tmp_path):
    filled(tmp_path, FRAMES)
    places = spans(tmp_path)
    for at, offset in ((2, 3), (5, PREAMBLE), (9, 20)):
        _, number, begin, _ = places[at]
        flip(segment_at(tmp_path, number), begin + offset, bit=7)
    touched(tmp_path)
    assert list(recent(tmp_path, NOON)) == said([one for i, one in enumerate(FRAMES) if i not in {2, 5, 9}], NOON)


def test_only_what_is_acknowledged_counts(tmp_path):
    with writer(tmp_path) as spool:
        spool.put(FRAMES[1:3])
        (path,) = segments(tmp_path)
        path.write_bytes(path.read_bytes() + path.read_bytes()[44:])
        touched(tmp_path)
        assert list(recent(tmp_path, NOON)) == said(FRAMES[1:3], NOON)
