"""What the tests of the spool share: frames, a spool with some in it, reading to the end."""

import os
import struct
from datetime import UTC, datetime, timedelta

from miharu.core.frame import Frame
from miharu.spool import Position, SpoolReader, SpoolWriter
from miharu.spool.layout import FILE_HEADER

BEGIN = Position(0, 0)
NOON = datetime(2031, 4, 5, 12, tzinfo=UTC)
LIMITS = {"limit_bytes": 1 << 30, "segment_bytes": 1 << 20, "free_bytes": 0}


def frame(number, records=(b"one", b"two"), *, digest="", ids=None):
    """Return a frame that its number tells from others."""
    return Frame(
        key=f"{number:032x}",
        first=number * 10,
        format="lines",
        channel="syslog-tcp",
        sender="192.0.2.7",
        received=NOON + timedelta(seconds=number),
        lengths=struct.pack(f"<{len(records)}I", *map(len, records)),
        data=b"".join(records),
        ids=ids,
        digest=digest,
    )


def writer(folder, **limits):
    return SpoolWriter.open(folder, **{**LIMITS, **limits})


def filled(folder, frames, *, segment_bytes=1 << 20):
    """Put each frame by itself and close."""
    with writer(folder, segment_bytes=segment_bytes) as spool:
        for one in frames:
            spool.put([one])


def drain(reader, begin=BEGIN, *, rows=1000, size=1 << 20, end=None):
    """Read until there is nothing more; return frames, damages and the end."""
    frames, damages = [], []
    while True:
        taken = reader.read(begin, rows=rows, size=size, end=end)
        assert taken.begin == begin
        assert taken.end >= begin
        frames += taken.frames
        damages += taken.damages
        if taken.end == begin:
            return frames, damages, begin
        begin = taken.end


def read_all(folder):
    with SpoolReader.open(folder) as reader:
        return drain(reader)


def spans(folder):
    """Return (frame, segment, begin, end) of each frame of an undamaged spool."""
    found, begin = [], BEGIN
    with SpoolReader.open(folder) as reader:
        while (taken := reader.read(begin, rows=1, size=1)).frames:
            (one,) = taken.frames
            start = begin.offset if begin.segment == taken.end.segment else FILE_HEADER
            found.append((one, taken.end.segment, start, taken.end.offset))
            begin = taken.end
    return found


def segments(folder):
    return sorted(folder.glob("*.segment"))


def segment_at(folder, number):
    return folder / f"{number:012d}.segment"


def overwrite(path, offset, data):
    """Change bytes in place, behind everybody's back."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(file, data, offset)
    finally:
        os.close(file)


def flip(path, offset, bit=0):
    overwrite(path, offset, bytes([path.read_bytes()[offset] ^ (1 << bit)]))


def kept(folder):
    """Return the quarantined copies by name."""
    return {path.name: path.read_bytes() for path in (folder / "quarantine").glob("*")}
