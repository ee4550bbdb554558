"""Marks in the tests → which test proves which item of the mission, and the page that says so.

A mark is `@pytest.mark.mission("S70", "S80")` on a test, on a class, in `pytestmark` or in `pytest.param(marks=…)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT, modules

ITEMS = ROOT / "docs" / "mission_items.tsv"


@dataclass(frozen=True, order=True)
class Item:
    """One thing that the mission names."""

    id: str
    group: str
    title: str


@dataclass(frozen=True, order=True)
class Proof:
    """A test that is marked with an item, and where it stands."""

    path: str
    test: str
    item: str


def items() -> list[Item]:
    rows = ITEMS.read_text(encoding="utf-8").splitlines()[1:]
    return [Item(*row.split("\t")) for row in rows]


def proofs(folder: Path = ROOT / "tests") -> list[Proof]:
    found: set[Proof] = set()
    for path in modules(folder):
        place = path.relative_to(folder.parent).as_posix()
        for test, item in marks(ast.parse(path.read_text(encoding="utf-8")), ""):
            found.add(Proof(place, test, item))
    return sorted(found)


def marks(node: ast.AST, test: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        test = node.name
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.mission":
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                yield test, ast.unparse(argument)
            else:
                yield test, argument.value
    for child in ast.iter_child_nodes(node):
        yield from marks(child, test)


def page() -> str:
    by_item: dict[str, list[Proof]] = {}
    for proof in proofs():
        by_item.setdefault(proof.item, []).append(proof)
    everything = items()
    proven = sum(item.id in by_item for item in everything)
    lines = [
        "# Mission",
        "",
        f"What the project set out to do, item by item: {proven} of {len(everything)} have a test, the rest is open.",
        "A test proves its item as far as the test goes; read it to see how far that is.",
        "Made by `make docs` from the marks in the tests and from `docs/mission_items.tsv`.",
    ]
    group = ""
    for item in everything:
        if item.group != group:
            group = item.group
            lines += ["", f"## {group}", "", "| id | item | proved by |", "|---|---|---|"]
        tests = ", ".join(link(proof) for proof in by_item.get(item.id, ())) or "open"
        lines.append(f"| {item.id} | {item.title} | {tests} |")
    return "\n".join(lines) + "\n"


def link(proof: Proof) -> str:
    name = proof.test or Path(proof.path).stem
    return f"[{name}](../{proof.path})"
