"""Text of labelled values (`Label: value,value,"Other label: a, b"`) → one column for each label.

What has no label, or none of those that are asked for, is left to the regular expressions of the log source.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.catalog import ReadStep
from miharu.parse.pairs import assigned, spread
from miharu.parse.splitting import Dialect, pieces_of, unquoted

_NO_NAME: Final = r"[^0-9a-z]+"


def read_labelled(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read values by their labels, which become names in lower case with underscores.

    A value is what stands between its label and the separator, in quotes or not; the quotes may be around the label
    too. An empty value says nothing. Of two with the same label the first wins; `keys` is what a label must match.
    """
    options = step.options
    assign = options.get("assign", ":")
    dialect = Dialect(options.get("separator", ","), options.get("quote", '"'), options.get("escape", "double"))
    pieces = pieces_of(frame.get_column(step.field).cast(pl.String), dialect, assign)
    rows = pl.DataFrame({"row": pl.Series(range(frame.height), dtype=pl.UInt32), "pair": pieces})
    rows = rows.explode("pair", empty_as_null=True)
    pairs = assigned(rows.with_columns(unquoted(rows.get_column("pair").str.strip_chars(" "), dialect)), assign)
    pairs = pairs.with_columns(_names(pairs.get_column("key"), step))
    pairs = pairs.filter(pl.col("key").is_not_null())
    # A label may end with the assignment itself.
    value = pairs.get_column("value").str.strip_prefix(assign).str.strip_chars(" ")
    pairs = pairs.with_columns(unquoted(value, dialect).str.strip_chars(" ").alias("value"))
    found = spread(pairs.filter(pl.col("value") != ""), frame.height)
    return [frame.with_columns(series for series in found if series.name not in frame.columns)]


def _names(labels: pl.Series, step: ReadStep) -> pl.Series:
    """Return the names that labels become, null for one that is not asked for; each distinct one is looked at once."""
    distinct = labels.unique()
    name = pl.col("key").str.to_lowercase().str.replace_all(_NO_NAME, "_").str.strip_chars("_")
    named = step.prefix + name
    if "keys" in step.options:
        named = pl.when(pl.col("key").str.contains(f"^(?:{step.options['keys']})$")).then(named)
    names = distinct.alias("key").to_frame().select(named).to_series()
    return labels.replace_strict(distinct, names, return_dtype=pl.String).alias("key")
