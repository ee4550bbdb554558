r"""Text of CEF and LEEF → one column for each field of the header, and one for each pair of the extension.

CEF: `CEF:0|vendor|product|version|class|name|severity|key=value key=value`. In the header `\|` and `\\` are escaped, in
values `\=`, `\\`, `\n` and `\r`; a value goes on to the next key, blanks and all. A custom field with a label
(`cs1=… cs1Label=…`) is named by its label.
LEEF 1.0: `LEEF:1.0|vendor|product|version|event|` and pairs parted by tabs; 2.0 names what parts them in a sixth field,
as a character or in hexadecimal (`x09`, `0x09`).

Micro Focus ArcSight Common Event Format, implementation standard; IBM QRadar LEEF guide.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.parse.pairs import assigned, marked_pairs, spread

_CEF_HEADER: Final = ("version", "device.vendor", "device.product", "device.version", "device.event_class_id", "name")
_LEEF_HEADER: Final = ("version", "device.vendor", "device.product", "device.version", "event_id")
_FIELD: Final = r"((?:[^|\\]|\\.)*)"
_CEF_BEGIN: Final = r"(?s)^.*?\bCEF:\ *([0-9.]+)\|"
_CEF_HEAD: Final = rf"(?s)^(CEF:\ *([0-9.]+)\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}(?:\||$))"
_LEEF_HEAD: Final = rf"(?s)^(LEEF:\ *([0-9.]+)\|{_FIELD}\|{_FIELD}\|{_FIELD}\|{_FIELD}(?:\||$))"
_CEF_KEY: Final = r"[0-9A-Za-z_][0-9A-Za-z_.,\-\[\]]*"
_LEEF_DELIMITER: Final = r"^(?:(0?x[0-9A-Fa-f]{2,4})|([^|=0-9A-Za-z\s]|\t))?\|"
_LABEL: Final = "Label"


def read_cef(text: pl.Series, prefix: str, strip: str = "") -> list[pl.Series]:
    """Return the columns `cef.<header field>` and `prefix` + key, which loses `strip` at its beginning."""
    fields, rest = _head(text, "CEF:", _CEF_HEAD, [f"cef.{name}" for name in (*_CEF_HEADER, "severity")])
    pairs = marked_pairs(rest.str.strip_chars(" "), _CEF_KEY)
    pairs = _labelled(pairs.with_columns(_plain(pl.col("value").str.strip_chars_end(" "))))
    return [
        *fields,
        *spread(pairs.select("row", key=prefix + pl.col("key").str.strip_prefix(strip), value="value"), len(text)),
    ]


def read_leef(text: pl.Series, prefix: str) -> list[pl.Series]:
    """Return the columns `leef.<header field>` and `prefix` + key."""
    fields, rest = _head(text, "LEEF:", _LEEF_HEAD, [f"leef.{name}" for name in _LEEF_HEADER])
    second = (fields[0] == "2.0").fill_null(value=False) if fields else pl.Series([False])
    marks = pl.Series(["\t"]).new_from_index(0, len(text))
    if second.any():
        given = rest.str.extract_groups(_LEEF_DELIMITER).struct.unnest().get_columns()
        named = given[0].is_not_null() | given[1].is_not_null() | rest.str.starts_with("|")
        named = (named & second).fill_null(value=False)
        marks = marks.zip_with(~named, _delimiters(given[0]).fill_null(given[1]).fill_null("\t"))
        rest = rest.zip_with(~named, rest.str.replace(_LEEF_DELIMITER, ""))
    found = [_leef_pairs(rest, marks, mark) for mark in marks.unique(maintain_order=True)]
    pairs = pl.concat(found).sort("row", maintain_order=True)
    return [*fields, *spread(pairs.select("row", key=prefix + pl.col("key"), value="value"), len(text))]


def _head(text: pl.Series, begin: str, pattern: str, names: list[str]) -> tuple[list[pl.Series], pl.Series]:
    """Return the fields of the header, and what follows it; null where there is no header."""
    behind = text.str.contains(begin, literal=True) & ~text.str.starts_with(begin)
    if behind.any():
        text = text.zip_with(~behind.fill_null(value=False), begin + text.str.splitn(begin, 2).struct.field("field_1"))
    groups = text.str.extract_groups(pattern).struct.unnest().get_columns()
    head, *found = groups
    fields = [_header_field(series, name) for series, name in zip(found, names, strict=True)]
    rest = text.str.slice(head.str.len_chars())
    return [one for one in fields if one.null_count() < len(one)], rest


def _header_field(series: pl.Series, name: str) -> pl.Series:
    series = series.str.strip_chars(" ").alias(name)
    if series.str.contains("\\", literal=True).any():
        series = series.str.replace_all(r"\\([|\\])", "$1")
    return series.set((series == "").fill_null(value=False), None)


def _plain(value: pl.Expr) -> pl.Expr:
    """Undo the escapes of a value."""
    escaped = value.str.contains("\\", literal=True)
    # What is escaped itself is put aside first, so that `\\n` stays a backslash and an n.
    plain = value.str.replace_all(r"\\\\", "\x00").str.replace_all(r"\\n", "\n").str.replace_all(r"\\r", "\r")
    plain = plain.str.replace_all(r"\\([=|])", "$1").str.replace_all("\x00", "\\", literal=True)
    return pl.when(escaped).then(plain).otherwise(value).alias("value")


def _labelled(pairs: pl.DataFrame) -> pl.DataFrame:
    """Name custom fields by their labels, where no other field of the record has that name."""
    is_label = pl.col("key").str.ends_with(_LABEL) & (pl.col("value") != "")
    labels = pairs.filter(is_label).select(
        "row", key=pl.col("key").str.strip_suffix(_LABEL), label=pl.col("value").str.strip_chars(" ")
    )
    if labels.is_empty():
        return pairs
    known = pairs.select("row", label="key").unique()
    labels = labels.unique(["row", "key"], keep="first", maintain_order=True)
    labels = labels.unique(["row", "label"], keep="first", maintain_order=True)
    labels = labels.join(known, on=["row", "label"], how="anti").filter(pl.col("label") != "")
    labels = labels.join(pairs.select("row", "key").unique(), on=["row", "key"], how="semi")
    used = labels.select("row", key=pl.col("key") + _LABEL)
    pairs = pairs.join(used, on=["row", "key"], how="anti", maintain_order="left")
    pairs = pairs.join(labels, on=["row", "key"], how="left", maintain_order="left")
    return pairs.select("row", key=pl.coalesce("label", "key"), value="value")


def _delimiters(written: pl.Series) -> pl.Series:
    """Return the characters of codes in hexadecimal, null where there is none."""
    codes = written.str.strip_chars_start("0").str.strip_prefix("x").str.to_integer(base=16, strict=False)
    distinct = codes.unique().drop_nulls()
    marks = [chr(code).encode("utf-8", "replace").decode() if code else "\t" for code in distinct]
    return codes.replace_strict(distinct, pl.Series(marks, dtype=pl.String), default=None, return_dtype=pl.String)


def _leef_pairs(rest: pl.Series, marks: pl.Series, mark: str) -> pl.DataFrame:
    rows = (marks == mark).arg_true()
    pieces = pl.DataFrame({"row": rows.cast(pl.UInt32), "pair": rest.gather(rows).str.split(mark)})
    return assigned(pieces.explode("pair", empty_as_null=True), "=")
