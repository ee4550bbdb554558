"""Files as they lie on a disk → the events that they give, for tests of one product's logs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths

ARRIVED = datetime(2025, 6, 15, 12, tzinfo=UTC)


def write_files(folder: Path, files: Mapping[str, str | bytes], arrived: datetime = ARRIVED) -> list[Path]:
    """Write files that were last changed at `arrived`; return where they lie."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (arrived.timestamp(), arrived.timestamp()))
        paths.append(path)
    return paths


def events_of(*paths: Path) -> dict[Path, list[dict[str, Any]]]:
    """Return the events of each file, in its order, with what has a value; nothing may be rejected."""
    settings = Settings()
    found: dict[Path, list[dict[str, Any]]] = {}
    for batch in read_paths(paths, make_reader(settings), settings):
        assert batch.rejects.is_empty()
        for event in batch.events.sort("log.offset").iter_rows(named=True):
            told = {name: value for name, value in event.items() if value is not None}
            found.setdefault(Path(told["log.file.path"]), []).append(told)
    return found
