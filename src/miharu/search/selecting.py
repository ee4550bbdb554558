"""The filter of a search → the same condition as a Sigma detection, for whoever judges events before they are stored.

What a filter says of texts, numbers, addresses and raw words has a form in Sigma; times and names with `*` have not.
"""

from __future__ import annotations

import re
from typing import Any, Final

from miharu.core.columns import EVENT_ORIGINAL, TIMESTAMP
from miharu.core.errors import QueryError
from miharu.search.filters import network
from miharu.search.plan import Both, Condition, Either, Inverse, Test, Value, Wild, Words
from miharu.search.pointing import pointed
from miharu.search.reading import read_search

_COMPARISONS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_SEARCHED: Final = (EVENT_ORIGINAL, "message")
"""Fields in which a search looks for words, not for the whole value."""
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?")
_SPECIAL: Final = re.compile(r"[\\*?]")


def filter_as_detection(text: str) -> dict[str, Any]:
    """Return the keys of a Sigma `detection` that holds for the events a filter finds.

    Raises QueryError, with the place in `text`, where it has pipes, compares times, or says what Sigma cannot.
    """
    try:
        selections = _Selections()
        condition = selections.condition(_filter(text))
    except QueryError as error:
        raise pointed(error, text) from error
    except RecursionError as error:
        raise QueryError("The condition is nested too deeply: use fewer brackets.") from error
    return {**selections.made, "condition": condition}


def _filter(text: str) -> Condition:
    plan = read_search(text)
    if plan.commands:
        raise QueryError("A condition is a filter without pipes", text.find("|"), "leave out what follows |")
    if plan.filter is None:
        raise QueryError("The condition is empty", 0, "write field : value")
    return plan.filter


class _Selections:
    """Gives each test of a filter a selection of its own."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def condition(self, part: Condition) -> str:
        if isinstance(part, Both):
            return f"({' and '.join(self.condition(inner) for inner in part.parts)})"
        if isinstance(part, Either):
            return f"({' or '.join(self.condition(inner) for inner in part.parts)})"
        if isinstance(part, Inverse):
            return f"not {self.condition(part.part)}"
        if isinstance(part, Words):
            return self._selection([_pattern(part.value)])
        if part.operator == "!=":
            return f"not {self._test(part)}"
        return self._test(part)

    def _selection(self, content: Any) -> str:
        name = f"test{len(self.made) + 1}"
        self.made[name] = content
        return name

    def _test(self, test: Test) -> str:
        name, value = test.field.text, test.value
        if "*" in name and not test.field.exact:
            raise QueryError("A condition names each field", test.field.position, "write the field's whole name")
        if name == TIMESTAMP:
            raise QueryError("A condition cannot compare times", test.field.position, "use --until for its end")
        if test.operator in _COMPARISONS:
            return self._selection({f"{name}|{_COMPARISONS[test.operator]}": _number(value)})
        if value.anything and not value.quoted:
            return self._selection({f"{name}|exists": True})
        if not value.text:
            raise QueryError("The value is empty", value.position, f"write not {name} : *")
        if name in _SEARCHED:
            return self._selection({f"{name}|contains": _pattern(value)})
        equal = self._selection({name: _pattern(value)})
        inside = network(value.text)
        return f"({equal} or {self._selection({f'{name}|cidr': str(inside)})})" if inside is not None else equal


def _number(value: Value) -> int | float:
    if not _NUMBER.fullmatch(value.text):
        raise QueryError("A condition compares numbers with < and >", value.position, "write a number")
    return float(value.text) if "." in value.text else int(value.text)


def _pattern(value: Value) -> str:
    r"""Return a value as Sigma writes it: wildcards as they are, the same signs meant as such behind a `\`."""
    return "".join(
        piece.value if isinstance(piece, Wild) else _SPECIAL.sub(lambda sign: "\\" + sign.group(), piece)
        for piece in value.pieces
    )
