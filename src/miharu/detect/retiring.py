"""All rules that were read → those that are in use, and notes about those that are not.

Sigma's `status: deprecated` and `unsupported` take a rule out of use, and so does a newer rule that names it as
`related` with the type `obsolete`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from miharu.detect.model import RuleProblem
from miharu.detect.problems import problem
from miharu.detect.reading import RuleText

_OUT_OF_USE: Final = frozenset({"deprecated", "unsupported"})
_REPLACES: Final = frozenset({"obsolete", "obsoletes"})


def in_use(rules: Sequence[RuleText]) -> tuple[list[RuleText], list[RuleProblem]]:
    """Return the rules to run, and a note on each that is retired or superseded."""
    kept, notes = [], []
    for rule in rules:
        status = str(rule.meta.get("status") or "").casefold()
        if status in _OUT_OF_USE:
            notes.append(problem(rule, "retired", f"its status is {status}", line=rule.line, meta=rule.meta))
        else:
            kept.append(rule)
    newer = {old: rule for rule in kept for old in _replaced(rule) if old != rule.id.casefold()}
    for rule in kept:
        if (other := newer.get(rule.id.casefold())) is not None:
            text = f"{other.title} ({other.id}) replaces it"
            notes.append(problem(rule, "superseded", text, line=rule.line, meta=rule.meta))
    return [rule for rule in kept if rule.id.casefold() not in newer], notes


def _replaced(rule: RuleText) -> Iterator[str]:
    related = rule.meta.get("related")
    for other in related if isinstance(related, list) else []:
        if isinstance(other, dict) and str(other.get("type") or "").casefold() in _REPLACES:
            yield str(other.get("id") or "").casefold()
