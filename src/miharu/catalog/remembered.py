"""Log sources, checked once and kept → the same in a thirtieth of the time, without their samples.

A file is named by every byte that the log sources, and the words they may use, are made from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from miharu.catalog.logsource import LogSource
from miharu.catalog.place import content_root
from miharu.core.identity import hash_parts
from miharu.core.kept import Kept

_MOST: Final = 4
_FOLDERS: Final = ("logsources", "lookups", "fields", "ecs")


def remembered_logsources(cache: Path, root: Path | None = None) -> list[LogSource]:
    """Return all log sources under `root` without their samples, in the order they are asked, by way of `cache`.

    Raises ContentError with every fault of every file.
    """
    folder, files = root or content_root(), Kept(cache, "sources", _MOST)
    key = hash_parts(*_made_from(folder))
    known = files.read(key, list[LogSource])
    if known is not None:
        return known
    from miharu.catalog.loading import load_logsources  # noqa: PLC0415 - not needed for what was checked before

    sources = [replace(source, tests=()) for source in load_logsources(folder)]
    files.write(key, sources)
    return sources


def _made_from(folder: Path) -> Iterator[str | bytes]:
    # What is checked, and the code that checks it.
    for name in _FOLDERS:
        for file in sorted(_files(str(folder / name))):
            yield file[len(str(folder)) :]
            yield Path(file).read_bytes()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        yield path.read_bytes()


def _files(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (f"{place}/{name}" for name in names)
