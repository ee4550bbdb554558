"""Lines under a header that names their columns → one column for each name.

Three kinds of header are read: `#Fields` of the W3C extended log format (IIS, Windows Firewall, Exchange), the
directives of Zeek's TSV, and the first line of a table (CSV). A line is delimited only if it has as many values as the
header has names; any other is somebody else's. The lines of the header itself, and what else begins with `#` under it,
come with the column `directive`.

https://www.w3.org/TR/WD-logfile.html, https://docs.zeek.org/en/master/log-formats.html, RFC 4180
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from miharu.core.columns import RECORD_HEADER
from miharu.parse.pairs import MAX_KEYS, safe
from miharu.parse.splitting import Dialect, split
from miharu.parse.text import TEXT

DIRECTIVE: Final = "directive"
"""Column of the name of a directive; `header` for the line that names the columns of a table."""

DATETIME: Final = "datetime"
"""Column of date and time, where the header has both (or the time, and the directive `#Date` the date)."""

_MARK: Final = "#"
_TABLE: Final = "header"
_LEAST_NAMES: Final = 2
_W3C_NULLS: Final = ("-",)
_TYPES: Final[Mapping[str, type[pl.DataType]]] = {
    "bool": pl.Boolean,
    **dict.fromkeys(("count", "int", "port"), pl.Int64),
    **dict.fromkeys(("double", "interval", "time"), pl.Float64),
}
_HEX: Final = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|\\)")
"""Zeek's escapes: of a byte, and of the backslash."""
_ESCAPED: Final = frozenset({*range(0x20), 0x7F} - {*b"\b\t\n\f\r"})
"""Control characters that Zeek's JSON writes as an escape too: they stay as they are written."""


@dataclass(frozen=True, slots=True)
class Header:
    """Names of columns, how values are told apart, which mean nothing, and which columns hold lists (cut at `,`…).

    `empty` and `unset`: how Zeek writes a text or list of nothing, and what has no value; others have no `empty`.
    """

    names: tuple[str, ...]
    dialect: Dialect
    nulls: tuple[str, ...] = ()
    lists: Mapping[str, pl.DataType | type[pl.DataType] | None] = field(default_factory=dict)
    listed_by: str = ","
    empty: str = ""
    unset: str = "-"
    types: Mapping[str, pl.DataType | type[pl.DataType]] = field(default_factory=dict)
    path: str = ""
    date: str = ""
    line: str = ""


def header_of(text: str) -> Header | None:
    """Return what a header (see `miharu.sources.headers`) says, None where it says nothing useful."""
    header = _directives(text) if text.startswith(_MARK) else _table(text)
    usable = header is not None and _LEAST_NAMES <= len(header.names) <= MAX_KEYS
    return replace(header, names=_apart(header.names)) if header is not None and usable else None


def read_delimited(records: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.Series]:
    """Return frames of the records (with TEXT and RECORD_HEADER) that are delimited, and a mask of the others."""
    frames: list[pl.DataFrame] = []
    rest = pl.Series([True]).new_from_index(0, records.height)
    headers = records.get_column(RECORD_HEADER)
    for text in headers.unique(maintain_order=True).drop_nulls():
        header = header_of(text)
        if header is None:
            continue
        rows = (headers == text).fill_null(value=False).arg_true()
        part = records if len(rows) == records.height else records[rows]
        taken, made = _under(part, header)
        frames += made
        rest = rest.scatter(rows.filter(taken), False)
    return frames, rest


def _under(part: pl.DataFrame, header: Header) -> tuple[pl.Series, list[pl.DataFrame]]:
    text = part.get_column(TEXT)
    directives = text == header.line if header.line else text.str.starts_with(_MARK)
    frames: list[pl.DataFrame] = []
    if directives.any():
        named = pl.lit(_TABLE) if header.line else pl.col("message").str.extract(r"^#\s*([^\s:]+)")
        frames.append(part.filter(directives).rename({TEXT: "message"}).with_columns(named.alias(DIRECTIVE)))
    values, fits = split(text, header.dialect, len(header.names))
    fits &= ~directives
    if fits.any():
        whole = bool(fits.all())
        base = (part if whole else part.filter(fits)).rename({TEXT: "message"})
        columns = _columns(values if whole else values.filter(fits), header)
        frames.append(base.drop(columns.columns, strict=False).hstack(columns))
    return directives | fits, frames


def _columns(values: pl.DataFrame, header: Header) -> pl.DataFrame:
    frame = values.rename(dict(zip(values.columns, header.names, strict=True)))
    nulls = ("", *header.nulls)
    every = pl.all() if header.path or len(nulls) == 1 else pl.all().str.strip_chars(" ")
    frame = frame.with_columns(pl.when(~every.is_in(nulls)).then(every))
    frame = frame.with_columns(
        *(_listed(frame.get_column(name), header) for name in header.lists),
        *(_typed(frame.get_column(name), kind) for name, kind in header.types.items()),
    )
    if header.empty:
        texts = frame.select(pl.col(pl.String)).get_columns()
        frame = frame.with_columns(
            *(_unescaped(series) for series in texts if series.str.contains("\\", literal=True).any()),
        ).with_columns(
            pl.col(series.name).replace(header.empty, "") for series in texts if (series == header.empty).any()
        )
    if header.path:
        frame = frame.with_columns(pl.lit(header.path).alias("_path"))
    return frame.with_columns(_datetime(frame, header))


def _typed(series: pl.Series, kind: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Return a column as the type that Zeek says; as text where a value does not fit."""
    if kind == pl.Boolean:
        typed = series.replace_strict({"T": True, "F": False}, default=None, return_dtype=pl.Boolean)
    else:
        typed = series.cast(kind, strict=False)
    return typed if typed.null_count() == series.null_count() else series


def _datetime(frame: pl.DataFrame, header: Header) -> list[pl.Expr]:
    if "time" not in frame.columns or DATETIME in frame.columns or header.path or header.line:
        return []
    if "date" in frame.columns:
        return [pl.concat_str("date", "time", separator=" ").alias(DATETIME)]
    return [pl.concat_str(pl.lit(header.date), "time", separator=" ").alias(DATETIME)] if header.date else []


def _listed(series: pl.Series, header: Header) -> pl.Series:
    """Return the items of sets and vectors as JSON would write them."""
    kind, one = header.lists[series.name], pl.element()
    item: pl.Expr = pl.when(one != header.unset).then(one)
    if kind == pl.Boolean:
        item = item.replace({"T": "true", "F": "false"})
    elif kind == pl.Float64:
        item = pl.coalesce(item.cast(pl.Float64, strict=False).cast(pl.String), item)
    lists = series.str.split(header.listed_by).list.eval(item)
    if series.str.contains("\\", literal=True).any():
        written = lists.explode(empty_as_null=True).drop_nulls().unique()
        plain = _unescaped(written)
        lists = lists.list.eval(one.replace(written, plain))
    return lists.zip_with(series.is_null() | (series != header.empty), pl.Series([[]], dtype=lists.dtype))


def _unescaped(series: pl.Series) -> pl.Series:
    """Undo Zeek's escapes, once for each text."""
    distinct = series.unique().drop_nulls()
    plain = [_HEX.sub(_byte, text.encode()).decode("utf-8", "backslashreplace") for text in distinct]
    return series.replace_strict(distinct, pl.Series(plain, dtype=pl.String), default=None)


def _byte(escape: re.Match[bytes]) -> bytes:
    if not escape[1]:
        return b"\\"
    code = int(escape[1], 16)
    return escape[0] if code in _ESCAPED else bytes([code])


def _directives(text: str) -> Header | None:
    """Read a block of directives: Zeek's begin with `#separator`, those of W3C have a colon."""
    lines = text.splitlines()
    if any(line.startswith("#separator") for line in lines):
        return _zeek(lines)
    fields = [line for line in lines if line[:7].lower() == "#fields"]
    written = fields[-1][7:].removeprefix(":").strip(" \t")
    separator = next((mark for mark in ("\t", ",", " ") if mark in written), " ")
    names = tuple(name.strip() for name in written.split(separator) if name.strip())
    date = next((line[6:].strip()[:10] for line in reversed(lines) if line[:6].lower() == "#date:"), "")
    return Header(names, Dialect(separator, '"', "double", plain_first=separator != ","), _W3C_NULLS, date=date)


def _zeek(lines: list[str]) -> Header | None:
    marks = [at for at, line in enumerate(lines) if line.startswith("#separator")]
    separator = _HEX.sub(_byte, lines[marks[-1]][10:].strip(" ").encode()).decode("utf-8", "replace")[:1] or "\t"
    said: dict[str, list[str]] = {}
    for line in lines[marks[-1] + 1 :]:
        name, *values = line[1:].split(separator)
        said[name] = values
    names, types = tuple(said.get("fields", ())), said.get("types", [])
    if not names:
        return None
    # A column named twice has no type, for it is told apart by another name.
    kinds = {name: kind for name, kind in zip(names, types, strict=False) if names.count(name) == 1}
    unset, empty = ((said.get(key) or [word])[0] for key, word in (("unset_field", "-"), ("empty_field", "(empty)")))
    return Header(
        names,
        Dialect(separator),
        (unset,),
        lists={name: _TYPES.get(_inner(kind)) for name, kind in kinds.items() if kind.startswith(("set[", "vector["))},
        listed_by=(said.get("set_separator") or [","])[0] or ",",
        types={name: _TYPES[kind] for name, kind in kinds.items() if kind in _TYPES},
        path=(said.get("path") or [""])[0],
        empty=empty,
        unset=unset,
    )


def _inner(kind: str) -> str:
    """Return the type of a list's items."""
    return kind.partition("[")[2].removesuffix("]")


def _table(text: str) -> Header | None:
    separator = max(",;\t|", key=text.count)
    names = tuple(name.strip(' "') for name in text.removeprefix("\ufeff").split(separator))
    return Header(names, Dialect(separator, '"', "double"), line=text.removeprefix("\ufeff"))


def _apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names for columns, each once."""
    taken: dict[str, int] = {}
    found: list[str] = []
    for at, name in enumerate(names, start=1):
        own = safe(name) or f"column{at}"
        taken[own] = taken.get(own, 0) + 1
        found.append(own if taken[own] == 1 else f"{own}.{taken[own]}")
    return tuple(found) if len(set(found)) == len(found) else tuple(f"column{at}" for at in range(1, len(names) + 1))
