"""What an import did: per file and in total."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


@dataclass(slots=True)
class FileReport:
    """One file: what its content holds, and how much of it was new.

    `records` = `events` + `rejects` counts the whole content as read by now; `added` counts the events
    that this import stored. `state` is new, continued (the file has grown or was left half read), known, or unreadable.
    """

    path: str
    state: str
    bytes: int
    records: int = 0
    events: int = 0
    rejects: int = 0
    added: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return asdict(self)


@dataclass(slots=True)
class ImportReport:
    """All files of one import; `problems` are sentences for the operator."""

    files: list[FileReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    findings: int = 0
    alerts: int = 0
    seconds: float = 0.0

    def total(self, name: str) -> int:
        """Return the sum of a FileReport number over all files."""
        return sum(getattr(file, name) for file in self.files)

    def as_dict(self, *, per_file: bool = False) -> dict[str, Any]:
        """Return the report as a JSON object."""
        names = ("records", "events", "rejects", "added", "bytes")
        answer: dict[str, Any] = {name: self.total(name) for name in names}
        answer |= {
            "findings": self.findings,
            "alerts": self.alerts,
            "seconds": round(self.seconds, 3),
            "problems": self.problems,
        }
        if per_file:
            answer["files"] = [file.as_dict() for file in self.files]
        return answer


class Progress(Protocol):
    """Somebody who watches an import."""

    def surveyed(self, path: str, size: int) -> None:
        """Tell that a file of `size` bytes was found."""

    def planned(self, files: int, size: int) -> None:
        """Tell that `size` bytes in `files` files are to be read."""

    def advanced(self, size: int, events: int) -> None:
        """Tell that `size` bytes were read and `events` events stored."""


class Silent:
    """Watches and says nothing."""

    def surveyed(self, path: str, size: int) -> None:
        """Say nothing."""

    def planned(self, files: int, size: int) -> None:
        """Say nothing."""

    def advanced(self, size: int, events: int) -> None:
        """Say nothing."""
