"""A package that imports its names for type checkers alone → the same names, each imported when it is first asked for.

A command that needs one of many stages starts without waiting for the others.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any


def on_demand(package: str) -> Callable[[str], Any]:
    """Return a package's `__getattr__` (PEP 562), which finds what the package imports `if TYPE_CHECKING`."""
    module_of = dict(_imported(inspect.getsource(sys.modules[package])))

    def find(name: str) -> Any:
        if name not in module_of:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = getattr(import_module(module_of[name]), name)
        # From now on it is found without asking.
        setattr(sys.modules[package], name, found)
        return found

    return find


def _imported(source: str) -> Iterator[tuple[str, str]]:
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            for line in statement.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    yield from ((alias.name, line.module) for alias in line.names)
