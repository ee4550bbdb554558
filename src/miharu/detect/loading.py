"""Paths of Sigma rules and the mapping → a compiled rule set, through a cache on disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import hyperscan
import msgspec
from sigma.exceptions import SigmaError

from miharu.catalog import SigmaMapping
from miharu.core.identity import hash_parts
from miharu.core.kept import Kept
from miharu.detect.documents import RuleFile, rule_files
from miharu.detect.drafts import Draft, draft_of
from miharu.detect.engines import build_engines, is_costly
from miharu.detect.indexing import key_predicates, leaves
from miharu.detect.linking import Linker
from miharu.detect.model import KEYWORDS, Predicate, RuleProblem, RuleSet
from miharu.detect.pipelines import Pipelines
from miharu.detect.problems import problem
from miharu.detect.reading import FilterText, Readings, read_rule_file
from miharu.detect.retiring import in_use
from miharu.detect.scanning import PatternScanner
from miharu.detect.tuning import Tuning
from miharu.detect.values import RuleFaultError

_MOST_KEPT: Final = 8
_FORM: Final = "4"
"""Form of compiled rules; raise it when `model` or the meaning of a test changes."""
NO_TUNING: Final = Tuning()
_NOT: Final = re.compile(r"\bnot\b", re.IGNORECASE)


def load_rules(paths: Sequence[Path], mapping: SigmaMapping, cache: Path | None, tuning: Tuning = NO_TUNING) -> RuleSet:
    """Return all rules under `paths`: .yml files, folders, .zip or .tar(.gz) archives.

    Filters among them are applied, and so is the tuning. A rule that cannot run is in `problems` with its
    reason; nothing raises. `cache` is a folder that keeps compiled rules by what they were made from (None:
    nothing is kept).
    """
    files = list(rule_files(paths))
    key = _key(files, mapping, tuning)
    kept = None if cache is None else Kept(cache, "rules", _MOST_KEPT)
    if kept is not None and (known := kept.read(key, RuleSet)) is not None and _runs_here(known):
        return known
    ruleset = compile_rules(files, mapping, tuning)
    if kept is not None:
        kept.write(key, ruleset)
    return ruleset


def compile_rules(files: Sequence[RuleFile], mapping: SigmaMapping, tuning: Tuning = NO_TUNING) -> RuleSet:
    """Return the rules of files that were read already."""
    readings = Readings()
    for file in files:
        read_rule_file(file, readings)
    if not tuning.retired:
        readings.rules, retired = in_use(readings.rules)
        readings.notes += retired
    linker = Linker(mapping)
    _draft_all(readings, tuning, linker)
    ruleset = linker.finish(readings.problems, readings.notes)
    ruleset.engines, refused = build_engines(ruleset.predicates, key_predicates(ruleset))
    refused |= _costly_keywords(ruleset.predicates)
    return _without(ruleset, refused) if refused else ruleset


def _draft_all(readings: Readings, tuning: Tuning, linker: Linker) -> None:
    pipelines = Pipelines(tuning.pipelines)
    readings.problems += pipelines.problems
    readings.notes += pipelines.notes
    used: set[int] = set()
    for rule in readings.rules:
        applied = [number for number, filtering in enumerate(readings.filters) if filtering.applies_to(rule)]
        used.update(applied)
        try:
            prepared = pipelines.prepare(rule, [readings.filters[number] for number in applied])
            draft = draft_of(rule, prepared, tuning)
        except RuleFaultError as fault:
            readings.problems.append(problem(rule, fault.reason, str(fault), line=rule.line, meta=rule.meta))
        except SigmaError as error:
            readings.problems.append(problem(rule, "placeholder", str(error), line=rule.line, meta=rule.meta))
        except ValueError as error:
            readings.problems.append(problem(rule, "pipeline", str(error), line=rule.line, meta=rule.meta))
        else:
            linker.add(draft)
            readings.notes += _opened(draft)
    readings.notes += [
        note for number, kept in enumerate(readings.filters) for note in _of_filter(kept, number in used)
    ]


def _opened(draft: Draft) -> list[RuleProblem]:
    names = ", ".join(f"%{name}%" for name in draft.open_placeholders)
    text = f"no value is known for {names}"
    return [problem(draft, "placeholder_open", text, line=draft.line, meta=draft.meta)] if names else []


def _of_filter(filtering: FilterText, is_used: bool) -> list[RuleProblem]:  # noqa: FBT001 - said at the one call
    notes = []
    if not is_used:
        text = "no rule that was read is meant by it"
        notes.append(problem(filtering, "filter_unused", text, line=filtering.line, meta=filtering.meta))
    if not any(_NOT.search(text) for text in filtering.detections.conditions):
        text = f"its condition is {filtering.detections.conditions[0]!r}, which must hold too"
        notes.append(problem(filtering, "filter_keeps", text, line=filtering.line, meta=filtering.meta))
    return notes


def _costly_keywords(predicates: Sequence[Predicate]) -> set[int]:
    """Return the expressions looked for in whole events, by an engine that backtracks, that could take too long."""
    return {
        number
        for number, predicate in enumerate(predicates)
        if predicate.field == KEYWORDS and predicate.test.op == "regex" and is_costly(predicate.test.value)
    }


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


def _key(files: Sequence[RuleFile], mapping: SigmaMapping, tuning: Tuning) -> str:
    versions = [f"{name} {version(name)}" for name in ("pysigma", "hyperscan", "msgspec", "miharu")]
    parts = [part for file in files for part in (file.path, file.data, file.fault)]
    return hash_parts(_FORM, mapping.digest, tuning.digest, str(hyperscan.HS_MODE_BLOCK), *versions, *parts)


def _runs_here(ruleset: RuleSet) -> bool:
    """Say whether the engines were made for this processor and library."""
    try:
        for engine in ruleset.engines:
            for database in filter(None, (engine.literal_database, engine.regex_database)):
                PatternScanner(database)
    except hyperscan.error:
        return False
    return True
