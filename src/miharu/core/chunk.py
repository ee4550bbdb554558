"""What one stage hands the next: chunks of records, then frames of fields.

Shapes are documented in `miharu.core.columns`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import polars as pl

from miharu.core.columns import empty_rejects

Format: TypeAlias = Literal["lines", "json", "evtx", "utmp", "lastlog", "faillog", "journal", "report", "asl"]
"""How a file was cut into records: text lines, JSON documents or array items, Windows event records
(rendered as JSON text), binary records of logins, entries of a journal's export, a diagnostic report as a whole, or
messages of Apple's system log (rendered as JSON text)."""

BINARY_FORMATS: Final = frozenset({"utmp", "lastlog", "faillog"})
"""Formats whose records are no text."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one file.

    `begin` and `end` are positions in the unit of the file's format (bytes of decompressed content, or
    ordinal of the EVTX record): reading the same file from `begin` to `end` gives the same records.
    """

    path: str
    format: Format
    begin: int
    end: int
    records: pl.DataFrame
    rejects: pl.DataFrame = field(default_factory=empty_rejects)


@dataclass(frozen=True, slots=True)
class Fields:
    """Records of one log source with what was read from them.

    `frame` has all `record.*` columns and one column per field, named as the source names it.
    """

    source: str
    frame: pl.DataFrame
