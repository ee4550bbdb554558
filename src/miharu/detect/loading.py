"""Paths of Sigma rules and the mapping → a compiled rule set, through a cache on disk."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import hyperscan
import msgspec

from miharu.catalog import SigmaMapping
from miharu.core.identity import hash_parts
from miharu.detect.cachefile import read_cached, write_cached
from miharu.detect.documents import RuleFile, rule_files
from miharu.detect.drafts import Drafts, problem, read_drafts
from miharu.detect.engines import build_engines
from miharu.detect.indexing import leaves
from miharu.detect.linking import Linker
from miharu.detect.model import RuleSet
from miharu.detect.scanning import PatternScanner

_FORM: Final = "2"
"""Form of compiled rules; raise it when `model` or the meaning of a test changes."""


def load_rules(paths: Sequence[Path], mapping: SigmaMapping, cache: Path | None) -> RuleSet:
    """Return all rules under `paths`: .yml files, folders, .zip or .tar(.gz) archives.

    A rule that cannot run is in `problems` with its reason; nothing raises. `cache` is a folder that keeps
    compiled rules by what they were made from (None: nothing is kept).
    """
    files = list(rule_files(paths))
    key = _key(files, mapping)
    if cache is not None and (known := read_cached(cache, key)) is not None and _runs_here(known):
        return known
    ruleset = compile_rules(files, mapping)
    if cache is not None:
        write_cached(cache, key, ruleset)
    return ruleset


def compile_rules(files: Sequence[RuleFile], mapping: SigmaMapping) -> RuleSet:
    """Return the rules of files that were read already."""
    drafts = Drafts()
    for file in files:
        read_drafts(file, drafts)
    linker = Linker(mapping)
    for draft in drafts.rules:
        linker.add(draft)
    ruleset = linker.finish(drafts.problems)
    ruleset.engines, refused = build_engines(ruleset.predicates)
    return _without(ruleset, refused) if refused else ruleset


def _without(ruleset: RuleSet, refused: set[int]) -> RuleSet:
    """Move rules that use a refused predicate to the problems."""
    kept, problems = [], list(ruleset.problems)
    for rule in ruleset.rules:
        costly = {number for variant in rule.variants for number in leaves(variant.condition)} & refused
        if not costly:
            kept.append(rule)
            continue
        pattern = ruleset.predicates[min(costly)].test.value
        place = RuleFile(rule.path, b"")
        meta = {"id": rule.id, "title": rule.title}
        text = f"the pattern {pattern} could take exponential time"
        problems.append(problem(place, "regex_costly", text, line=rule.line, meta=meta))
    return msgspec.structs.replace(ruleset, rules=kept, problems=sorted(problems))


def _key(files: Sequence[RuleFile], mapping: SigmaMapping) -> str:
    versions = [f"{name} {version(name)}" for name in ("pysigma", "hyperscan", "msgspec", "miharu")]
    parts = [part for file in files for part in (file.path, file.data, file.fault)]
    return hash_parts(_FORM, mapping.digest, str(hyperscan.HS_MODE_BLOCK), *versions, *parts)


def _runs_here(ruleset: RuleSet) -> bool:
    """Say whether the engines were made for this processor and library."""
    try:
        for engine in ruleset.engines:
            for database in filter(None, (engine.literal_database, engine.regex_database)):
                PatternScanner(database)
    except hyperscan.error:
        return False
    return True
