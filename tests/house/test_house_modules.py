"""Sizes, names and manners of modules and functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SOURCE, modules, syntax

MODULE_LINES = 400
TEST_LINES = 600
FUNCTION_LINES = 60
BANNED = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "part2"}
BROAD_EXCEPT_ALLOWED = {"src/miharu/pipeline/caution.py"}  # around a worker's stages: logs, counts, goes on


def python_files() -> list[Path]:
    return [*modules(), *modules(ROOT / "tests"), *modules(ROOT / "bench")]


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_modules_stay_readable():
    caps = [(path, TEST_LINES if "tests" in path.relative_to(ROOT).parts else MODULE_LINES) for path in python_files()]
    long = [
        f"{place(path)} has {count} lines, cap {cap}"
        for path, cap in caps
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > cap
    ]
    assert not long, "\n".join(long)


def test_modules_are_named_by_subject():
    banned = [place(path) for path in python_files() if BANNED & {*path.parts, path.stem}]
    assert not banned


def test_test_files_have_names_of_their_own():
    names = [path.name for path in modules(ROOT / "tests") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def long_functions(tree: ast.AST) -> list[str]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [f"{node.name}:{node.lineno}" for node in functions if node_lines(node) > FUNCTION_LINES]


def node_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def prints(tree: ast.AST) -> list[str]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [f"print:{node.lineno}" for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]


def broad_excepts(tree: ast.AST) -> list[str]:
    handlers = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    return [f"except:{node.lineno}" for node in handlers if catches_all(node) and not raises_again(node)]


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether what was caught to clean up goes on its way (a bare `raise` somewhere in the handler)."""
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))


def catches_all(handler: ast.ExceptHandler) -> bool:
    names = (
        (node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)) if handler.type else ["Exception"]
    )
    return bool({"Exception", "BaseException"} & set(names))


def missing_docstring(tree: ast.AST) -> list[str]:
    return [] if isinstance(tree, ast.Module) and ast.get_docstring(tree) else ["no docstring"]


def unfinished(tree: ast.AST) -> list[str]:
    raised = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc)
    return [
        f"NotImplementedError:{name.lineno}"
        for exc in raised
        for name in ast.walk(exc)
        if isinstance(name, ast.Name) and name.id == "NotImplementedError"
    ]


def module_globals_changed(tree: ast.AST) -> list[str]:
    return [f"global:{node.lineno}" for node in ast.walk(tree) if isinstance(node, ast.Global)]


CHECKS: dict[Callable[[ast.AST], list[str]], str] = {
    long_functions: "def f():\n" + "    x = 1\n" * FUNCTION_LINES,
    prints: "'''Doc.'''\nprint('x')",
    broad_excepts: "try:\n    f()\nexcept (ValueError, Exception):\n    pass",
    missing_docstring: "x = 1",
    unfinished: "def f():\n    raise NotImplementedError('later')",
    module_globals_changed: "def f():\n    global x\n    x = 1",
}


def excused(check: Callable[[ast.AST], list[str]], path: Path) -> bool:
    if check is prints:
        return path.is_relative_to(SOURCE / "cli")
    return check is broad_excepts and place(path) in BROAD_EXCEPT_ALLOWED


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_manners(check: Callable[[ast.AST], list[str]]):
    found = [
        f"{place(path)}: {fault}" for path in modules() if not excused(check, path) for fault in check(syntax(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_bad_manners_are_seen(check: Callable[[ast.AST], list[str]]):
    assert check(ast.parse(CHECKS[check]))


def test_every_public_thing_has_a_docstring():
    bare = [
        f"{place(path)}:{node.lineno} {node.name}"
        for path in modules()
        for node in syntax(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)
