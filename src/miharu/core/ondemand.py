"""A package's names and where they are → the same names, each imported when it is first asked for.

A command that needs one of many stages starts without waiting for the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def on_demand(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a package's `__getattr__` (PEP 562); `homes` are its modules with the names that each gives."""
    home_of = {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = getattr(import_module(f"{package}.{home_of[name]}"), name)
        # From now on it is found without asking.
        setattr(sys.modules[package], name, found)
        return found

    return find
