"""Text of `key=value` pairs → one column per key."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl

from miharu.core.columns import is_taken
from miharu.parse.splitting import Dialect, pieces_of, unquoted

MAX_KEYS: Final = 512
"""Keys given a column in one batch; pairs of rarer keys are kept together in the column REST, so that a
hostile sender cannot make columns without end."""

REST: Final = "more"

_MARK: Final = "\x1e"

# A value in double or single quotes (with backslash escapes), or up to the next blank or group separator (the audit
# daemon sets one before the names it adds).
_KEY: Final = r"[0-9A-Za-z_][0-9A-Za-z_.\-/@]*"
_VALUE: Final = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s\x1D]*)"""
LOOKS_LIKE_PAIRS: Final = (
    r"""^\s*[A-Za-z_][0-9A-Za-z_.\-/]*=(?:"[^"]*"|'[^']*'|[^\s"']*)[\s,;]+[A-Za-z_][0-9A-Za-z_.\-/]*="""
)

COMMAS_PART_PAIRS: Final = r"""^\s*[A-Za-z_][0-9A-Za-z_.\-/]*=(?:"[^"]*"|[^\s"',;]*),[A-Za-z_][0-9A-Za-z_.\-/]*="""


def read_pairs(text: pl.Series, prefix: str = "", assign: str = "=") -> list[pl.Series]:
    """Return one String series per key found in `text`, named `prefix` + key.

    Of keys given twice in a row the first wins.
    """
    pattern = _KEY + re.escape(assign) + _VALUE
    pairs = (
        pl.DataFrame({"row": pl.Series(range(len(text)), dtype=pl.UInt32), "pair": text.str.extract_all(pattern)})
        .explode("pair")
        .filter(pl.col("pair").is_not_null())
    )
    if pairs.is_empty():
        return []
    split = pairs.get_column("pair").str.splitn(assign, 2).struct.unnest()
    key, value = split.get_columns()
    named = prefix + key if prefix else key
    pairs = pl.DataFrame({"row": pairs.get_column("row"), "key": named, "value": _unquoted(value)})
    return spread(pairs, len(text))


def pairs_apart(text: pl.Series, dialect: Dialect, assign: str) -> pl.DataFrame:
    """Return (row, key, value) of pairs that a separator parts; keys and values may hold blanks and dots."""
    pieces = pieces_of(text, dialect, assign)
    pairs = pl.DataFrame({"row": pl.Series(range(len(text)), dtype=pl.UInt32), "pair": pieces})
    made = assigned(pairs.explode("pair", empty_as_null=True), assign)
    return made.with_columns(unquoted(made.get_column("value").str.strip_chars(), dialect).alias("value"))


def marked_pairs(text: pl.Series, key: str, assign: str = "=") -> pl.DataFrame:
    """Return (row, key, value) of pairs whose values go on to the blank before the next key."""
    if text.str.contains(_MARK, literal=True).any():
        text = text.str.replace_all(_MARK, "\ufffd", literal=True)
    marked = text.str.replace_all(rf"(?:^|\s)({key}){re.escape(assign)}", f"{_MARK}${{1}}{assign}")
    rows = pl.DataFrame({"row": pl.Series(range(len(text)), dtype=pl.UInt32), "pair": marked.str.split(_MARK)})
    # What stands before the first key belongs to none.
    pairs = rows.with_columns(pl.col("pair").list.slice(1)).explode("pair", empty_as_null=True)
    return assigned(pairs, assign)


def assigned(pairs: pl.DataFrame, assign: str) -> pl.DataFrame:
    """Return (row, key, value) of (row, pair); what is no pair is left out."""
    split = pairs.get_column("pair").str.splitn(assign, 2).struct.unnest()
    key, value = split.get_columns()
    made = pl.DataFrame({"row": pairs.get_column("row"), "key": key.str.strip_chars(), "value": value})
    return made.filter(pl.col("value").is_not_null() & pl.col("key").is_not_null() & (pl.col("key") != ""))


def safe(name: str) -> str:
    """Return a sender's name for a column, or one like it where that cannot be."""
    return f"sent.{name}" if is_taken(name) else name


def spread(pairs: pl.DataFrame, height: int) -> list[pl.Series]:
    """Turn rows of (row, key, value) into one series of `height` values per key, in order of appearance."""
    parts = pairs.partition_by("key", maintain_order=True)
    if len(parts) > MAX_KEYS:
        parts.sort(key=lambda part: -part.height)
        rest = pl.concat(parts[MAX_KEYS:]).sort("row", maintain_order=True)
        rest = rest.group_by("row", maintain_order=True).agg(
            key=pl.lit(REST).first(), value=(pl.col("key") + "=" + pl.col("value")).str.join(" ")
        )
        parts = [*parts[:MAX_KEYS], rest.select("row", "key", "value")]
    return [_column(part, height) for part in parts]


def _column(part: pl.DataFrame, height: int) -> pl.Series:
    name = safe(str(part.item(0, "key")))
    row, value = part.get_column("row"), part.get_column("value")
    steps = np.diff(row.to_numpy().astype(np.int64))
    if (steps <= 0).any():  # a row has the key twice; pairs come by row
        once = part.unique("row", keep="first", maintain_order=True)
        row, value = once.get_column("row"), once.get_column("value")
    elif part.height == height:
        return value.alias(name)
    return pl.Series(name, [None], dtype=pl.String).new_from_index(0, height).scatter(row, value).alias(name)


def _unquoted(value: pl.Series) -> pl.Series:
    rows = value.str.contains(r"""^(?:".*"|'.*')$""").arg_true()
    bare = value.str.strip_chars_end(",;")
    if rows.is_empty():
        return bare
    inner = value.gather(rows).str.slice(1)
    inner = inner.str.head(-1)
    if inner.str.contains("\\", literal=True).any():
        inner = inner.str.replace_all(r"""\\(["'\\])""", "$1")
    return bare.scatter(rows, inner)
