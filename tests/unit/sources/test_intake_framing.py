"""A syslog stream is cut into the same records whatever the boundaries of the blocks it arrives in."""

import random
import re
from itertools import pairwise

import numpy as np
import pytest

from miharu.sources.intake.framing import Framed, StreamFramer


def records(framed: Framed) -> list[bytes]:
    lengths = np.frombuffer(framed.lengths, dtype="<u4").tolist()
    ends = np.cumsum(lengths).tolist()
    assert framed.records == len(lengths)
    assert (ends[-1] if ends else 0) == len(framed.data)
    return [framed.data[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def cut(data: bytes, limit: int, boundaries: list[int]) -> tuple[list[bytes], int]:
    """Feed the blocks between boundaries; return the records and how many were too long."""
    framer, found = StreamFramer(limit), []
    edges = [0, *boundaries, len(data)]
    for start, stop in pairwise(edges):
        found += records(framer.feed(data[start:stop]))
        assert framer.held <= limit + 1
    found += records(framer.finish())
    assert framer.held == 0
    return found, framer.too_long


def naively(data: bytes, limit: int) -> list[bytes]:
    """Cut one message after the other, a byte at a time: what the framer has to give."""
    found: list[bytes] = []
    while data:
        header = re.match(rb"([1-9][0-9]{0,8}) <", data)
        if header:
            begin = header.end() - 1
            message, data = data[begin : begin + int(header[1])], data[begin + int(header[1]) :]
            pieces = [message[at : at + limit] for at in range(0, len(message), limit)]
            pieces[-1:] = [pieces[-1].rstrip(b"\r\n\0")]
        else:
            end = next((at for at, byte in enumerate(data) if byte in b"\n\0"), len(data))
            message, data = data[:end], data[end + 1 :]
            message = message.removesuffix(b"\r")
            pieces = [message[at : at + limit] for at in range(0, len(message), limit)]
        found += [piece for piece in pieces if piece]
    return found


SHAPES = [
    lambda r: b"<%d>" % r.randrange(192) + bytes(r.choices(b"ab 0123\xff\r", k=r.randrange(20))) + b"\n",
    lambda r: bytes(r.choices(b"ab 0123<", k=r.randrange(30))) + r.choice([b"\n", b"\0", b"\r\n", b"\n\0"]),
    lambda r: counted(b"<13>" + bytes(r.choices(b"xy\n\0\r1 <", k=r.randrange(40)))),
    lambda r: counted(b"<13>x") + b"\n",
    lambda r: b"%d " % r.randrange(3000) + r.choice([b"<", b"", b"x"]),
    lambda r: bytes(r.choices(b"123 <\n\r\0", k=r.randrange(12))),
    lambda r: b"z" * r.randrange(90) + b"\n",
    lambda r: r.randbytes(r.randrange(30)),
]


def counted(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_at_any_boundaries_give_the_records_of_a_naive_reader(seed):
    chance = random.Random(seed)
    for _ in range(40):
        data = b"".join(chance.choice(SHAPES)(chance) for _ in range(chance.randrange(1, 25)))
        limit = chance.choice([16, 40, 1000])
        expected = naively(data, limit)
        few = sorted(chance.choices(range(len(data) + 1), k=chance.randrange(6)))
        for boundaries in ([], few, list(range(1, len(data)))):
            assert cut(data, limit, boundaries)[0] == expected, (data, limit, boundaries)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<13>one\n<13>two\r\n<13>three", [b"<13>one", b"<13>two", b"<13>three"]),
        (b"7 <13>one12 <13>two\nmore\n<13>three\n", [b"<13>one", b"<13>two\nmore", b"<13>three"]),
        (b"8 <13>one\n8 <13>two\n", [b"<13>one", b"<13>two"]),
        (b"<13>one\0<13>two\0", [b"<13>one", b"<13>two"]),
        (b"\n\r\n\0\n", []),
        (b"2024 was a year\n12 monkeys\n7", [b"2024 was a year", b"12 monkeys", b"7"]),
        (b"0 <13>not counted\n", [b"0 <13>not counted"]),
        (b"99 <13>breaks off", [b"<13>breaks off"]),
        (b"1234567890 <13>too many digits\n", [b"1234567890 <13>too many digits"]),
        (b"<13>a \t\n \n", [b"<13>a \t", b" "]),
    ],
)
def test_framing_is_decided_message_by_message(data, expected):
    assert naively(data, 1000) == expected
    for boundaries in ([], list(range(1, len(data)))):
        assert cut(data, 1000, boundaries) == (expected, 0)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0", b""])
@pytest.mark.parametrize("step", [7, 100, 10_000])
def test_a_long_line_is_kept_in_pieces_and_counted_once(end, step):
    text = bytes(range(0x20, 0x7F)) * 3
    data = b"<1>a\n" + text + end
    found, too_long = cut(data, 100, list(range(step, len(data), step)))
    assert found == [b"<1>a", text[:100], text[100:200], text[200:]]
    assert too_long == 1


@pytest.mark.parametrize("step", [7, 100, 10_000])
def test_a_line_of_exactly_the_limit_is_whole(step):
    data = (b"x" * 100 + b"\r\n") * 3 + b"100 <" + b"y" * 99
    found, too_long = cut(data, 100, list(range(step, len(data), step)))
    assert found == [b"x" * 100] * 3 + [b"<" + b"y" * 99]
    assert too_long == 0


@pytest.mark.parametrize("step", [7, 150, 10_000])
def test_a_long_counted_message_is_kept_in_pieces(step):
    data = counted(b"<1>" + b"a\n" * 125) + b"<1>b\n"
    found, too_long = cut(data, 100, list(range(step, len(data), step)))
    assert b"".join(found[:-1]) == b"<1>" + b"a\n" * 124 + b"a"
    assert [len(record) for record in found] == [100, 100, 52, 4]
    assert too_long == 1


def test_a_million_digits_are_a_long_line_and_no_count():
    framer = StreamFramer(65_536)
    found = [record for _ in range(16) for record in records(framer.feed(b"1" * 65_536))]
    assert framer.held <= 65_537
    found += records(framer.finish())
    assert [len(record) for record in found] == [65_536] * 16


def test_what_is_held_can_be_let_go_and_nothing_is_lost():
    framer = StreamFramer(1000)
    found = records(framer.feed(b"<1>begins"))
    assert found == []
    found += records(framer.release())
    assert framer.held == 0
    found += records(framer.feed(b" and ends\n30 <1>begins"))
    found += records(framer.release())
    found += records(framer.feed(b"," * 21 + b"12"))
    assert records(framer.release()) == []
    found += records(framer.feed(b" <1>and again"))
    assert found == [b"<1>begins", b" and ends", b"<1>begins", b"," * 21, b"<1>and again"[:12]]
    assert framer.too_long == 2
