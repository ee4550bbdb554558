"""The words of the spool: a place in it, what was taken from it, what was found damaged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from miharu.core.errors import OperatorError
from miharu.core.frame import Frame


class SpoolFullError(OperatorError):
    """The spool takes nothing now: it holds all it may, or its disk is full or fails."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the spool, ordered as frames were written. `Position(0, 0)` is the beginning."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that hold no frame, or bytes that are gone (then `kept` is an empty file).

    `segment`, `offset` and `size` say which bytes, `detail` what is wrong, `kept` where a copy of them lies.
    """

    segment: int
    offset: int
    size: int
    detail: str
    kept: Path


@dataclass(slots=True)
class Taken:
    """What lies between `begin` and `end`: whole frames in their order, and the damage between them.

    `end` may be later than `begin` with no frame at all (damage, a finished segment): it is the place to read on
    from, and the place to write down.
    """

    frames: list[Frame]
    begin: Position
    end: Position
    damages: list[Damage] = field(default_factory=list)
