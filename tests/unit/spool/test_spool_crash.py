"""Writers that die at any moment and readers that look on: what was acknowledged comes out once, in order."""

import os
import random
import signal
import subprocess
import sys

from miharu.spool import SpoolReader
from tests.unit.spool.spooling import BEGIN, drain, read_all, segments

WRITER = """
import sys
from pathlib import Path
from tests.unit.spool.spooling import frame, writer

folder, life, puts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with writer(folder, segment_bytes=300_000) as spool:
    for put in range(puts):
        first = (life * 1000 + put) * 10
        spool.put([frame(first + i, [bytes([i]) * (put * 7919 % 30_000)]) for i in range(put % 4 + 1)])
        print(first, first + put % 4, flush=True)
"""

TAILER = """
import sys
from pathlib import Path
from miharu.spool import Position, SpoolReader

place, seen = Position(0, 0), 0
with SpoolReader.open(Path(sys.argv[1])) as reader:
    while seen < int(sys.argv[2]):
        taken = reader.read(place, rows=5, size=100_000)
        assert not taken.damages
        seen, place = seen + len(taken.frames), taken.end
        for frame in taken.frames:
            print(int(frame.key, 16), flush=True)
"""


def start(script, *words):
    return subprocess.Popen([sys.executable, "-c", script, *map(str, words)], stdout=subprocess.PIPE, text=True)


def ordinals(frames):
    return [int(one.key, 16) for one in frames]


def test_writers_killed_at_any_moment_lose_nothing_acknowledged(tmp_path):
    moments = random.Random()
    acknowledged, begun = set(), set()
    for life in range(10):
        with start(WRITER, tmp_path, life, 1000) as process:
            for _ in range(moments.randrange(1, 40)):
                first, last = map(int, process.stdout.readline().split())
                acknowledged |= {*range(first, last + 1)}
            os.kill(process.pid, signal.SIGKILL)
            for line in process.stdout:  # said before the end, not yet read here
                first, last = map(int, line.split())
                acknowledged |= {*range(first, last + 1)}
        assert process.returncode == -signal.SIGKILL
        begun |= {*range(last + 1, last + 15)}  # the put that was under way may be there or not
    frames, damages, _ = read_all(tmp_path)
    found = ordinals(frames)
    assert found == sorted(set(found))
    assert acknowledged <= set(found) <= acknowledged | begun
    assert damages == []
    (tmp_path / "durable").unlink()
    assert [one for one in ordinals(read_all(tmp_path)[0]) if one <= max(found)] == found


def test_two_readers_follow_a_writer_in_another_process(tmp_path):
    expected = [put * 10 + i for put in range(200) for i in range(put % 4 + 1)]
    with start(TAILER, tmp_path, len(expected)) as other, start(WRITER, tmp_path, 0, 200) as process:
        frames, begin = [], BEGIN
        with SpoolReader.open(tmp_path) as reader:
            while len(frames) < len(expected):
                ended = process.poll() is not None
                more, damages, begin = drain(reader, begin, rows=20)
                assert damages == []
                frames += more
                assert more or not ended
        assert ordinals(frames) == expected
        process.stdout.read()
        assert [int(line) for line in other.stdout] == expected
    assert (process.returncode, other.returncode) == (0, 0)
    assert len(segments(tmp_path)) > 5
