"""Records → the same rows with their text.

Bytes that are not UTF-8 are read as Windows-1252 (or Latin-1 where that has no such byte), so that the
line can still be searched and recognised; the record's own bytes stay as they are.
"""

from __future__ import annotations

from typing import Final

import polars as pl
from polars.exceptions import ComputeError

from miharu.core.columns import RECORD_RAW

TEXT: Final = "record.text"
"""Column of the text of a record; it does not leave the stage."""

TAGS: Final = "record.tags"
"""Column of words about the record as such; only in frames that hold a tagged record."""

INVALID_UTF8: Final = "invalid_utf8"

_BOM: Final = "\ufeff"


def with_text(records: pl.DataFrame) -> pl.DataFrame:
    """Add the column TEXT (never null), and TAGS where a record is not UTF-8."""
    raw = records.get_column(RECORD_RAW)
    try:
        text = raw.cast(pl.String)
    except ComputeError:
        return _with_mended_text(records, raw)
    return records.with_columns(_cleaned(text))


def _cleaned(text: pl.Series) -> pl.Series:
    return text.fill_null("").str.strip_prefix(_BOM).alias(TEXT)


def _with_mended_text(records: pl.DataFrame, raw: pl.Series) -> pl.DataFrame:
    texts: list[str] = []
    tags: list[list[str] | None] = []
    for value in raw.to_list():
        try:
            texts.append((value or b"").decode("utf-8"))
            tags.append(None)
        except UnicodeDecodeError:
            texts.append(_decode(value))
            tags.append([INVALID_UTF8])
    return records.with_columns(
        _cleaned(pl.Series(texts, dtype=pl.String)), pl.Series(TAGS, tags, dtype=pl.List(pl.String))
    )


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
