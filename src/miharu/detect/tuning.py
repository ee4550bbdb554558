"""A folder's `placeholders` and `pipelines` → what changes rules before they are compiled.

`placeholders/NAME.txt` gives the values of the placeholder `%NAME%`, one a line; wildcards count, empty lines and
lines that begin with `#` do not. A file without values says that there are none; without a file nothing is known.
`pipelines/*.yml` are processing pipelines in pySigma's format, run in the order of their priority.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from miharu.core.identity import hash_parts
from miharu.detect.documents import RuleFile, rule_files


@dataclass(frozen=True, slots=True)
class Tuning:
    """Values of placeholders by name, files of pipelines, and whether retired rules are loaded too."""

    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pipelines: tuple[RuleFile, ...] = ()
    retired: bool = False

    @property
    def digest(self) -> str:
        """Return a hash of everything in it."""
        values = [part for name in sorted(self.placeholders) for part in (name, *self.placeholders[name], "\0")]
        files = [part for file in self.pipelines for part in (file.path, file.data, file.fault)]
        return hash_parts(str(self.retired), *values, "\0\0", *files)

    def over(self, shipped: Tuning) -> Tuning:
        """Return this tuning with the lists of `shipped` that it has none of its own for."""
        own = {name.casefold() for name in self.placeholders}
        lists = {name: values for name, values in shipped.placeholders.items() if name.casefold() not in own}
        return Tuning({**lists, **self.placeholders}, self.pipelines, self.retired)

    def values_of(self, name: str) -> tuple[str, ...] | None:
        """Return the values of a placeholder; None where nothing is known."""
        known = self.placeholders.get(name)
        if known is not None:
            return known
        alike = (found for found in self.placeholders if found.casefold() == name.casefold())
        return self.placeholders.get(next(alike, ""))


def tuning_folders(folder: Path) -> tuple[Path, Path]:
    """Return the folders of placeholders and of pipelines in a folder of tuning."""
    return folder / "placeholders", folder / "pipelines"


NO_TUNING: Final = Tuning()


def read_tuning(folder: Path, *, retired: bool = False) -> Tuning:
    """Return the tuning that lies in a folder; a folder without any gives none. Raises OSError."""
    lists, pipelines = tuning_folders(folder)
    values = {file.stem: _lines(file) for file in sorted(lists.glob("*.txt"))} if lists.is_dir() else {}
    return Tuning(values, tuple(rule_files([pipelines])) if pipelines.is_dir() else (), retired)


def _lines(file: Path) -> tuple[str, ...]:
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
