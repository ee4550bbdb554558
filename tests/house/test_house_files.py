"""Files of the checkout: folders with a purpose, no traces of a machine, locks that lock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, text_of, tracked

FOLDERS = {".ci", "bench", "changes", "content", "docs", "src", "tests"}

# Built from pieces, so that this file does not name what it forbids.
TRACES = re.compile(
    r"/(?:wo" + r"rk|fa" + r"rm|ro" + r"ot)/|/tmp/" + r"w/"
    r"|files\.python" + r"hosted|pypi\.org/" + r"simple|registry\.npm" + r"js|deb\.deb" + r"ian\.org"
)


def text_files() -> list[Path]:
    return [path for path in tracked() if b"\0" not in (ROOT / path).read_bytes()[:4096]]


def test_top_level_folders_have_a_purpose():
    found = {path.parts[0] for path in tracked() if len(path.parts) > 1}
    assert found <= FOLDERS, f"say in HOUSE.md what these are for: {found - FOLDERS}"


def test_no_trace_of_a_machine_or_registry():
    found = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in text_files()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if TRACES.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("line", ["/wo" + "rk/main", "/ro" + "ot/.venv", "https://pypi." + "org/simple/x"])
def test_a_trace_is_seen(line: str):
    assert TRACES.search(line)


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_locks_have_hashes_and_no_addresses(lock: str):
    text = text_of(Path(lock))
    assert not re.search(r"https?:|file:|--(?:extra-)?index|--find-links|@ ", text)
    entries = re.split(r"\n(?=\w)", text.strip())
    assert len(entries) > 20
    unpinned = [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry]
    assert not unpinned


def test_the_lock_holds_what_the_project_names():
    project = text_of(Path("pyproject.toml"))
    block = project.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    wanted = {normal(name) for name in re.findall(r'^\s*"([A-Za-z0-9_-]+)', block, re.MULTILINE)}
    locked = {
        normal(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)==", text_of(Path("requirements.txt")), re.MULTILINE)
    }
    assert len(wanted) > 10
    assert not wanted - locked, "run make lock"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_content_is_data_only():
    code = [
        path.as_posix() for path in tracked() if path.parts[0] == "content" and path.suffix in {".py", ".sh", ".js"}
    ]
    assert not code


def test_corpus_tests_skip_only_by_the_fixture():
    """CI turns a skipped corpus test red; a module skipped whole would slip past it."""
    shy = [
        path.as_posix()
        for path in tracked()
        if path.parts[:2] == ("tests", "corpora") and re.search(r"allow_module_level|importorskip", text_of(path))
    ]
    assert not shy
