"""`content/lookups/*.tsv` → tables that translate a vendor's code into a word.

A file holds two columns parted by a tab, key and value; a first line that starts with `#` says whence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from miharu.catalog.place import content_root
from miharu.core.errors import ContentError, ContentIssue

Lookups: TypeAlias = Mapping[str, Mapping[str, str]]


def load_lookups(root: Path | None = None) -> Lookups:
    """Return every table by its file's name; raises ContentError with all faults."""
    folder = root or content_root()
    issues: list[ContentIssue] = []
    tables = {
        path.stem: _read_table(path, path.relative_to(folder).as_posix(), issues)
        for path in sorted((folder / "lookups").glob("*.tsv"))
    }
    if issues:
        raise ContentError(issues)
    return tables


def _read_table(path: Path, shown: str, issues: list[ContentIssue]) -> dict[str, str]:
    table: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        key, tab, value = line.partition("\t")
        if not tab or not value:
            issues.append(ContentIssue(shown, number, key, repr(line), "key, tab, value"))
        elif key in table:
            issues.append(ContentIssue(shown, number, key, "the key twice", "each key once"))
        else:
            table[key] = value
    return table
