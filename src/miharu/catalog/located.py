"""A YAML file → its mappings with the line of every key, faults collected instead of raised.

A `Section` is one mapping of the file. Asking it for a key of the wrong type notes a fault and returns
nothing, so that a loader can go on and report everything that is wrong at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from miharu.core.errors import ContentIssue

Value: TypeAlias = str | int | float | bool | list["Value"] | dict[str, "Value"] | None

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_TRUE: Final = frozenset({"true", "yes", "on"})
_SHOWN: Final = 60


def read_section(path: Path, shown: str, issues: list[ContentIssue]) -> Section | None:
    """Return the mapping that the file `path` holds; a fault (named `shown`) and None where it does not."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        issues.append(ContentIssue(shown, line, "", error.problem or "a fault", "valid YAML"))
        return None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        issues.append(ContentIssue(shown, 0, "", str(error).split("\n", 1)[0], "valid YAML in UTF-8"))
        return None
    if not isinstance(node, MappingNode):
        issues.append(ContentIssue(shown, 1, "", "no mapping", "keys and values"))
        return None
    return Section(node, shown, "", issues)


class Section:
    """One mapping of a file; `key` is the dotted way to it."""

    def __init__(self, node: MappingNode, path: str, key: str, issues: list[ContentIssue]) -> None:
        self.path = path
        self.key = key
        self.line = node.start_mark.line + 1
        self.issues = issues
        self._values: dict[str, Node] = {}
        self._lines: dict[str, int] = {}
        for name, value in node.value:
            text = name.value if isinstance(name, ScalarNode) else describe(name)
            if text in self._values:
                self.fault(text, "the key twice", "each key once", line=name.start_mark.line + 1)
            self._values[text] = value
            self._lines[text] = name.start_mark.line + 1

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def names(self) -> list[str]:
        """Return the keys in the order of the file."""
        return list(self._values)

    def line_of(self, name: str) -> int:
        """Return the line of key `name`, or of the section where it has no such key."""
        return self._lines.get(name, self.line)

    def fault(self, name: str, found: str, expected: str, hint: str = "", *, line: int = 0) -> None:
        """Note a fault at key `name`."""
        way = f"{self.key}.{name}".strip(".")
        self.issues.append(ContentIssue(self.path, line or self.line_of(name), way, found, expected, hint))

    def fault_choice(self, name: str, found: str, known: Iterable[str], expected: str) -> None:
        """Note that `found` is not among `known`, and suggest the closest."""
        close = get_close_matches(found, list(known), n=1, cutoff=0.5)
        self.fault(name, repr(found), expected, f"did you mean {close[0]!r}?" if close else "")

    def only(self, *known: str) -> None:
        """Note a fault for every key that is not among `known`."""
        for name in self._values:
            if name not in known:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {close[0]!r}?" if close else ""
                self.fault(name, "an unknown key", f"one of {', '.join(known)}", hint)

    def require(self, *names: str) -> None:
        """Note a fault for every key of `names` that is missing."""
        for name in names:
            if name not in self._values:
                self.fault(name, "nothing", "this key")

    def node(self, name: str) -> Node | None:
        """Return the YAML node of key `name`."""
        return self._values.get(name)

    def value(self, name: str) -> Value:
        """Return the plain value of key `name`."""
        node = self._values.get(name)
        return None if node is None else plain(node)

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return key `name` as text; numbers and booleans as they are written."""
        node = self._values.get(name)
        if node is None:
            return default
        if not isinstance(node, ScalarNode) or node.tag == f"{_TAG}null":
            self.fault(name, describe(node), "text")
            return default
        return str(node.value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return key `name`, a text or a list of texts."""
        node = self._values.get(name)
        if node is None:
            return ()
        items = node.value if isinstance(node, SequenceNode) else [node]
        if not all(isinstance(item, ScalarNode) for item in items):
            self.fault(name, describe(node), "a text or a list of texts")
            return ()
        return tuple(str(item.value) for item in items)

    def integer(self, name: str, default: int) -> int:
        """Return key `name` as a whole number."""
        value = self.value(name)
        if name not in self._values:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.fault(name, describe(self._values[name]), "a whole number")
        return default

    def flag(self, name: str) -> bool:
        """Return key `name` as true or false (false where it is missing)."""
        value = self.value(name)
        if name in self._values and not isinstance(value, bool):
            self.fault(name, describe(self._values[name]), "true or false")
        return value is True

    def section(self, name: str) -> Section | None:
        """Return key `name` as a mapping."""
        node = self._values.get(name)
        if node is None:
            return None
        if isinstance(node, MappingNode):
            return self._inner(node, name)
        self.fault(name, describe(node), "keys and values")
        return None

    def sections(self, name: str) -> Iterator[Section]:
        """Yield the mappings of the list at key `name`."""
        node = self._values.get(name)
        if node is None:
            return
        if not isinstance(node, SequenceNode):
            self.fault(name, describe(node), "a list")
            return
        for number, item in enumerate(node.value):
            if isinstance(item, MappingNode):
                yield self._inner(item, f"{name}[{number}]")
            else:
                self.fault(name, describe(item), "keys and values", line=item.start_mark.line + 1)

    def _inner(self, node: MappingNode, name: str) -> Section:
        return Section(node, self.path, f"{self.key}.{name}".strip("."), self.issues)


def plain(node: Node) -> Value:
    """Return the value of a node; a date stays text."""
    if isinstance(node, MappingNode):
        return {str(name.value): plain(value) for name, value in node.value}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    return _scalar(node)


def describe(node: Node) -> str:
    """Return how a person would name what stands there."""
    if isinstance(node, MappingNode):
        return "keys and values"
    if isinstance(node, SequenceNode):
        return "a list"
    return repr(str(node.value)[:_SHOWN]) if node.value else "nothing"


def _scalar(node: Node) -> Value:
    text = str(node.value)
    if node.tag == f"{_TAG}null":
        return None
    if node.tag == f"{_TAG}bool":
        return text.lower() in _TRUE
    try:
        if node.tag == f"{_TAG}int":
            return int(text.replace("_", ""), 0)
        if node.tag == f"{_TAG}float":
            return float(text)
    except ValueError:
        return text
    return text
