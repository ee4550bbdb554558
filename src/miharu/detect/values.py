"""A Sigma value after its modifiers → the tests of a value that it means.

Semantics (Sigma specification, sections on value modifiers and special field values): text compares without
regard to case (full Unicode case folding) unless `cased`; `''` holds for an empty or missing value, `null`
for a missing one.
"""

from __future__ import annotations

from typing import Final

from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaQueryExpression,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from miharu.detect.model import Op, Segments, ValueTest
from miharu.detect.modifiers import CasedReference

_COMPARISONS: Final[dict[str, Op]] = {"LT": "lt", "LTE": "lte", "GT": "gt", "GTE": "gte", "NEQ": "neq"}
_TIME_PARTS: Final[dict[str, Op]] = {
    "MINUTE": "minute", "HOUR": "hour", "DAY": "day", "WEEK": "week", "MONTH": "month", "YEAR": "year",
}  # fmt: skip


class RuleFaultError(Exception):
    """A rule that cannot run; `reason` is a problem code."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def read_value(value: SigmaType, *, keyword: bool) -> list[ValueTest]:
    """Return the alternatives a value stands for. Raises RuleFaultError."""
    if isinstance(value, SigmaExpansion):
        return [test for part in value.values for test in read_value(part, keyword=keyword)]
    if keyword:
        return [_keyword(value)]
    return [_test(value)]


def _test(value: SigmaType) -> ValueTest:
    match value:
        case SigmaString():
            return _text(value)
        case SigmaTimestampPart():
            return ValueTest(_TIME_PARTS[value.timestamp_part.name], str(value.number))
        case SigmaNumber():
            return ValueTest("number", str(value.number))
        case SigmaBool():
            return ValueTest("equals", "true" if value.boolean else "false")
        case SigmaRegularExpression():
            return _regex(value)
        case SigmaCIDRExpression():
            return ValueTest("cidr", str(value.network))
        case SigmaNull():
            return ValueTest("missing")
        case _:
            return _relation(value)


def _relation(value: SigmaType) -> ValueTest:
    match value:
        case SigmaExists():
            return ValueTest("exists" if value.exists else "missing")
        case SigmaCompareExpression(number=SigmaTimestampPart() as part):
            return ValueTest(_TIME_PARTS[part.timestamp_part.name], str(part.number), flags=_COMPARISONS[value.op.name])
        case SigmaCompareExpression():
            return ValueTest(_COMPARISONS[value.op.name], str(value.number.number))
        case SigmaFieldReference():
            kinds = {(False, False): "equals", (True, False): "starts", (False, True): "ends", (True, True): "contains"}
            cased = isinstance(value, CasedReference)
            return ValueTest("ref", value.field, cased=cased, flags=kinds[value.starts_with, value.ends_with])
        case SigmaQueryExpression():
            raise RuleFaultError("detection_invalid", "a query of another engine cannot be asked here")
        case _:
            raise RuleFaultError("detection_invalid", f"values of type {type(value).__name__} are not known")


def _keyword(value: SigmaType) -> ValueTest:
    match value:
        case SigmaString():
            return _unanchored(_segments(value), cased=isinstance(value, SigmaCasedString))
        case SigmaNumber() | SigmaBool():
            return ValueTest("contains", str(value).lower())
        case SigmaRegularExpression():
            return _regex(value)
        case _:
            raise RuleFaultError("detection_invalid", f"a keyword cannot be of type {type(value).__name__}")


def _unanchored(segments: Segments, *, cased: bool) -> ValueTest:
    """Return the test of a keyword: it is looked for anywhere, so `*` at its ends adds nothing."""
    inner = tuple(segment for segment in segments if segment)
    if not inner:
        return ValueTest("exists")
    if len(inner) == 1 and len(inner[0]) == 1 and inner[0][0] is not None:
        return ValueTest("contains", inner[0][0], cased=cased)
    return ValueTest("glob", cased=cased, segments=((), *inner, ()))


def _text(value: SigmaString) -> ValueTest:
    cased = isinstance(value, SigmaCasedString)
    segments = _segments(value)
    plain = all(len(part) <= 1 and None not in part for part in segments)
    texts = ["".join(part for part in segment if part is not None) for segment in segments]
    match (plain, texts):
        case (True, [""]):
            return ValueTest("empty")
        case (True, [whole]):
            return ValueTest("equals", whole, cased=cased)
        case (True, [*parts]) if not any(parts):
            return ValueTest("exists")
        case (True, [start, ""]):
            return ValueTest("starts", start, cased=cased)
        case (True, ["", end]):
            return ValueTest("ends", end, cased=cased)
        case (True, ["", middle, ""]):
            return ValueTest("contains", middle, cased=cased)
        case _:
            return ValueTest("glob", cased=cased, segments=segments)


def _segments(value: SigmaString) -> Segments:
    """Cut at `*`; neighbouring texts of a segment are joined, empty segments between stars dropped."""
    segments: list[list[str | None]] = [[]]
    for part in value.s:
        if isinstance(part, Placeholder):
            raise RuleFaultError("placeholder", f"no value is known for the placeholder %{part.name}%")
        if part is SpecialChars.WILDCARD_MULTI:
            segments.append([])
        elif part is SpecialChars.WILDCARD_SINGLE:
            segments[-1].append(None)
        elif isinstance(part, str) and part:
            if segments[-1] and segments[-1][-1] is not None:
                segments[-1][-1] += part
            else:
                segments[-1].append(part)
    middle = [segment for segment in segments[1:-1] if segment]
    ends = [segments[-1]] if len(segments) > 1 else []
    return tuple(tuple(segment) for segment in (segments[0], *middle, *ends))


def _regex(value: SigmaRegularExpression) -> ValueTest:
    if value.contains_placeholder():
        raise RuleFaultError("placeholder", f"no value is known for a placeholder in the pattern {value.regexp}")
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    return ValueTest("regex", str(value.regexp), cased="i" not in flags, flags=flags)
