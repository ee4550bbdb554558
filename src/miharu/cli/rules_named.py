"""What a person types for a rule → the rule."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from miharu.core.errors import OperatorError
from miharu.detect import Rule, RuleSet

_SHOWN: Final = 5


def find_rule(ruleset: RuleSet, named: str) -> Rule:
    """Return the rule whose id is or begins with, or whose title is, `named`. Raises OperatorError if not one."""
    folded = named.strip().casefold()
    exact = [rule for rule in ruleset.rules if folded in (rule.id.casefold(), rule.title.casefold())]
    found = exact or [rule for rule in ruleset.rules if folded and rule.id.casefold().startswith(folded)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{rule.id} ({rule.title})" for rule in found[:_SHOWN])
        message = f"several rules are named {named!r}: {shown}{', …' if len(found) > _SHOWN else ''}"
        raise OperatorError(message)
    titles = {rule.title.casefold(): rule.title for rule in ruleset.rules}
    close = get_close_matches(folded, titles, n=1)
    hint = f"did you mean {titles[close[0]]!r}?" if close else "`miharu rules list` shows ids and titles"
    message = f"no rule that runs is named {named!r}; {hint}"
    raise OperatorError(message)
