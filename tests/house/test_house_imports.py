"""The import law: import-linter's contracts hold, bite, and rooms are entered by their front doors."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, SOURCE, dotted, imports, module_exists, modules, syntax


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the package in `folder`."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    config = ["--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        command + config,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_law_is_kept():
    result = lint(SOURCE.parent)
    assert result.returncode == 0, result.stdout + result.stderr


OFFENCES = {
    "core/ahead.py": ("import miharu.pipeline", "miharu.core.ahead -> miharu.pipeline"),
    "parse/sideways.py": ("def f():\n    import miharu.sources", "miharu.parse.sideways -> miharu.sources"),
    "respond/typed.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import miharu.detect",
        "miharu.respond.typed -> miharu.detect",
    ),
    "store/keep.py": ("import chdb", "miharu.store.keep -> chdb"),
    "pipeline/tables.py": ("import sqlalchemy", "miharu.pipeline.tables -> sqlalchemy"),
    "core/patterns.py": ("import hyperscan", "miharu.core.patterns -> hyperscan"),
    "core/web.py": ("import fastapi", "miharu.core.web -> fastapi"),
    "pipeline/colour.py": ("import rich", "miharu.pipeline.colour -> rich"),
    "core/hen.py": ("import miharu.core.egg", ".hen -> .egg"),
    "core/egg.py": ("import miharu.core.hen", ".egg -> .hen"),
    "attic/__init__.py": ("", "miharu.attic"),
}


def broken_house(top: Path, places: Iterable[str]) -> str:
    """Return the linter's report over a copy of the house in which the offences of `places` are committed."""
    shutil.copytree(SOURCE, top / "miharu")
    for room in ROOMS:
        (top / "miharu" / room).mkdir(exist_ok=True)
        (top / "miharu" / room / "__init__.py").touch()
    for place in places:
        path = top / "miharu" / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'"""Offence."""\n{OFFENCES[place][0]}\n')
    result = lint(top)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout.split("Broken contracts", 1)[1]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An undeclared room hides the other faults of its contract, so it has a house of its own."""
    rest = [place for place in OFFENCES if place != "attic/__init__.py"]
    return broken_house(tmp_path_factory.mktemp("house"), rest) + broken_house(
        tmp_path_factory.mktemp("attic"), ["attic/__init__.py"]
    )


@pytest.mark.parametrize("place", [place for place in OFFENCES if place != "core/egg.py"])
def test_the_law_bites(place: str, reports: str):
    assert OFFENCES[place][1] in reports


def back_doors(path: Path, top: Path) -> list[str]:
    """Imports in `path` of a module inside another room, as `line: module`."""
    name = dotted(path, top)
    own = ".".join(name.split(".")[:2])
    found = imports(syntax(path), name, package=path.name == "__init__.py")
    return [
        f"{name}:{line}: {target}"
        for line, target in found
        if len(parts := target.split(".")) > 2
        and parts[0] == "miharu"
        and parts[1] not in {"core", own.rpartition(".")[2]}
        and module_exists(".".join(parts[:3]), top)
        and not (len(parts) == 3 and parts[2] in handed_out(top / "miharu" / parts[1]))
    ]


def handed_out(room: Path) -> set[str]:
    """Names that a room's front door binds to something out of its modules, which may be named like one of them."""
    door = room / "__init__.py"
    nodes = ast.walk(syntax(door)) if door.is_file() else ()
    return {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "") != f"miharu.{room.name}"
        for alias in node.names
    }


def test_rooms_are_entered_by_the_front_door():
    found = [door for path in modules() for door in back_doors(path, SOURCE.parent)]
    assert not found, "import the package, not a module inside it:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "from miharu.store.process import run",
        "def f():\n    from miharu.store import process",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import miharu.store.process",
        "from ..store import process",
    ],
)
def test_a_back_door_is_seen(code: str, tmp_path: Path):
    for room in ("store", "detect"):
        (tmp_path / "miharu" / room).mkdir(parents=True)
    (tmp_path / "miharu/store/process.py").touch()
    guilty = tmp_path / "miharu/detect/judge.py"
    guilty.write_text(code)
    assert back_doors(guilty, tmp_path)


def test_a_room_has_a_place_and_a_front_door():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert rooms <= set(ROOMS), f"decide where these belong: {rooms - set(ROOMS)}"
    assert [room for room in sorted(rooms) if not (SOURCE / room / "__init__.py").is_file()] == []


def test_a_word_in_core_is_spoken_by_two_rooms():
    speakers: dict[str, set[str]] = {}
    for path in modules():
        name = dotted(path)
        room = name.split(".")[1] if "." in name else ""
        for _, target in imports(syntax(path), name, package=path.name == "__init__.py"):
            if target.startswith("miharu.core.") and room not in {"", "core"}:
                speakers.setdefault(".".join(target.split(".")[:3]), set()).add(room)
    words = {dotted(path) for path in modules(SOURCE / "core")} - {"miharu.core"}
    alone = {word: sorted(speakers.get(word, ())) for word in words if len(speakers.get(word, ())) < 2}
    assert not alone, f"used by fewer than two rooms: {alone}"
