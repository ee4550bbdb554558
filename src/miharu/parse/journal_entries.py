"""Entries of a journal's export → one column per field, as `journalctl -o json` names them.

https://systemd.io/JOURNAL_EXPORT_FORMATS/
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from miharu.core.columns import RECORD_RAW
from miharu.parse.pairs import spread
from miharu.parse.text import TEXT

_SIZED: Final = r"\n[A-Z0-9_]{1,64}\n"
_FIELD: Final = re.compile(rb"([A-Z0-9_]{1,64})([=\n])")
_SIZE_BYTES: Final = 8


def open_entries(records: pl.DataFrame) -> pl.DataFrame:
    """Return the records (with TEXT) with a column of text per field; of a field given twice the first counts."""
    text = records.get_column(TEXT)
    sized = text.str.contains(_SIZED)
    pairs = [_plain(text.set(sized, None))]
    if sized.any():
        pairs.append(_with_sizes(records.get_column(RECORD_RAW), sized))
    columns = spread(pl.concat(pairs).sort("row", maintain_order=True), records.height)
    return records.drop(TEXT).with_columns(series for series in columns if not series.name.startswith("record."))


def _plain(text: pl.Series) -> pl.DataFrame:
    """Return rows of (row, key, value) of entries that are lines only."""
    rows = pl.DataFrame({"row": pl.arange(0, len(text), dtype=pl.UInt32, eager=True), "pair": text.str.split("\n")})
    pairs = rows.explode("pair").filter(pl.col("pair").str.contains("=", literal=True))
    key, value = pairs.get_column("pair").str.splitn("=", 2).struct.unnest().get_columns()
    return pl.DataFrame({"row": pairs.get_column("row"), "key": key, "value": value})


def _with_sizes(raw: pl.Series, chosen: pl.Series) -> pl.DataFrame:
    """Return the same of entries with values of a given length, which are few: each is walked through."""
    rows: list[int] = []
    keys: list[str] = []
    values: list[str] = []
    for row in chosen.arg_true().to_list():
        for key, value in _fields(raw[row]):
            rows.append(row)
            keys.append(key)
            values.append(value)
    schema = {"row": pl.UInt32, "key": pl.String, "value": pl.String}
    return pl.DataFrame({"row": rows, "key": keys, "value": values}, schema=schema)


def _fields(entry: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while (field := _FIELD.match(entry, place)) is not None:
        if field[2] == b"=":
            stop = entry.find(b"\n", field.end())
            stop = len(entry) if stop < 0 else stop
            value = entry[field.end() : stop]
        else:
            begin = field.end() + _SIZE_BYTES
            stop = begin + int.from_bytes(entry[field.end() : begin], "little")
            value = entry[begin:stop]
        found.append((field[1].decode("ascii"), _decoded(value)))
        place = stop + 1
    return found


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
