"""Random Sigma rules, events that nearly fit them, and a plain evaluator that knows nothing of the engine's ways.

The evaluator follows the words of the Sigma specification 2.1 (rules and its appendix on modifiers): it takes the
rule as it is written, one event at a time, and Python's own means for every test.
"""

from __future__ import annotations

import base64
import ipaddress
import itertools
import operator
import re
from datetime import datetime
from random import Random
from typing import Any, TypeAlias

Condition: TypeAlias = tuple[Any, ...]
"""`("name", x)`, `("not", c)`, `("and", c, c)`, `("or", c, c)`, `("1", pattern)`, `("all", pattern)`."""

ASCII = "aAbB1-/\\*?%_ .:'\""
WIDE = ASCII + "éÉß\u017fK\n\u2013"  # the long s folds to s
FIELDS = ("a", "b", "c")
SELECTIONS = ("sel_x", "sel_y", "filter_z", "_aside")
NAME_PATTERNS = ("sel_*", "filter_*", "them", "*_x", "s*y", "*", "_as*")
PATTERNS = ["a+b", "^a", "b$", "[ab]1", "a.b", r"\d", "(a|b)1", "A", r"(?!a)b", "^$", "x*", r"(a)\1", "(?i)ab"]
DASHES = "-/–—―"  # noqa: RUF001 - the dashes are the point
TIME_PARTS = ("minute", "hour", "day", "week", "month", "year")
TIMES = ["2024-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2023-12-31T12:07:30Z", "2024-01-09T07:10:00Z"]
ORDERS = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}
KNOWN = {"Servers": ("srv*", "b1"), "Admins": ("aB", "a?1"), "None": ()}
"""Placeholders with their values; `%Unknown%` has none that are known."""


def escaped(text: str) -> str:
    """Return a Sigma value that means exactly this text."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def text(random: Random, letters: str, least: int, most: int) -> str:
    return "".join(random.choices(letters, k=random.randint(least, most)))


def item(random: Random, letters: str, modifiers: list[str]) -> tuple[str, Any]:  # noqa: PLR0911 - one per kind
    """Return one `field|modifiers: value(s)`."""
    field, modifier = random.choice(FIELDS), random.choice(modifiers)
    names = [*KNOWN, "Unknown"] if modifier.startswith("unknown") else [*KNOWN]
    modifier = modifier.removeprefix("unknown|")
    key = f"{field}|{modifier}" if modifier else field
    first = modifier.split("|")[0]
    if first in ORDERS or first == "number":
        wanted = [random.randint(-3, 12) for _ in range(random.randint(1, 2))]
        return ("n" if first == "number" else f"n|{modifier}"), wanted if len(wanted) > 1 else wanted[0]
    if first in TIME_PARTS:
        return f"t|{modifier}", int(datetime.fromisoformat(random.choice(TIMES)).strftime(_PART[first]))
    if first in {"null", "empty"}:
        return field, None if modifier == "null" else ""
    if first == "exists":
        return key, random.random() < 0.5
    if "fieldref" in modifier:
        return key, random.choice(FIELDS)
    if first == "cidr":
        networks = random.sample(
            ["192.0.2.0/24", "198.51.100.7/32", "192.0.0.0/16", "10.0.0.0/8"], random.randint(1, 2)
        )
        return f"ip|{modifier}", networks
    if first == "re":
        return key, random.choice(PATTERNS)
    if "expand" in modifier:
        return key, [text(random, "ab", 0, 1) + f"%{random.choice(names)}%" for _ in range(random.randint(1, 2))]
    return key, _texts(random, letters, modifier)


def _texts(random: Random, letters: str, modifier: str) -> Any:
    values = [text(random, letters, 1, 4) for _ in range(random.randint(1, 3))]
    if random.random() < 0.5:
        values = [escaped(value) for value in values]
    if "64" in modifier:
        values = [re.sub(r"[*?\\]", "", value) + "ab" for value in values]
    elif "wide" in modifier or "utf16" in modifier:
        values = [re.sub(r"[*?\\]", "", value) or "a" for value in values]
    return values if len(values) > 1 or modifier.endswith("all") else values[0]


def condition(random: Random, depth: int = 3) -> Condition:
    kind = random.choice(["name", "name", "1", "all", "not", "and", "or"]) if depth else "name"
    match kind:
        case "name":
            return ("name", random.choice(SELECTIONS))
        case "1" | "all":
            return (kind, random.choice(NAME_PATTERNS))
        case "not":
            return ("not", condition(random, depth - 1))
        case _:
            return (kind, condition(random, depth - 1), condition(random, depth - 1))


def selection(random: Random, letters: str, modifiers: list[str]) -> Any:
    maps = [
        dict(item(random, letters, modifiers) for _ in range(random.randint(1, 3))) for _ in range(random.randint(1, 2))
    ]
    return maps[0] if len(maps) == 1 else maps


def rules(random: Random, count: int, letters: str, modifiers: list[str]) -> list[tuple[dict[str, Any], Condition]]:
    """Return detections, each with its condition as a tree."""
    return [
        ({name: selection(random, letters, modifiers) for name in SELECTIONS}, condition(random)) for _ in range(count)
    ]


def rendered(tree: Condition) -> str:
    match tree:
        case ("name", name):
            return str(name)
        case ("1" | "all" as how, pattern):
            return f"{how} of {pattern}"
        case ("not", inner):
            return f"not ({rendered(inner)})"
        case (word, left, right):
            return f"({rendered(left)}) {word} ({rendered(right)})"
    raise AssertionError(tree)


def words_of(detections: list[dict[str, Any]]) -> list[str]:
    """Return the texts that rules look for, and what their encodings look like."""
    found: list[str] = [value.replace("*", "-1").replace("?", "x") for values in KNOWN.values() for value in values]

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)
        elif isinstance(node, str) and node:
            plain = re.sub(r"\\([\\*?])", r"\1", node)
            found.extend([plain, plain.swapcase(), plain.replace("*", "b1").replace("?", "a")])
            for encoding in ("utf-8", "utf-16le", "utf-16be", "utf-16"):
                secret = plain.encode(encoding)
                found.extend(base64.b64encode(pad + secret + b"z").decode() for pad in (b"", b"q", b"qq"))
                found.append(secret.decode("latin-1"))
            found.extend([plain.replace("-", dash).replace("/", dash) for dash in DASHES])

    walk(detections)
    return found


def events(random: Random, count: int, words: list[str], letters: str) -> list[dict[str, Any]]:
    """Return events that hold what rules look for more often than not; some fields are missing."""

    def value() -> str | None:
        chance = random.random()
        if chance < 0.15:
            return None
        if chance < 0.4:
            return text(random, letters, 0, 5)
        word = random.choice(words).replace("\0", "")
        return word if chance < 0.6 else text(random, letters, 0, 3) + word + text(random, letters, 0, 3)

    return [
        {
            **{field: value() for field in FIELDS},
            "n": random.choice([None, *range(-4, 13)]),
            "ip": random.choice([None, "192.0.2.1", "192.0.2.200", "198.51.100.7", "10.1.2.3", "9.9.9.9"]),
            "t": random.choice([None, *TIMES]),
        }
        for _ in range(count)
    ]


# the plain evaluator


def holds(detection: dict[str, Any], tree: Condition, event: dict[str, Any]) -> bool:
    """Return whether a rule holds for an event, whatever the values of `%Unknown%` are."""
    return _tree(detection, tree, event) is True


def _tree(detection: dict[str, Any], tree: Condition, event: dict[str, Any]) -> bool | None:
    match tree:
        case ("name", name):
            return _selection(detection[name], event)
        case ("1" | "all" as how, pattern):
            found = [_selection(detection[name], event) for name in named(pattern, list(detection))]
            return _any(found) if how == "1" else _all(found)
        case ("not", inner):
            return _not(_tree(detection, inner, event))
        case ("and", left, right):
            return _all([_tree(detection, left, event), _tree(detection, right, event)])
        case ("or", left, right):
            return _any([_tree(detection, left, event), _tree(detection, right, event)])
    raise AssertionError(tree)


def named(pattern: str, names: list[str]) -> list[str]:
    """Return the selections that a pattern means."""
    wanted = "*" if pattern == "them" else pattern
    return [
        name
        for name in names
        if _like(wanted, name) and (pattern.startswith("_") or not name.startswith("_")) and name != "condition"
    ]


def _like(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_like(pattern[1:], name[at:]) for at in range(len(name) + 1))
    return bool(name) and name[0] == pattern[0] and _like(pattern[1:], name[1:])


def _all(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _any(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def _not(value: bool | None) -> bool | None:  # noqa: FBT001 - the one thing it takes
    return None if value is None else not value


def _selection(part: Any, event: dict[str, Any]) -> bool | None:
    if isinstance(part, list) and not any(isinstance(inner, (dict, list)) for inner in part):
        return _any([_keyword([], word, event) for word in part])
    if isinstance(part, list):
        return _any([_selection(inner, event) for inner in part])
    if isinstance(part, dict):
        return _all([_item(key, value, event) for key, value in part.items()])
    return _keyword([], part, event)


def _item(key: str, wanted: Any, event: dict[str, Any]) -> bool | None:
    field, *modifiers = key.split("|")
    if "neq" in modifiers:
        return _not(_item(key.replace("|neq", ""), wanted, event))
    options = wanted if isinstance(wanted, list) else [wanted]
    if field:
        found = [_value(modifiers, one, event, event.get(field)) for one in options]
    else:
        found = [_keyword(modifiers, one, event) for one in options]
    return _all(found) if "all" in modifiers else _any(found)


def _keyword(modifiers: list[str], wanted: Any, event: dict[str, Any]) -> bool:
    everything = [str(inner) for value in event.values() for inner in _listed(value)]
    how = modifiers if "re" in modifiers else [*modifiers, "contains"]
    words = KNOWN[wanted.strip("%")] if "expand" in modifiers else _variants(modifiers, wanted)
    return any(_text(how, word, one) for word in words for one in everything)


def _listed(have: Any) -> list[Any]:
    return have if isinstance(have, list) else [] if have is None else [have]


def _value(modifiers: list[str], wanted: Any, event: dict[str, Any], have: Any) -> bool | None:
    values = _listed(have)
    if wanted is None or "exists" in modifiers:
        return bool(values) is (wanted is True)
    if "fieldref" in modifiers:
        return any(
            _related(modifiers, str(ours), str(theirs)) for ours in values for theirs in _listed(event.get(wanted))
        )
    if "expand" in modifiers:
        return _expanded(modifiers, wanted, values)
    if wanted == "":
        return not values or "" in values
    return any(_one(modifiers, wanted, str(value)) for value in values)


def _expanded(modifiers: list[str], wanted: str, values: list[Any]) -> bool | None:
    head, name, tail = re.fullmatch(r"([^%]*)%([^%]*)%([^%]*)", wanted).groups()  # type: ignore[union-attr]
    if name not in KNOWN:
        return None
    how = [modifier for modifier in modifiers if modifier != "expand"]
    return any(_one(how, f"{head}{known}{tail}", str(value)) for known in KNOWN[name] for value in values)


def _related(modifiers: list[str], ours: str, theirs: str) -> bool:
    ours, theirs = _fold(ours, modifiers), _fold(theirs, modifiers)
    if "contains" in modifiers:
        return theirs in ours
    if "startswith" in modifiers:
        return ours.startswith(theirs)
    return ours.endswith(theirs) if "endswith" in modifiers else ours == theirs


def _one(modifiers: list[str], wanted: Any, value: str) -> bool:
    if "cidr" in modifiers:
        return ipaddress.ip_address(value) in ipaddress.ip_network(wanted)
    order = next((ORDERS[name] for name in modifiers if name in ORDERS), operator.eq)
    for part in TIME_PARTS:
        if part in modifiers:
            return bool(order(int(datetime.fromisoformat(value).strftime(_PART[part])), wanted))
    if isinstance(wanted, int):
        return bool(order(int(value), wanted))
    return any(_text(modifiers, variant, value) for variant in _variants(modifiers, wanted))


_PART = {"minute": "%M", "hour": "%H", "day": "%d", "week": "%W", "month": "%m", "year": "%Y"}


def _variants(modifiers: list[str], wanted: str) -> list[str]:
    """Return the values a text stands for after its encodings and dashes."""
    if "windash" in modifiers:
        pieces = re.split(rf"(\B[{DASHES}]\b)", wanted)
        return [
            "".join(parts) for parts in itertools.product(*[DASHES if at % 2 else [p] for at, p in enumerate(pieces)])
        ]
    data: bytes | None = None
    for modifier in modifiers:
        if modifier in _ENCODINGS:
            data = _ENCODINGS[modifier](re.sub(r"\\([\\*?])", r"\1", wanted))
        if modifier in {"base64", "base64offset"}:
            secret = data if data is not None else re.sub(r"\\([\\*?])", r"\1", wanted).encode()
            return [base64.b64encode(secret).decode()] if modifier == "base64" else _static_parts(secret)
    return [wanted] if data is None else [escaped(data.decode("latin-1"))]


_ENCODINGS: dict[str, Any] = {
    "wide": lambda plain: plain.encode("utf-16le"),
    "utf16le": lambda plain: plain.encode("utf-16le"),
    "utf16be": lambda plain: plain.encode("utf-16be"),
    "utf16": lambda plain: b"\xff\xfe" + plain.encode("utf-16le"),
}


def _static_parts(secret: bytes) -> list[str]:
    """Return what of the base64 of a text does not depend on what stands before and after, for three alignments."""
    found = []
    for shift in range(3):
        forms = [
            base64.b64encode(before * shift + secret + after * 3).decode()
            for before in (b"\0", b"\xff")
            for after in (b"\0", b"\xff")
        ]
        same = [len(set(letters)) == 1 for letters in zip(*forms, strict=True)]
        start = next(at for at in range(len(same)) if same[at] and at * 6 >= shift * 8)
        end = next((at for at in range(start, len(same)) if (at + 1) * 6 > (shift + len(secret)) * 8), len(same))
        found.append(forms[0][start:end])
    return [part for part in found if part]


def _text(modifiers: list[str], wanted: str, value: str) -> bool:
    if "re" in modifiers:
        flags = re.RegexFlag(0)
        for name, flag in (("i", re.IGNORECASE), ("m", re.MULTILINE), ("s", re.DOTALL)):
            flags |= flag if name in modifiers else re.RegexFlag(0)
        return bool(_everywhere(re.compile(wanted, flags), value, modifiers))
    pattern = "".join(
        {"*": "(?:.|\n)*", "?": "(?:.|\n)"}.get(token)
        or re.escape(_fold(token.removeprefix("\\") if len(token) > 1 else token, modifiers))
        for token in re.findall(r"\\[\\*?]|(?:.|\n)", wanted)
    )
    head = "(?:.|\n)*" if {"contains", "endswith"} & set(modifiers) else ""
    tail = "(?:.|\n)*" if {"contains", "startswith"} & set(modifiers) else ""
    return re.fullmatch(head + pattern + tail, _fold(value, modifiers)) is not None


def _everywhere(pattern: re.Pattern[str], value: str, modifiers: list[str]) -> list[re.Match[str]]:
    """Return a match where the modifiers want it: anywhere, at the beginning, or up to the end."""
    if "startswith" in modifiers:
        found = [pattern.match(value)]
    elif "endswith" in modifiers:
        found = [pattern.fullmatch(value, at) for at in range(len(value) + 1)]
    else:
        found = [pattern.search(value)]
    return [match for match in found if match is not None]


def _fold(text: str, modifiers: list[str]) -> str:
    return text if "cased" in modifiers else text.casefold()
