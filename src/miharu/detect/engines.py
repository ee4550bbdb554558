"""Predicates of all fields → compiled multi-pattern databases, one pair per field.

Literals (of contains, startswith, endswith, and of wildcard patterns their longest part) are compiled
case-folded and without anchors: a hit is then confirmed on the value. That takes Hyperscan 0.2 s for ten
thousand command-line literals, where anchored or case-insensitive patterns take a hundred times as long.
Regular expressions go into a database of their own. Those that Hyperscan takes only approximately
(look-around, back-references) are a prefilter; `re` decides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import hyperscan

from miharu.detect.model import KEYWORDS, Engine, Predicate, ValueTest
from miharu.detect.shortening import shortened

_SHORTEST_EXACT: Final = 8

_FLAGS: Final = {"i": hyperscan.HS_FLAG_CASELESS, "m": hyperscan.HS_FLAG_MULTILINE, "s": hyperscan.HS_FLAG_DOTALL}
_PYTHON_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_REGEX_FLAGS: Final = (
    hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
)
_TOKEN: Final = re.compile(
    r"""\\.                                   # an escape
    | \[\^?\]?(?:\\.|[^\]])*\]              # a class
    | (?P<quantifier>[*+?]|\{\d*(?:,(?P<most>\d*))?\})
    | .""",
    re.VERBOSE | re.DOTALL,
)
_SEVERAL_LINES: Final = re.compile(r"\(\?[a-zA-Z]*m")
_SMALL_REPEAT: Final = 4


def literal_of(test: ValueTest) -> str:
    """Return the case-folded literal that a value must contain for the test to hold; "" if there is none.

    It has no NUL: the pattern engine would take that for the end.
    """
    match test.op:
        case "starts" | "ends" | "contains":
            if "\0" not in test.value:
                return test.value.casefold()
            parts = [test.value]
        case "glob":
            parts = [part for segment in test.segments for part in segment if part is not None]
        case _:
            return ""
    return max((text for part in parts for text in part.split("\0")), key=len, default="").casefold()


def key_literal(test: ValueTest) -> str:
    """Return the literal by which a scan of all values finds those that a test may hold for; "" if it is not scanned.

    Short texts that a value must equal are looked up instead: scanning would find them in too many values.
    """
    if test.op == "equals":
        return test.value.casefold() if len(test.value) >= _SHORTEST_EXACT and "\0" not in test.value else ""
    return literal_of(test)


def compiled_regex(test: ValueTest) -> re.Pattern[str]:
    """Return Python's form of a regex test."""
    flags = re.RegexFlag(0)
    for letter in test.flags:
        flags |= _PYTHON_FLAGS[letter]
    return re.compile(test.value, flags)


def build_engines(predicates: Sequence[Predicate], keys: Collection[int]) -> tuple[list[Engine], set[int]]:
    """Return the engines of all fields, and the numbers of regex predicates that no engine can bound.

    Only the literals of `keys` are scanned for.
    """
    literals: dict[int, dict[str, None]] = defaultdict(dict)
    regexes: dict[int, list[int]] = defaultdict(list)
    for number, predicate in enumerate(predicates):
        if predicate.field == KEYWORDS:
            continue
        if predicate.test.op == "regex":
            regexes[predicate.field].append(number)
        elif number in keys and (literal := key_literal(predicate.test)):
            literals[predicate.field][literal] = None
    engines, refused = [], set()
    for field in sorted(literals.keys() | regexes.keys()):
        texts = tuple(literals.get(field, ()))
        trust, database = _regex_database({number: predicates[number].test for number in regexes.get(field, ())})
        costly = {number for number in trust if trust[number] == "none" and is_costly(predicates[number].test.value)}
        refused |= costly
        engines.append(
            Engine(
                field,
                texts,
                literal_database(texts) if texts else b"",
                tuple((number, how) for number, how in trust.items() if number not in costly),
                database,
            )
        )
    return engines, refused


def literal_database(texts: Iterable[str]) -> bytes:
    """Return the serialized database of case-folded literals, reported under its place.

    ASCII letters match in any case, so that an ASCII text may be scanned as it is; others are case-folded first.
    """
    encoded = [text.encode() for text in texts]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=encoded,
        ids=list(range(len(encoded))),
        elements=len(encoded),
        flags=hyperscan.HS_FLAG_CASELESS,
        literal=True,
    )
    return bytes(hyperscan.dumpb(database))


def _regex_database(tests: Mapping[int, ValueTest]) -> tuple[dict[int, str], bytes]:
    """Return how far each pattern can be trusted to the engine, and the database of those it takes."""
    # In several-line mode PCRE's `^` does not match after a newline that ends the text; Python's does.
    kept = {number: test for number, test in tests.items() if not _SEVERAL_LINES.search(f"(?{test.flags}){test.value}")}
    trust = dict.fromkeys(tests, "none") | dict.fromkeys(kept, "exact")
    try:
        return trust, _compiled(kept, trust)
    except hyperscan.error:
        trust |= {number: _trust(test) for number, test in kept.items()}
    try:
        return trust, _compiled({number: test for number, test in kept.items() if trust[number] != "none"}, trust)
    except hyperscan.error:  # each alone is small enough, all together are not
        return dict.fromkeys(tests, "none"), b""


def _compiled(tests: Mapping[int, ValueTest], trust: Mapping[int, str]) -> bytes:
    if not tests:
        return b""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[shortened(test.value).encode() for test in tests.values()],
        ids=list(tests),
        elements=len(tests),
        flags=[_regex_flags(test, trust[number]) for number, test in tests.items()],
    )
    return bytes(hyperscan.dumpb(database))


def _trust(test: ValueTest) -> str:
    for how in ("exact", "prefilter"):
        try:
            _compiled({0: test}, {0: how})
        except hyperscan.error:
            continue
        return how if how == "exact" or not is_costly(test.value) else "none"
    return "none"


def _regex_flags(test: ValueTest, how: str) -> int:
    flags = _REGEX_FLAGS | (hyperscan.HS_FLAG_PREFILTER if how == "prefilter" else 0)
    for letter in test.flags:
        flags |= _FLAGS[letter]
    return int(flags)


def is_costly(pattern: str) -> bool:
    """Return whether a backtracking engine could take exponential time: a repeated group that repeats inside.

    Errs on the side of yes: `(ab+c)*` is harmless and named costly.
    """
    open_groups = [False]
    """Of each open group whether it repeats or chooses inside."""
    closed = False
    for token in _TOKEN.finditer(pattern):
        text, was, closed = token.group(), closed, False
        if text == "(":
            open_groups.append(False)
        elif text == ")" and len(open_groups) > 1:
            closed = open_groups.pop()
            open_groups[-1] |= closed
        elif text == "|":
            open_groups[-1] = True
        elif token["quantifier"] and _repeats(token):
            if was:
                return True
            open_groups[-1] = True
    return False


def _repeats(token: re.Match[str]) -> bool:
    if token["most"] is None:
        return token.group() in "*+"
    return not token["most"] or int(token["most"]) > _SMALL_REPEAT
