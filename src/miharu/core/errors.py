"""Errors by whose move it is: the operator's, an author's of content, or the evidence's integrity.

Records never raise across a stage; they become rejects (`miharu.core.columns.REJECT_REASONS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EXIT_DONE: Final = 0
EXIT_OPERATOR: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONTENT: Final = 3
EXIT_INTEGRITY: Final = 4


class MiharuError(Exception):
    """Anything a person can act on; the text is one sentence that says what to do."""

    exit_code: int = EXIT_OPERATOR


class OperatorError(MiharuError):
    """The operator asked for something that cannot be done as asked."""


class QueryError(OperatorError):
    """A query is wrong; `position` is the 0-based character where, `hint` a suggestion."""

    def __init__(self, text: str, position: int | None = None, hint: str = "") -> None:
        super().__init__(text)
        self.position = position
        self.hint = hint


class IntegrityError(MiharuError):
    """Stored evidence is not what was stored."""

    exit_code = EXIT_INTEGRITY


@dataclass(frozen=True, slots=True, order=True)
class ContentIssue:
    """One fault in one content file, with its place and a remedy. Lines count from 1, 0 is unknown."""

    path: str
    line: int
    key: str
    found: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        """Render as `path:line: key: found …, expected … (hint)`."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        tail = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.key}: found {self.found}, expected {self.expected}{tail}"


class ContentError(MiharuError):
    """Content files have faults; all that were found are listed."""

    exit_code = EXIT_CONTENT

    def __init__(self, issues: list[ContentIssue]) -> None:
        self.issues = sorted(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))
