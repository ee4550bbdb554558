"""Damaged bytes of a segment → a copy that stays when the segment goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from miharu.core.errors import OperatorError
from miharu.spool.folder import PRIVATE, sync_folder, write_all
from miharu.spool.position import Damage

_BLOCK: Final = 1 << 20


def keep(folder: Path, file: int | None, damage: tuple[int, int, int], detail: str) -> Damage:
    """Copy the bytes at `damage` (segment, offset, size) of an open segment; without one the copy is empty.

    The same damage is copied once, whoever finds it again. Raises OperatorError where the copy cannot be written:
    to read on without one would lose the bytes.
    """
    segment, offset, size = damage
    place = folder / "quarantine" / f"{segment:012d}-{offset}.bytes"
    try:
        there = size if file is not None else 0
        if not place.exists() or place.stat().st_size < there:
            place.parent.mkdir(mode=0o700, exist_ok=True)
            _copy(file, offset, there, place)
    except OSError as error:
        raise OperatorError(
            f"{size} damaged bytes of the spool cannot be kept in {place} ({error.strerror or error}): "
            "mend or free the disk; reading goes on then"
        ) from error
    return Damage(segment, offset, size, detail, place)


def _copy(file: int | None, offset: int, size: int, place: Path) -> None:
    draft = place.with_suffix(f".{os.getpid()}.draft")
    target = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        if file is not None:
            for done in range(0, size, _BLOCK):
                write_all(target, os.pread(file, min(_BLOCK, size - done), offset + done), done)
        os.fsync(target)
    finally:
        os.close(target)
    draft.replace(place)
    sync_folder(place.parent)
