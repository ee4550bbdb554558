"""What protects a reader from hostile or absurd input: one frozen set of limits, passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20

BLOCK_BYTES: Final = 2 * MIB
"""Content is read in blocks of this size."""

PIECE_BYTES: Final = 16 * MIB
"""Bytes that are kept without being a record (binary content, a line beyond the limit) are kept in pieces of this
size."""

CHUNK_BYTES: Final = 36 * MIB
"""A chunk ends when its records reach this size, however few they are."""

HEAD_BYTES: Final = MIB
"""A file's format is decided from its first bytes, at most so many."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one call of `expand`; sizes in bytes.

    `depth` counts archives within archives; `ratio` is decompressed to compressed size and holds from `ratio_from`
    decompressed bytes on; `stream` bounds one decompressed file, `spool` what one path may unpack to temporary
    files, `members` the files one path may hold; `record` is the longest record.
    """

    depth: int = 5
    ratio: int = 500
    ratio_from: int = 256 * MIB
    stream: int = 1 << 40
    spool: int = 1 << 36
    members: int = 1_000_000
    record: int = 64 * MIB
    block: int = BLOCK_BYTES

    @property
    def piece(self) -> int:
        """Size of the pieces in which bytes that are no record are kept."""
        return min(PIECE_BYTES, self.record)


DEFAULT_LIMITS: Final = Limits()
