"""Bytes of a YAML file → its documents, each with the line of every key in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

_BASE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and places in lists that lead from a document to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its content, and the line it begins on."""

    content: Any
    line: int
    node: Any

    def line_of(self, path: KeyPath) -> int:
        """Return the line of the last key of a path that exists."""
        node, line = self.node, self.line
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            node, line = found
        return line


class YamlFaultError(Exception):
    """YAML that cannot be read; line 0 is unknown."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


class _Loader(_BASE):  # type: ignore[misc]
    """YAML that refuses a key given twice, and leaves dates as they are written."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (list, dict)) or key in found:
            text = "found a key that is no text" if isinstance(key, (list, dict)) else f"found the key {key!r} twice"
            raise yaml.constructor.ConstructorError(None, None, text, key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def read_documents(data: bytes) -> Iterator[Document]:
    """Yield the documents of a file in order. Raises YamlFaultError at the first place that is not YAML."""
    loader = None
    try:
        loader = _Loader(data)
        while loader.check_node():
            node = loader.get_node()
            yield Document(loader.construct_document(node), node.start_mark.line + 1, node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise YamlFaultError(error.problem or "not valid YAML", line) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise YamlFaultError(str(error).split("\n", 1)[0], 0) from error
    finally:
        if loader is not None:
            loader.dispose()


def _step(node: Any, step: str | int) -> tuple[Any, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        inner = node.value[step]
        return inner, inner.start_mark.line + 1
    return None


def key_text(path: Sequence[str | int]) -> str:
    """Return a path as a person writes it: `detection.selection[2].Image|endswith`."""
    told = ""
    for step in path:
        told += f"[{step}]" if isinstance(step, int) else f".{step}" if told else str(step)
    return told
