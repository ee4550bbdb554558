"""The checkout as the house tests see it: files, modules, imports."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "miharu"
ROOMS = (
    "cli", "serve", "pipeline", "search", "detect", "behave", "respond",
    "sources", "spool", "parse", "normalise", "enrich", "store", "catalog", "core",
)  # fmt: skip


@cache
def tracked() -> tuple[Path, ...]:
    """Every file under version control that is still there, relative to the checkout."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = (Path(name.decode()) for name in names.split(b"\0") if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


def text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def modules(folder: Path = SOURCE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def dotted(path: Path, top: Path = SOURCE.parent) -> str:
    parts = path.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST, module: str, *, package: bool) -> Iterator[tuple[int, str]]:
    """Every imported module with its line, also inside functions and under TYPE_CHECKING.

    `from miharu.store import process` gives `miharu.store` and `miharu.store.process`: the second may be a
    module or a name, which the caller tells apart.
    """
    here = module.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            up = here[: len(here) - node.level + package] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            yield node.lineno, base
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def module_exists(name: str, top: Path = SOURCE.parent) -> bool:
    path = top.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
