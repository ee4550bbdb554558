"""A compiled rule set ↔ one file, named by what it was compiled from.

The file holds a checksum and MessagePack of plain data: a damaged file is not read but made again. It is
written beside its place and moved there, so that a reader never sees half of it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import xxhash

from miharu.detect.model import RuleSet

_MAGIC: Final = b"miharu rules\n"
_SUFFIX: Final = ".rules"
_KEPT: Final = 8
"""Compiled sets that are kept; the least recently used go."""


def read_cached(folder: Path, key: str) -> RuleSet | None:
    """Return the rule set compiled from what `key` names; None where there is none or it is damaged."""
    path = folder / f"{key}{_SUFFIX}"
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = _MAGIC + xxhash.xxh3_128_digest(body := data[len(_MAGIC) + xxhash.xxh3_128().digest_size :])
    if not data.startswith(head):
        return None
    try:
        ruleset = msgspec.msgpack.decode(body, type=RuleSet)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
    with suppress(OSError):
        os.utime(path)
    return ruleset


def write_cached(folder: Path, key: str, ruleset: RuleSet) -> None:
    """Keep a rule set under `key`. A folder that cannot be written is left as it is: only time is lost."""
    body = msgspec.msgpack.encode(ruleset)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".rules-", delete=False) as file:
            file.write(_MAGIC + xxhash.xxh3_128_digest(body) + body)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(folder / f"{key}{_SUFFIX}")
        _forget_old(folder)


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[_KEPT:]:
        path.unlink(missing_ok=True)
