"""A spool's folder → its segments by number, and the seed that its frames are recognised by."""

from __future__ import annotations

import os
import re
import secrets
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

import xxhash

PRIVATE: Final = 0o600
"""Logs name people: nobody but the owner reads the files."""

_NAME: Final = re.compile(r"([0-9]{12})\.segment")
_SEED: Final = struct.Struct("<QQ")


def segment_path(folder: Path, number: int) -> Path:
    """Return where the segment of this number lies."""
    return folder / f"{number:012d}.segment"


def sizes(folder: Path) -> dict[int, int]:
    """Return the bytes of each segment by its number, ascending; a folder that is not there has none."""
    found: dict[int, int] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name:
                with suppress(FileNotFoundError):
                    found[int(name[1])] = entry.stat().st_size
    return dict(sorted(found.items()))


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the segments, ascending; a folder that is not there has none."""
    found: list[int] = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        found = [int(name[1]) for entry in entries if (name := _NAME.fullmatch(entry.name))]
    return sorted(found)


def sync_folder(folder: Path) -> None:
    """Make names in the folder durable."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def write_all(file: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`, however many pieces the system takes it in."""
    done = os.pwrite(file, data, offset)
    view = memoryview(data)
    while done < len(data):
        written = os.pwrite(file, view[done:], offset + done)
        if written == 0:
            raise OSError(f"the disk took {done} of {len(data)} bytes")
        done += written


def read_seed(folder: Path) -> int | None:
    """Return the folder's seed, or None where it has none that can be read."""
    try:
        data = (folder / "seed").read_bytes()
    except OSError:
        return None
    if len(data) != _SEED.size:
        return None
    seed, check = _SEED.unpack(data)
    return int(seed) if check == xxhash.xxh3_64_intdigest(_SEED.pack(seed, 0)) else None


def make_seed(folder: Path) -> int:
    """Return the folder's seed; one without gets a new one. Older segments carry theirs themselves."""
    seed = read_seed(folder)
    if seed is not None:
        return seed
    seed = secrets.randbits(64)
    draft = folder / "seed.draft"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        write_all(file, _SEED.pack(seed, xxhash.xxh3_64_intdigest(_SEED.pack(seed, 0))), 0)
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(folder / "seed")
    sync_folder(folder)
    return seed
