"""A compiled rule set ↔ MessagePack of plain data in a file that is named by what it was compiled from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from miharu.core.kept import Kept
from miharu.detect.model import RuleSet

_MOST: Final = 8


def read_cached(folder: Path, key: str) -> RuleSet | None:
    """Return the rule set compiled from what `key` names; None where there is none or it is damaged."""
    body = _files(folder).read(key)
    if body is None:
        return None
    try:
        return msgspec.msgpack.decode(body, type=RuleSet)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def write_cached(folder: Path, key: str, ruleset: RuleSet) -> None:
    """Keep a rule set under `key`."""
    _files(folder).write(key, msgspec.msgpack.encode(ruleset))


def _files(folder: Path) -> Kept:
    return Kept(folder, "rules", _MOST)
