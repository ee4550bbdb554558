"""Records → the same rows with their text.

Bytes that are not UTF-8 are read as Shift-JIS (Windows-932) where that makes Japanese of them, else as Windows-1252 (or
Latin-1 where that has no such byte), so that the line can still be searched and recognised; the record's own bytes stay
as they are.
"""

from __future__ import annotations

import re
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
_JAPANESE: Final = re.compile("[\u3005\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff]{2,}")
_WIDE: Final = re.compile("[^\x00-\x7f\uff61-\uff9f]")


def without_text(records: pl.DataFrame) -> pl.DataFrame:
    """Add the column TEXT to records that are no text: it is empty."""
    return records.with_columns(pl.lit("").alias(TEXT))


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
    japanese = _shift_jis(raw)
    if japanese is not None:
        return japanese
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _shift_jis(raw: bytes) -> str | None:
    """Return the text if it is Japanese: nearly all that is not ASCII are words of kana and kanji.

    A letter with an accent and what follows it may look like one kanji; two in a row do not happen by chance.
    """
    try:
        text = raw.decode("cp932")
    except UnicodeDecodeError:
        return None
    wide = len(_WIDE.findall(text))
    words = sum(map(len, _JAPANESE.findall(text)))
    return text if words and words * 2 > wide else None
