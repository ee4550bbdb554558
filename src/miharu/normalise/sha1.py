"""Many short messages of one length → their SHA-1 digests, worked out in columns of 32-bit words (FIPS 180-4).

Most of what hashlib costs for so short a message is calling it. Every message must fit in one block with its padding,
as those of flows do.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Words: TypeAlias = npt.NDArray[np.uint32]

_FEW: Final = 768
"""Fewer messages than this are hashed one by one: 80 rounds over columns have a price of their own."""
_TOGETHER: Final = 8192
"""So many messages are worked on at once: their words stay in the processor's cache."""
_BLOCK: Final = 16
_LONGEST: Final = 52
# Section 5.3.1 and 4.2.1
_START: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
_CONSTANTS: Final = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)
_PHASE: Final = 20
_STEP: Final = 3
"""So many words of the schedule do not depend on one another."""
_FIVE, _REST_OF_FIVE = np.uint32(5), np.uint32(27)
_THIRTY, _REST_OF_THIRTY = np.uint32(30), np.uint32(2)
_ROUNDS: Final = 80


def digests(messages: _Bytes) -> _Words:
    """Return the five words of each message's digest; `messages` are rows of a multiple of 4 bytes, at most 52."""
    count, size = messages.shape
    assert size <= _LONGEST, size
    if count < _FEW:
        data = messages.tobytes()
        rows = (sha1(data[at : at + size], usedforsecurity=False).digest() for at in range(0, len(data), size))
        return np.frombuffer(b"".join(rows), dtype=">u4").astype(np.uint32).reshape(count, len(_START))
    words = np.ascontiguousarray(messages).view(">u4")
    found = np.empty((count, len(_START)), dtype=np.uint32)
    for begin in range(0, count, _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        found[part] = _digests(_schedule(words[part])).T
    return found


def _schedule(words: _Words) -> _Words:
    """Return the message schedule of each message, a column each, with the rounds' constants added (6.1.2, 4.2.1)."""
    count, filled = words.shape
    rows = np.zeros((_ROUNDS, count), dtype=np.uint32)
    # Padding: a one behind the last bit, and the length in bits (section 5.1.1).
    rows[:filled] = words.T
    rows[filled] = 0x80000000
    rows[_BLOCK - 1] = filled * 32
    for at in range(_BLOCK, _ROUNDS, _STEP):
        many = min(_STEP, _ROUNDS - at)
        made = rows[at : at + many]
        np.bitwise_xor(rows[at - 3 : at - 3 + many], rows[at - 8 : at - 8 + many], out=made)
        for back in (14, 16):
            made ^= rows[at - back : at - back + many]
        carried = made >> np.uint32(31)
        made <<= np.uint32(1)
        made |= carried
    for phase, constant in enumerate(_CONSTANTS):
        rows[phase * _PHASE : (phase + 1) * _PHASE] += np.uint32(constant)
    return rows


def _digests(schedule: _Words) -> _Words:
    """Run the rounds of section 6.1.2."""
    start = [np.full(schedule.shape[1], word, dtype=np.uint32) for word in _START]
    a, b, c, d, e = (word.copy() for word in start)
    mixed, spare = np.empty_like(a), np.empty_like(a)
    for number, word in enumerate(schedule):
        _mix(number // _PHASE, b, c, d, mixed)
        e += mixed
        e += word
        np.left_shift(a, _FIVE, out=mixed)
        np.right_shift(a, _REST_OF_FIVE, out=spare)
        mixed |= spare
        e += mixed
        np.right_shift(b, _REST_OF_THIRTY, out=spare)
        b <<= _THIRTY
        b |= spare
        a, b, c, d, e = e, a, b, c, d
    return np.stack([first + last for first, last in zip(start, (a, b, c, d, e), strict=True)])


def _mix(phase: int, b: _Words, c: _Words, d: _Words, mixed: _Words) -> None:
    """Write Ch, Parity, Maj and Parity again (section 4.1.1) to `mixed`."""
    np.bitwise_xor(c, d, out=mixed)
    if phase == 0:
        mixed &= b
        mixed ^= d
    elif phase == 2:  # noqa: PLR2004 - Maj: where c and d differ b decides
        mixed &= b
        mixed |= c & d
    else:
        mixed ^= b
