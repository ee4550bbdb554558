"""Paths of Sigma rules and the mapping → a compiled rule set, through a cache on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import hyperscan

from miharu.catalog import SigmaMapping
from miharu.core.identity import hash_parts
from miharu.core.kept import Kept
from miharu.detect.documents import made_from, rule_files
from miharu.detect.model import RuleSet
from miharu.detect.scanning import PatternScanner
from miharu.detect.tuning import NO_TUNING, Tuning

_MOST_KEPT: Final = 8
_FORM: Final = "7"
"""Form of compiled rules; raise it when `model` or the meaning of a test changes."""


def load_rules(paths: Sequence[Path], mapping: SigmaMapping, cache: Path | None, tuning: Tuning = NO_TUNING) -> RuleSet:
    """Return all rules under `paths`: .yml files, folders, .zip or .tar(.gz) archives.

    Filters among them are applied, and so is the tuning. A rule that cannot run is in `problems` with its
    reason; nothing raises. `cache` is a folder that keeps compiled rules by what they were made from (None:
    nothing is kept).
    """
    if cache is None:
        return _compiled(paths, mapping, tuning)
    key, kept = hash_parts(*_key(paths, mapping, tuning)), Kept(cache, "rules", _MOST_KEPT)
    if (known := kept.read(key, RuleSet)) is not None and _runs_here(known):
        return known
    ruleset = _compiled(paths, mapping, tuning)
    kept.write(key, ruleset)
    return ruleset


def _compiled(paths: Sequence[Path], mapping: SigmaMapping, tuning: Tuning) -> RuleSet:
    # pySigma takes a while to import, and is not needed for rules that were compiled before.
    from miharu.detect.compiling import compile_rules  # noqa: PLC0415

    return compile_rules(list(rule_files(paths)), mapping, tuning)


def _key(paths: Sequence[Path], mapping: SigmaMapping, tuning: Tuning) -> Iterator[str | bytes]:
    yield from (_FORM, mapping.digest, tuning.digest, str(hyperscan.HS_MODE_BLOCK))
    yield from (f"{name} {version(name)}" for name in ("pysigma", "hyperscan", "msgspec", "miharu"))
    yield from made_from(paths)


def _runs_here(ruleset: RuleSet) -> bool:
    """Say whether the engines were made for this processor and library."""
    try:
        for engine in ruleset.engines:
            for database in filter(None, (engine.literal_database, engine.regex_database)):
                PatternScanner(database)
    except hyperscan.error:
        return False
    return True
