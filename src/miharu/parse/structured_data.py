"""Text of RFC 5424 → the fields of its header, and the structured data in it by names.

The header is found in two steps: a regular expression engine that tells groups takes each of the many characters of
structured data several times as long as one that only tells where it ends.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.parse.pairs import spread

# RFC 5424 section 6; no part of the header has a choice of where it ends.
_HEADER: Final = r"""(?xs)^(?P<head>
<(?P<priority>[0-9]{1,3})>(?P<version>[1-9][0-9]{0,2})\ +
(?P<timestamp>\S+)\ +(?P<hostname>\S+)\ +(?P<program>\S+)\ +(?P<procid>\S+)\ +(?P<msgid>\S+)\ +)[-\[]"""
_ELEMENT: Final = r'\[[^\s=\]"]{1,64}(?: +[^\s=\]"]{1,64}="(?:[^"\\]|\\.)*")* *\]'
_DATA: Final = rf"(?s)^(?:-|(?:{_ELEMENT})+)(?: {{1,2}}|$)"  # rsyslog keeps a space of its own before the message
_PAIRS: Final = r'(?s)(?:^|\])(\[[^\s=\]"]+)|([^\s=\]"]+)="((?:[^"\\]|\\.)*)"'
_ASSIGN: Final = '="'


def read_5424(text: pl.Series) -> pl.DataFrame:
    """Return the fields of each header, `sd` and the message; `version` is null for a text without such a header."""
    fields = text.str.extract_groups(_HEADER).struct.unnest()
    rest = _behind(text, fields.get_column("head"))
    fits = rest.str.contains(_DATA).fill_null(value=False)
    version = fields.get_column("version").set(~fits, None)
    message = rest.str.replace(_DATA, "")
    ends = pl.DataFrame([rest.alias("rest"), message.alias("message")])
    data = ends.select(pl.col("rest").str.strip_suffix(pl.col("message")).str.strip_chars_end(" ")).to_series()
    added = [version, data.alias("sd"), message.str.strip_prefix("\ufeff").alias("message")]
    return fields.drop("head").with_columns(added)


def structured_data(sd: pl.Series) -> list[pl.Series]:
    """Return columns `sd.<id>.<name>`; escapes of RFC 5424 section 6.3.3 undone."""
    rows = pl.DataFrame({"row": pl.Series(range(len(sd)), dtype=pl.UInt32), "element": sd.str.extract_all(_PAIRS)})
    rows = rows.explode("element", empty_as_null=True).filter(pl.col("element").is_not_null())
    element = rows.get_column("element")
    begins = element.str.starts_with("[") | element.str.starts_with("][")
    # Junos sets the object identifier of its platform behind its enterprise number.
    ids = element.filter(begins).str.strip_chars_start("[]").str.replace(r"^([^@]+@[0-9]+)\..*$", "$1")
    place = begins.cum_sum().cast(pl.Int64) - 1
    key, value = element.str.splitn(_ASSIGN, 2).struct.unnest().get_columns()
    pairs = pl.DataFrame(
        [
            rows.get_column("row"),
            ids.gather(place.set(place < 0, None)).alias("id"),
            key.alias("key"),
            _unescaped(value.str.head(-1)).alias("value"),
        ]
    ).filter(value.is_not_null() & ~key.str.contains("[", literal=True) & (key != ""))
    return spread(pairs.select("row", key="sd." + pl.col("id") + "." + pl.col("key"), value="value"), len(sd))


def _unescaped(value: pl.Series) -> pl.Series:
    escaped = value.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    if escaped.is_empty():
        return value
    return value.scatter(escaped, value.gather(escaped).str.replace_all(r'\\(["\\\]])', "$1"))


def _behind(text: pl.Series, head: pl.Series) -> pl.Series:
    ends = pl.DataFrame([text.alias("text"), head.alias("head")])
    return ends.select(pl.col("text").str.strip_prefix(pl.col("head"))).to_series()
