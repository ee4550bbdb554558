"""Files of Sigma rules that were read → one compiled rule set.

Only this way leads to pySigma, which takes a while to import: rules that were compiled before never come here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from sigma.exceptions import SigmaError

from miharu.catalog import SigmaMapping
from miharu.detect.documents import RuleFile
from miharu.detect.drafts import Draft, draft_of
from miharu.detect.engines import build_engines, is_costly
from miharu.detect.indexing import leaves, with_keys
from miharu.detect.linking import Linker
from miharu.detect.model import KEYWORDS, Predicate, RuleProblem, RuleSet
from miharu.detect.pipelines import Pipelines
from miharu.detect.problems import problem
from miharu.detect.reading import FilterText, Readings, read_rule_file
from miharu.detect.retiring import in_use
from miharu.detect.tuning import NO_TUNING, Tuning
from miharu.detect.values import RuleFaultError

_NOT: Final = re.compile(r"\bnot\b", re.IGNORECASE)


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
    ruleset = with_keys(linker.finish(readings.problems, readings.notes))
    keys = {key for rule in ruleset.rules for variant in rule.variants for key in variant.keys or ()}
    ruleset.engines, refused = build_engines(ruleset.predicates, keys)
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
