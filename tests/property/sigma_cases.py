"""Random Sigma rules, events that nearly fit them, and a plain evaluator that knows nothing of the engine's ways."""

from __future__ import annotations

import base64
import ipaddress
import re
from random import Random
from typing import Any, TypeAlias

Condition: TypeAlias = tuple[Any, ...]
"""`("name", x)`, `("not", c)`, `("and", c, c)`, `("or", c, c)`, `("1", prefix)`, `("all", prefix)`."""

ASCII = "aAbB1-/\\*?%_ .:'\""
WIDE = ASCII + "éÉß\u017fK\n"  # the long s folds to s
FIELDS = ("a", "b", "c")
SELECTIONS = ("sel_x", "sel_y", "filter_z")
PATTERNS = ["a+b", "^a", "b$", "[ab]1", "a.b", r"\d", "(a|b)1", "A", r"(?!a)b", "^$", "x*", r"(a)\1", "(?i)ab"]
DASHES = "-/–—―"  # noqa: RUF001 - the dashes are the point


def escaped(text: str) -> str:
    """Return a Sigma value that means exactly this text."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def text(random: Random, letters: str, least: int, most: int) -> str:
    return "".join(random.choices(letters, k=random.randint(least, most)))


def item(random: Random, letters: str, modifiers: list[str]) -> tuple[str, Any]:
    """Return one `field|modifiers: value(s)`."""
    field, modifier = random.choice(FIELDS), random.choice(modifiers)
    key = f"{field}|{modifier}" if modifier else field
    if modifier in {"lt", "lte", "gt", "gte", "number"}:
        return ("n" if modifier == "number" else f"n|{modifier}"), random.randint(-3, 12)
    if modifier in {"null", "empty"}:
        return field, None if modifier == "null" else ""
    if modifier == "exists":
        return key, random.random() < 0.5
    if modifier.startswith("fieldref"):
        return key, random.choice(FIELDS)
    if modifier == "cidr":
        return "ip|cidr", random.choice(["192.0.2.0/24", "198.51.100.7/32", "192.0.0.0/16", "10.0.0.0/8"])
    if modifier.startswith("re"):
        return key, random.choice(PATTERNS)
    values = [text(random, letters, 1, 4) for _ in range(random.randint(1, 3))]
    if random.random() < 0.5:
        values = [escaped(value) for value in values]
    if "64" in modifier:
        values = [escaped(re.sub(r"[^ -~]", "", value) or "a") for value in values]
    return key, values if len(values) > 1 or modifier.endswith("all") else values[0]


def condition(random: Random, depth: int = 3) -> Condition:
    kind = random.choice(["name", "name", "1", "all", "not", "and", "or"]) if depth else "name"
    match kind:
        case "name":
            return ("name", random.choice(SELECTIONS))
        case "1" | "all":
            return (kind, random.choice(["sel_*", "filter_*", "*"]))
        case "not":
            return ("not", condition(random, depth - 1))
        case _:
            return (kind, condition(random, depth - 1), condition(random, depth - 1))


def rules(random: Random, count: int, letters: str, modifiers: list[str]) -> list[tuple[dict[str, Any], Condition]]:
    """Return detections, each with its condition as a tree."""
    found = []
    for _ in range(count):
        detection: dict[str, Any] = {}
        for name in SELECTIONS:
            maps = [
                dict(item(random, letters, modifiers) for _ in range(random.randint(1, 3)))
                for _ in range(random.randint(1, 2))
            ]
            detection[name] = maps[0] if len(maps) == 1 else maps
        found.append((detection, condition(random)))
    return found


def rendered(tree: Condition) -> str:
    match tree:
        case ("name", name):
            return str(name)
        case ("1" | "all" as how, pattern):
            return f"{how} of {'them' if pattern == '*' else pattern}"
        case ("not", inner):
            return f"not ({rendered(inner)})"
        case (word, left, right):
            return f"({rendered(left)}) {word} ({rendered(right)})"
    raise AssertionError(tree)


def words_of(detections: list[dict[str, Any]]) -> list[str]:
    """Return the texts that rules look for, and what their encodings look like."""
    found: list[str] = []

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
            found.extend([base64.b64encode(pad + plain.encode()).decode() for pad in (b"", b"q", b"qq")])
            found.extend([plain.replace("-", dash).replace("/", dash) for dash in DASHES])

    walk(detections)
    return found or ["a"]


def events(random: Random, count: int, words: list[str], letters: str) -> list[dict[str, Any]]:
    """Return events that hold what rules look for more often than not; some fields are missing."""

    def value() -> str | None:
        chance = random.random()
        if chance < 0.15:
            return None
        if chance < 0.4:
            return text(random, letters, 0, 5)
        word = random.choice(words)
        return word if chance < 0.6 else text(random, letters, 0, 3) + word + text(random, letters, 0, 3)

    return [
        {
            **{field: value() for field in FIELDS},
            "n": random.choice([None, *range(-4, 13)]),
            "ip": random.choice([None, "192.0.2.1", "192.0.2.200", "198.51.100.7", "10.1.2.3", "9.9.9.9"]),
        }
        for _ in range(count)
    ]


def holds(detection: dict[str, Any], tree: Condition, event: dict[str, Any]) -> bool:
    """Return whether a rule holds for an event, by the words of the specification."""
    match tree:
        case ("name", name):
            return _selection(detection[name], event)
        case ("1" | "all" as how, pattern):
            prefix = pattern.rstrip("*")
            found = [_selection(part, event) for name, part in detection.items() if name.startswith(prefix)]
            return any(found) if how == "1" else all(found)
        case ("not", inner):
            return not holds(detection, inner, event)
        case ("and", left, right):
            return holds(detection, left, event) and holds(detection, right, event)
        case ("or", left, right):
            return holds(detection, left, event) or holds(detection, right, event)
    raise AssertionError(tree)


def _selection(part: Any, event: dict[str, Any]) -> bool:
    if isinstance(part, list):
        return any(_selection(inner, event) for inner in part)
    return all(_item(key, value, event) for key, value in part.items())


def _item(key: str, wanted: Any, event: dict[str, Any]) -> bool:
    field, *modifiers = key.split("|")
    if "neq" in modifiers:
        return not _item(key.replace("|neq", ""), wanted, event)
    have = event.get(field)
    values = have if isinstance(have, list) else [] if have is None else [have]
    texts = [str(value) for value in values]
    if wanted is None or modifiers == ["exists"]:
        return bool(texts) is (wanted is True)
    if "fieldref" in modifiers:
        other = event.get(wanted)
        others = other if isinstance(other, list) else [] if other is None else [other]
        return any(_related(modifiers, text.casefold(), str(their).casefold()) for text in texts for their in others)
    found = [_value(modifiers, one, texts) for one in (wanted if isinstance(wanted, list) else [wanted])]
    return all(found) if "all" in modifiers else any(found)


def _related(modifiers: list[str], ours: str, theirs: str) -> bool:
    if "contains" in modifiers:
        return theirs in ours
    if "startswith" in modifiers:
        return ours.startswith(theirs)
    return ours.endswith(theirs) if "endswith" in modifiers else ours == theirs


def _value(modifiers: list[str], wanted: Any, texts: list[str]) -> bool:
    if wanted == "":
        return not texts or "" in texts
    if "re" in modifiers:
        flags = re.RegexFlag(
            sum(
                {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[name]
                for name in modifiers
                if name in {"i", "m", "s"}
            )
        )
        return any(re.search(wanted, text, flags) for text in texts)
    if "cidr" in modifiers:
        return any(ipaddress.ip_address(text) in ipaddress.ip_network(wanted) for text in texts)
    if isinstance(wanted, int):
        compare = {"lt": int.__lt__, "lte": int.__le__, "gt": int.__gt__, "gte": int.__ge__}
        order = next((compare[name] for name in modifiers if name in compare), int.__eq__)
        return any(order(int(text), wanted) for text in texts)
    return any(_text(modifiers, variant, texts) for variant in _variants(modifiers, wanted))


def _variants(modifiers: list[str], wanted: str) -> list[str]:
    if "windash" in modifiers:
        found = [""]
        for at, part in enumerate(re.split(r"(\B[-/]\b)", wanted)):
            ends = list(DASHES) if at % 2 else [part]
            found = [head + end for head in found for end in ends]
        return found
    return [wanted]


def _text(modifiers: list[str], wanted: str, texts: list[str]) -> bool:
    pattern = "".join(
        {"*": "(?:.|\n)*", "?": "(?:.|\n)"}.get(token)
        or re.escape(_fold(token.removeprefix("\\") if len(token) > 1 else token, modifiers))
        for token in re.findall(r"\\[\\*?]|(?:.|\n)", wanted)
    )
    head = "(?:.|\n)*" if {"contains", "endswith"} & set(modifiers) else ""
    tail = "(?:.|\n)*" if {"contains", "startswith"} & set(modifiers) else ""
    return any(re.fullmatch(head + pattern + tail, _fold(text, modifiers)) for text in texts)


def _fold(text: str, modifiers: list[str]) -> str:
    return text if "cased" in modifiers else text.casefold()
