"""Tests that a value should pass, and tests that it should fail → values that might do.

They are guesses: whoever asks tries them. Those that change the old value least come first where that is known.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, permutations, product
from typing import Final

from miharu.detect.engines import compiled_regex
from miharu.detect.judging import TIME_OPS, compare, number_of, time_part
from miharu.detect.model import ValueTest
from miharu.detect.regexsample import sample_texts

_MOST: Final = 400
_FEW: Final = 6
_PLAIN: Final = ("x", "", "-", "0", "1", "-1", "7.5", "192.0.2.77", "2001:db8::77", "2022-05-17T05:41:00Z")
_LONGEST: Final = 4_096
_EPOCH: Final = datetime(2024, 1, 1, tzinfo=UTC)


def values_for(
    wanted: Sequence[ValueTest], unwanted: Sequence[ValueTest], old: str | None, others: Sequence[str] = ()
) -> Iterator[str | None]:
    """Yield values, None for a missing one; `others` are values of the field that a reference compares with."""
    seen: set[str | None] = set()
    for value in islice(_guesses(wanted, unwanted, (old or "")[:_LONGEST], others), _MOST):
        if value not in seen:
            seen.add(value)
            yield value


def _guesses(
    wanted: Sequence[ValueTest], unwanted: Sequence[ValueTest], old: str, others: Sequence[str]
) -> Iterator[str | None]:
    if any(test.op in {"missing", "empty"} for test in wanted):
        yield from (None, "")
    if wanted:
        yield from _mended(wanted, unwanted, old, others)
    else:
        yield from _spoilt(unwanted, old)
        yield None
        yield from _PLAIN


def _spoilt(unwanted: Sequence[ValueTest], old: str) -> Iterator[str]:
    """Yield the old value with what is unwanted taken out, or with something before or behind it."""
    literals = [part for test in unwanted for part in _parts(test) if part]
    for literal in literals:
        yield from _without(old, literal)
    rest = old
    for literal in literals:
        rest = next(_without(rest, literal))
    yield rest
    yield from (f"x{old}", f"{old}x", f"x{old}x", f"{rest}x", f"x{rest}")
    if (number := number_of(old)) is not None:
        yield from (str(number + step) for step in (1, -1, 1_000_000, -1_000_000))


def _without(text: str, literal: str) -> Iterator[str]:
    at = text.casefold().find(literal.casefold())
    if at < 0:
        yield text
        return
    end = at + len(literal)
    middle = at + len(literal) // 2
    yield f"{text[:middle]}~{text[middle:]}"
    yield f"{text[:middle]}~{text[middle + 1 :]}"
    yield text[:at] + text[end:]


def _mended(
    wanted: Sequence[ValueTest], unwanted: Sequence[ValueTest], old: str, others: Sequence[str]
) -> Iterator[str]:
    """Yield the old value with what is wanted put in, then values of what is wanted alone."""
    choices = [list(islice(dict.fromkeys(_of_one(test, old, others)), _FEW * 2)) for test in wanted]
    if len(wanted) == 1:
        yield from _around(wanted[0], choices[0], old)
        yield from choices[0]
    for order in islice(permutations(range(len(wanted))), 6):
        for texts in islice(product(*(choices[place][:_FEW] for place in order)), 24):
            yield from texts
            yield from ("".join(texts), " ".join(texts))
    spoilt = list(islice(_spoilt(unwanted, old), 8)) if unwanted else []
    heads = [part for test in wanted if test.op == "starts" for part in _parts(test)] or [""]
    tails = [part for test in wanted if test.op == "ends" for part in _parts(test)] or [""]
    inner = [
        choices[place][0] for place, test in enumerate(wanted) if test.op not in {"starts", "ends"} and choices[place]
    ]
    for head, tail, kept in product(heads, tails, ["", " ", old, *spoilt]):
        middle = "x".join(inner)
        yield from (f"{head}{kept}{middle}{tail}", f"{head}{middle}{kept}{tail}", f"{head}{kept}{middle}x{tail}")


def _around(test: ValueTest, texts: Sequence[str], old: str) -> Iterator[str]:
    """Yield the old value with one wanted text before it, behind it and inside it."""
    if test.op not in {"starts", "ends", "contains", "glob", "regex", "ref"} or not old:
        return
    for text in texts[:3]:
        yield from (old + text, text + old, f"{old} {text}", f"{text} {old}")
        for at in dict.fromkeys((len(old) // 2, len(old) // 3, len(old) - 1, 1)):
            yield old[:at] + text + old[at:]


def _of_one(test: ValueTest, old: str, others: Sequence[str]) -> Iterator[str]:
    """Yield values that pass one test."""
    match test.op:
        case "equals" | "starts" | "ends" | "contains":
            yield test.value
            yield from (test.value + "x", "x" + test.value)
        case "glob":
            yield from _of_glob(test, old)
        case "regex":
            yield from sample_texts(compiled_regex(test))
        case "ref":
            yield from others
            yield from (part for other in others for part in (f"{other}x", f"x{other}", f"x{other}x"))
        case "cidr":
            network = ipaddress.ip_network(test.value)
            yield from (str(network[place]) for place in (0, -1))
        case "exists":
            yield from (old, *_PLAIN)
        case _:
            yield from _of_number(test)


def _of_glob(test: ValueTest, old: str) -> Iterator[str]:
    for single, gap in (("x", ""), ("a", "x"), ("1", old), ("_", " ")):
        yield gap.join("".join(single if part is None else part for part in segment) for segment in test.segments)


def _of_number(test: ValueTest) -> Iterator[str]:
    if test.op in TIME_OPS:
        for hours in range(0, 24 * 366, 7):
            moment = _EPOCH + timedelta(hours=hours, minutes=hours % 60)
            if test.op == "year":
                moment = moment.replace(year=max(1, min(9999, int(test.value) + hours % 3 - 1)), day=1)
            elif test.op == "minute":
                moment = moment.replace(minute=hours // 7 % 60)
            if compare(test.flags, time_part(test.op, moment), int(test.value)):
                yield moment.isoformat().replace("+00:00", "Z")
        return
    number = number_of(test.value)
    if number is not None:
        yield from (str(number + step) for step in (0, 1, -1, 1000, -1000))
    yield test.value


def _parts(test: ValueTest) -> list[str]:
    if test.op == "glob":
        return [part for segment in test.segments for part in segment if part is not None]
    return [test.value] if test.op in {"equals", "starts", "ends", "contains"} else []


def keyword_texts(test: ValueTest) -> list[str]:
    """Return texts that hold a keyword."""
    return list(islice(_of_one(test, "", ()), _FEW))


def spoilt_text(test: ValueTest, text: str) -> str:
    """Return a text without the keyword, if that can be told from its parts."""
    for part in (part for part in _parts(test) if part):
        while (at := text.casefold().find(part.casefold())) >= 0 and len(part) > 0:
            text = text[:at] + text[at + len(part) :]
    return text
