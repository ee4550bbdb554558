"""The `detection` of a rule → pySigma's detections, and everything that is wrong with them.

pySigma stops at the first fault and does not say where; here each item is read on its own, by our table of
modifiers, and every fault is kept with the path of its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from sigma.exceptions import SigmaError, SigmaRegularExpressionError
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem
from sigma.types import (
    SigmaBool,
    SigmaExpansion,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    sigma_type,
)

from miharu.detect.conditions import ConditionFault, read_condition
from miharu.detect.modifiers import MODIFIERS, NUMBER_MODIFIERS, TEXT_MODIFIERS, TIME_RANGES
from miharu.detect.yamldocs import KeyPath

_RESERVED: Final = ("condition", "timeframe")
_SCALARS: Final = (str, int, float, bool, type(None))
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?", re.ASCII)
_KEYWORDS: Final = (SigmaString, SigmaNumber, SigmaBool, SigmaRegularExpression, SigmaExpansion)
_SHOWN: Final = 80
_REGEX_FLAGS: Final = frozenset({"i", "m", "s", "ignorecase", "multiline", "dotall"})
_HINTS: Final[dict[str, str]] = {
    "regex_invalid": "correct the pattern; Sigma takes PCRE without look-around and back-references",
    "detection_invalid": "compare with the Sigma specification, section Detection",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, with the path of its key."""

    path: KeyPath
    text: str
    found: str = ""
    expected: str = ""
    hint: str = ""
    reason: str = "detection_invalid"


class FaultsError(Exception):
    """A document that cannot be used, with all of its faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults[0].text)
        self.faults = faults


@dataclass(slots=True)
class Detections:
    """Selections by name, and the conditions over them, of which one must hold."""

    selections: dict[str, SigmaDetection] = field(default_factory=dict)
    conditions: list[str] = field(default_factory=list)


def read_detections(content: Mapping[Any, Any], path: KeyPath, *, other_keys: Sequence[str] = ()) -> Detections:
    """Return selections and conditions; `other_keys` are no selections. Raises FaultsError with all faults."""
    reader = _Reader()
    found = Detections()
    for key, value in content.items():
        if key in _RESERVED or key in other_keys:
            continue
        selection = reader.selection(value, (*path, str(key)))
        if selection is not None:
            found.selections[str(key)] = selection
    names = [str(key) for key in content if key not in _RESERVED and key not in other_keys]
    if not names:
        reader.fault(path, "there is no selection", "none", "at least one selection", "give what to look for a name")
    found.conditions = reader.conditions(content.get("condition"), names, (*path, "condition"))
    if reader.faults:
        raise FaultsError(*reader.faults)
    return found


class _Reader:
    """Reads one detection; keeps its faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, path: KeyPath, text: str, found: Any, expected: str, hint: str) -> None:
        self.faults.append(Fault(path, text, _shown(found), expected, hint))

    def conditions(self, wanted: Any, names: Sequence[str], path: KeyPath) -> list[str]:
        texts = wanted if isinstance(wanted, list) else [wanted]
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            text = "the condition is missing or no text"
            self.faults.append(
                Fault(path, text, _shown(wanted), "a text such as `selection and not filter`", "add a condition",
                      "condition_invalid")
            )  # fmt: skip
            return []
        for place, text in enumerate(texts):
            at = (*path, place) if isinstance(wanted, list) else path
            _, faults = read_condition(text, names)
            self.faults += [_of_condition(at, fault) for fault in faults]
        return texts

    def selection(self, value: Any, path: KeyPath) -> SigmaDetection | None:
        items: list[SigmaDetectionItem | SigmaDetection | None]
        match value:
            case dict() | list() if not value:
                self.fault(
                    path, "the selection is empty", value, "fields with values, or a list", "add what to look for"
                )
                return None
            case dict():
                items = [self.item(key, inner, (*path, str(key))) for key, inner in value.items()]
            case list() if all(isinstance(inner, _SCALARS) for inner in value):
                items = [self.item(None, value, path)]
            case list():
                items = [self.selection(inner, (*path, place)) for place, inner in enumerate(value)]
            case _:
                items = [self.item(None, value, path)]
        kept = [item for item in items if item is not None]
        return SigmaDetection(kept) if len(kept) == len(items) else None

    def item(self, key: Any, value: Any, path: KeyPath) -> SigmaDetectionItem | None:
        name, *modifiers = ("" if key is None else str(key)).split("|")
        values = value if isinstance(value, list) else [value]
        before = len(self.faults)
        self._check_modifiers(modifiers, path)
        for inner in values:
            if not isinstance(inner, _SCALARS):
                self.fault(path, "a value is no text or number", inner, "a value, or a list of values",
                           "put further fields beside this one, or in a list of maps")  # fmt: skip
            elif inner is None and (not name or modifiers):
                self.fault(path, "null is the value of a field without modifiers", "null",
                           "a text or a number", "quote it if the text is meant")  # fmt: skip
            else:
                self._check_value(inner, modifiers, path)
        if not values and not name:
            self.fault(path, "a list of keywords is empty", "[]", "at least one keyword", "add what to look for")
        if len(self.faults) > before:
            return None
        with self._caught(path, value):
            typed = [_typed(inner, modifiers) for inner in values]
            item = SigmaDetectionItem(name or None, [MODIFIERS[modifier] for modifier in modifiers], typed)
            if name or all(map(_may_be_keyword, item.value)):
                return item
            self.fault(path, "a keyword cannot be a network, a comparison or another field", value,
                       "a text, a number or a regular expression", "put a field before `|`")  # fmt: skip
        return None

    def _check_modifiers(self, modifiers: Sequence[str], path: KeyPath) -> None:
        for modifier in modifiers:
            if modifier not in MODIFIERS:
                near = get_close_matches(modifier, MODIFIERS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"modifiers are {', '.join(sorted(MODIFIERS))}"
                self.fault(path, f"the modifier {modifier!r} is not known", modifier, "a modifier of Sigma", hint)
        if _REGEX_FLAGS.intersection(modifiers) and "re" not in modifiers:
            self.fault(path, "i, m and s are flags of `re`", "|".join(modifiers), "`re` before its flags", "add `re`")

    def _check_value(self, value: Any, modifiers: Sequence[str], path: KeyPath) -> None:
        if "exists" in modifiers and not isinstance(value, bool):
            self.fault(path, "`exists` wants yes or no", value, "true or false", "leave the quotes out")
        if NUMBER_MODIFIERS.intersection(modifiers) and _number(value) is None:
            self.fault(path, "a comparison wants a number", value, "a number", "compare texts with startswith or re")
        for modifier in TIME_RANGES.keys() & set(modifiers):
            least, most = TIME_RANGES[modifier]
            number = _number(value)
            if number is None or number != int(number) or not least <= number <= most:
                self.fault(
                    path, f"no {modifier} is {value}", value, f"a whole number from {least} to {most}", "correct it"
                )

    @contextmanager
    def _caught(self, path: KeyPath, value: Any) -> Iterator[None]:
        try:
            yield
        except (SigmaError, RecursionError, re.error, TypeError, ValueError, AttributeError) as error:
            # pySigma raises the plain ones on values it does not expect; the rule is at fault, not we.
            regex = isinstance(error, (SigmaRegularExpressionError, re.error))
            reason = "regex_invalid" if regex else "detection_invalid"
            text = str(error).split(" in <")[0].strip() or "the value does not suit its modifiers"
            self.faults.append(Fault(path, text, _shown(value), "", _HINTS[reason], reason))


def _typed(value: Any, modifiers: Sequence[str]) -> SigmaType:
    if "re" in modifiers:
        return SigmaString.from_str(_written(value))
    if NUMBER_MODIFIERS.intersection(modifiers) or TIME_RANGES.keys() & set(modifiers):
        return SigmaNumber(value)
    if TEXT_MODIFIERS.intersection(modifiers) and not isinstance(value, str):
        return SigmaString(_written(value))
    return sigma_type(value)


def _may_be_keyword(value: SigmaType) -> bool:
    return isinstance(value, _KEYWORDS) and not isinstance(value, SigmaTimestampPart)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        return None
    return float(value) if isinstance(value, (int, float, str)) else None


def _of_condition(path: KeyPath, fault: ConditionFault) -> Fault:
    return Fault(path, fault.text, fault.found, fault.expected, fault.hint, fault.reason)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
