"""Any frames, any puts, any damage: what is acknowledged and undamaged comes out in order, once, and nothing else."""

import tempfile
from itertools import takewhile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.spool import SpoolReader
from miharu.spool.layout import Keys, decode_file_header
from tests.unit.spool.spooling import drain, frame, overwrite, read_all, segment_at, segments, spans, writer

RECORDS = st.lists(st.binary(max_size=300), max_size=4)
PUTS = st.lists(st.lists(st.tuples(RECORDS, st.text("ab", max_size=2)), min_size=1, max_size=4), max_size=8)
PLACE = st.floats(0, 1, exclude_max=True)
READS = st.tuples(st.integers(1, 9), st.integers(1, 2000))


def spooled(folder, puts, segment_bytes):
    """Put everything; return the frames, those of a put together."""
    count, groups = 0, []
    with writer(folder, segment_bytes=segment_bytes) as spool:
        for put in puts:
            group = [frame(count + i, records, digest=digest) for i, (records, digest) in enumerate(put)]
            spool.put(group)
            groups.append(group)
            count += len(group)
    return groups


def taken_in_steps(folder, reads):
    """Read to the end by these steps, read every step again, and return frames and damages."""
    frames, damages = [], []
    rows, size = reads
    with SpoolReader.open(folder) as reader, SpoolReader.open(folder) as other:
        _, _, end = drain(reader, rows=rows, size=size)
        frames, damages, _ = drain(reader, rows=rows, size=size)
        again, _, there = drain(other, rows=1 << 20, size=1 << 30, end=end)
        assert (again, there) == (frames, end)
    return frames, damages


@given(PUTS, st.sampled_from([200, 1000, 1 << 20]), READS)
@settings(max_examples=40)
def test_all_comes_out_in_order_and_again(puts, segment_bytes, reads):
    with tempfile.TemporaryDirectory() as name:
        groups = spooled(Path(name), puts, segment_bytes)
        assert taken_in_steps(Path(name), reads) == ([one for group in groups for one in group], [])


@given(PUTS, st.lists(st.tuples(PLACE, st.integers(0, 7)), min_size=1, max_size=5), READS, st.booleans())
@settings(max_examples=60)
def test_flipped_bits_cost_the_frames_they_hit(puts, flips, reads, told):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spooled(folder, puts, 1000)
        places = spans(folder)
        hit = set()
        for place, bit in dict(flips).items():
            path, offset = somewhere(folder, place)
            if (path, offset) not in hit:
                overwrite(path, offset, bytes([path.read_bytes()[offset] ^ (1 << bit)]))
                hit.add((path, offset))
        if not told:
            (folder / "durable").unlink()
        frames, damages = taken_in_steps(folder, reads)
        assert frames == [
            one
            for one, number, begin, end in places
            if not any(path == segment_at(folder, number) and begin <= at < end for path, at in hit)
        ]
        if told:  # else what is wrong at the very end may be a write under way
            assert damages


@given(PUTS.filter(bool), PLACE, st.binary(max_size=100), READS, st.booleans())
@settings(max_examples=60)
def test_a_cut_and_garbage_cost_what_lies_there(puts, place, garbage, reads, insert):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spooled(folder, puts, 1 << 20 if insert else 1000)  # a segment that is followed has its end written down
        places = spans(folder)
        path, at = somewhere(folder, place)
        data = path.read_bytes()
        changed = data[:at] + garbage + (data[at:] if insert else b"")
        path.write_bytes(changed)
        (folder / "durable").unlink()
        writer(folder).close()
        frames, _ = taken_in_steps(folder, reads)
        before, after = alike(data, changed), alike(data[::-1], changed[::-1]) if insert else 0
        whole = [
            one
            for one, number, begin, end in places
            if path != segment_at(folder, number) or end <= before or begin >= len(data) - after
        ]
        assert frames == whole


@given(st.lists(st.binary(max_size=200) | st.integers(0, 2), max_size=20), READS, st.booleans())
@settings(max_examples=60)
def test_any_bytes_are_read_without_a_fault(pieces, reads, newest):
    """Random bytes with true headers, true markers and true beginnings of frames among them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spooled(folder, [[([b"record"], "")]], 1000)
        (path,) = segments(folder)
        data = path.read_bytes()
        keys = Keys.of(decode_file_header(data[:44], int(path.stem)).seed, int(path.stem))
        true = [data[:44], keys.marker, data[44:80]]
        path.write_bytes(b"".join(true[piece] if isinstance(piece, int) else piece for piece in pieces))
        (folder / "durable").unlink()
        if not newest:
            writer(folder).close()
        assert taken_in_steps(folder, reads)[0] == []
        assert read_all(folder)[0] == []


def alike(one, other):
    """Return how many bytes two byte strings have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def somewhere(folder, place):
    """Return the segment and the offset in it that lie this far (0..1) into all bytes of the spool."""
    paths = segments(folder)
    offset = int(place * sum(path.stat().st_size for path in paths))
    for path in paths:
        if offset < path.stat().st_size:
            return path, offset
        offset -= path.stat().st_size
    raise AssertionError(place)
