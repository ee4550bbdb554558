"""Texts of Windows events, as a person reads them → the event data that their labelled lines tell.

A text has one label a line (`Account Name:  alice`) under headings (`Subject:`); agents that send it in one line
replace tabs and line ends by blanks. All labels are looked for at once, and what stands between two is the first
one's value. Which label under which heading is which event data is told by `content/lookups/windows_text_labels.tsv`,
labels in other languages by `windows_text_words.tsv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from miharu.parse.pairs import spread
from miharu.parse.windows_forms import tables
from miharu.parse.windows_names import SYSMON_DATA

MAX_LABELS: Final = 80
"""Labels of one text that are read; Windows has no event with so many."""

_ENDS: Final = (
    "This event is generated",
    "The subject fields indicate",
    "Token Elevation Type indicates",
    "Certificate information is only",
    "Pre-authentication types",
    "Ticket options, encryption types",
    "このイベントは、",
    "サブジェクトのフィールド",
    "トークン昇格の種類は",
)
"""How the explanations begin that Windows puts behind the data: the last value ends before."""

_SIDS: Final[Mapping[str, str]] = {
    "NULL SID": "S-1-0-0",
    "ANONYMOUS LOGON": "S-1-5-7",
    "SYSTEM": "S-1-5-18",
    "LOCAL SERVICE": "S-1-5-19",
    "NETWORK SERVICE": "S-1-5-20",
}
"""Names in the place of well-known SIDs. https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers"""

_UNNAMED: Final = ("EventData.param", "EventData.Data", "EventData.EventType", "EventData.Sid")
"""Beginnings of columns that are no event data with a name of its own."""

_REST: Final = 1 << 30
"""More bytes than a text has."""

_HEXADECIMAL: Final = r"^(?:0[xX][0-9A-Fa-f]+|\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\})$"
_SYSMON: Final = "Microsoft-Windows-Sysmon"
_LABELLED: Final = ("Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog", "Service Control Manager")


@dataclass(frozen=True, slots=True)
class _Labels:
    """`words` are labels as written (with the colon) → what they mean; `names` → event data."""

    words: Mapping[str, str]
    sections: frozenset[str]
    names: Mapping[str, str]


def with_labelled_data(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the event data that the column `Message` tells, to rows that have none with a name.

    Needs the columns `System.Provider`, `System.EventID` and `Message` (String); a frame without them stays as it is.
    """
    if not {"System.Provider", "System.EventID", "Message"} <= set(frame.columns) or _has_named_data(frame):
        return frame
    found: list[pl.Series] = []
    for labels, wanted in ((_security(), _provided(frame, *_LABELLED)), (_sysmon(), _provided(frame, _SYSMON))):
        if wanted.any():
            found += _data(frame, wanted, labels)
    return frame.with_columns(found) if found else frame


def _has_named_data(frame: pl.DataFrame) -> bool:
    names = (name for name in frame.columns if name.startswith(("EventData.", "UserData.")))
    named = (name for name in names if not name.startswith(_UNNAMED))
    return any(frame.get_column(name).null_count() < frame.height for name in named)


def _provided(frame: pl.DataFrame, *providers: str) -> pl.Series:
    return frame.select(pl.col("System.Provider").is_in(providers) & pl.col("Message").is_not_null()).to_series()


def _data(frame: pl.DataFrame, wanted: pl.Series, labels: _Labels) -> list[pl.Series]:
    rows = wanted.arg_true()
    part = frame.select("System.EventID", "Message")[rows]
    pairs = _values(_tokens(part, rows, labels), labels)
    return spread(pairs, frame.height)


def _tokens(part: pl.DataFrame, rows: pl.Series, labels: _Labels) -> pl.DataFrame:
    """Return one row per label found: `row`, `event`, `text`, `token`, and where it begins and ends (bytes)."""
    words = [*labels.words, *_ENDS]
    text = part.get_column("Message")
    text = text.str.replace_all("\r\n", "\n", literal=True).str.replace_all(r"\n[\t ]+", "\n").alias("text")
    found = pl.DataFrame([rows.alias("row"), part.get_column("System.EventID").alias("event"), text]).with_columns(
        begin=pl.col("text").str.find_many(words, leftmost=True).list.head(MAX_LABELS),
        token=pl.col("text").str.extract_many(words, leftmost=True).list.head(MAX_LABELS),
        laid_out=pl.col("text").str.contains("\n", literal=True),
    )
    found = found.explode("begin", "token", empty_as_null=False, keep_nulls=False)
    before = pl.col("text").cast(pl.Binary).bin.slice(pl.col("begin").cast(pl.Int64) - 1, 1)
    blank = before.is_in([b"\n"]) | (~pl.col("laid_out") & before.is_in([b" ", b"\t"]))
    return found.filter((pl.col("begin") == 0) | blank).with_columns(
        end=pl.col("begin") + pl.col("token").str.len_bytes(),
        word=pl.col("token").replace_strict(dict(labels.words), default="", return_dtype=pl.String),
    )


def _values(tokens: pl.DataFrame, labels: _Labels) -> pl.DataFrame:
    """Return the pairs (row, key, value) of all labels that are event data."""
    here = pl.col("row") == pl.col("row").shift(-1)
    size = pl.col("begin").cast(pl.Int64).shift(-1) - pl.col("end").cast(pl.Int64)
    first = (pl.col("row") != pl.col("row").shift(1)).fill_null(value=True)
    section = pl.when(pl.col("word").is_in(labels.sections)).then(pl.col("word"))
    heads = tokens.with_columns(
        size=pl.when(here).then(size).otherwise(pl.lit(_REST)),
        section=pl.when(first).then(section.fill_null("")).otherwise(section).forward_fill(),
    ).with_columns(section=pl.when(first).then(pl.lit("")).otherwise(pl.col("section").shift(1)))
    named = heads.join(_names(heads, labels), on=["event", "section", "word"], how="inner", maintain_order="left")
    value = pl.col("text").cast(pl.Binary).bin.slice(pl.col("end"), pl.col("size")).cast(pl.String, strict=False)
    cleaned = named.select("row", "key", value=_cleaned(value)).with_columns(_sid(pl.col("key"), pl.col("value")))
    return cleaned.filter(pl.col("value") != "")


def _names(heads: pl.DataFrame, labels: _Labels) -> pl.DataFrame:
    """Return the names of event data (`key`) of the labels under their headings that there are; null matches none."""
    kinds = heads.select("event", "section", "word").unique().drop_nulls("event")
    keys = [
        next((labels.names[key] for key in _candidates(*row) if key in labels.names), None) for row in kinds.iter_rows()
    ]
    return kinds.with_columns(key="EventData." + pl.Series(keys, dtype=pl.String)).drop_nulls("key")


def _candidates(event: str, section: str, word: str) -> tuple[str, ...]:
    return (f"{event}:{section}/{word}", f"{section}/{word}", f"{event}:{word}", word)


def _cleaned(value: pl.Expr) -> pl.Expr:
    """Return what stands before the first empty line; hexadecimal digits as the event itself has them."""
    first = value.str.strip_chars().str.splitn("\n\n", 2).struct.field("field_0").str.strip_chars()
    return pl.when(first.str.contains(_HEXADECIMAL)).then(first.str.to_lowercase()).otherwise(first)


def _sid(name: pl.Expr, value: pl.Expr) -> pl.Expr:
    """Return SIDs where SIDs belong: texts tell the account's name in their place, which other labels tell too."""
    known = value.str.strip_prefix("NT AUTHORITY\\").replace_strict(_SIDS, default=None, return_dtype=pl.String)
    sid = pl.when(value.str.starts_with("S-1-")).then(value).otherwise(known)
    return pl.when(name.str.ends_with("Sid")).then(sid).otherwise(value).alias("value")


@cache
def _security() -> _Labels:
    names = tables()["windows_text_labels"]
    bare = [key.partition(":")[2] if key[:4].isdigit() else key for key in names]
    sections = frozenset(key.partition("/")[0] for key in bare if "/" in key)
    meant = {word: word for key in bare for word in key.split("/")} | dict(tables()["windows_text_words"])
    return _Labels({f"{word}{colon}": one for word, one in meant.items() for colon in (":", "\uff1a")}, sections, names)


@cache
def _sysmon() -> _Labels:
    return _Labels({f"{name}:": name for name in SYSMON_DATA}, frozenset(), {name: name for name in SYSMON_DATA})
