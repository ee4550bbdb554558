"""Columns of envelopes → texts, instants, levels and programs, however a sender writes them, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import polars as pl

from miharu.core.columns import UTC_MICROS

_ISO_FAST: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
_ISO_ZONED: Final = "%Y-%m-%dT%H:%M:%S%.f%#z"
_US: Final = "%m/%d/%Y, %I:%M:%S%.f %p"
"""As tables of Azure Monitor are exported, in UTC."""
_NUMBER: Final = r"^\s*[0-9]+(?:\.[0-9]*)?\s*$"
_THOUSAND: Final = 1000
_SECONDS: Final = 32_503_680_000
"""Seconds of the year 3000: a larger number counts something shorter than seconds."""

_TAG: Final = r"^(?P<program>[^\s:\[]+)(?:\[(?P<pid>[^\]\s]*)\])?:?\s*$"

# RFC 5424 section 6.2.1, by the names of syslog.conf and of the numbers.
_WORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "facility": {
        "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "security": 4, "syslog": 5, "lpr": 6, "news": 7,
        "uucp": 8, "cron": 9, "authpriv": 10, "ftp": 11, "ntp": 12, "audit": 13, "console": 14,
        **{f"local{number}": 16 + number for number in range(8)},
    },
    "severity": {
        "emerg": 0, "emergency": 0, "panic": 0, "alert": 1, "crit": 2, "critical": 2, "fatal": 2, "err": 3, "error": 3,
        "warning": 4, "warn": 4, "notice": 5, "info": 6, "informational": 6, "information": 6, "debug": 7,
    },
}  # fmt: skip
_HIGHEST: Final[Mapping[str, int]] = {"facility": 23, "severity": 7}

_NUMBERED: Final = r"^\[[0-9]{1,3}(?:,[0-9]{1,3})*\]$"


class Reading:
    """Columns of a frame, and which of their values have been understood.

    What is understood is judged row by row: a record's neighbours change nothing about it.
    """

    def __init__(self, frame: pl.DataFrame, drop: Sequence[str] = ()) -> None:
        self._frame = frame
        self._used: dict[str, pl.Series | None] = dict.fromkeys(drop)

    def left(self) -> list[pl.Series]:
        """Return what has not been understood of the columns that are not the record's own."""
        found: list[pl.Series] = []
        for series in self._frame.get_columns():
            if series.name.startswith("record."):
                continue
            if series.name not in self._used:
                found.append(series)
                continue
            rows = self._used[series.name]
            if rows is not None and not (rows | series.is_null()).all():
                found.append(series.set(rows, None))
        return found

    def text(self, names: Sequence[str]) -> pl.Series | None:
        """Return the first of the columns that has a value, row by row, as text; None where there is none."""
        found: pl.Series | None = None
        for series in self._columns(names):
            text = series if series.dtype == pl.String else series.cast(pl.String)
            if found is None:
                found = text
                self._used[series.name] = None
                continue
            if found.null_count():
                found = found.fill_null(text)
            self._used[series.name] = (found == text).fill_null(value=True)
        return found

    def numbered(self, names: Sequence[str]) -> pl.Series | None:
        """Return what `text` returns, where texts are also given by the numbers of their bytes (journald does so)."""
        for name in names:
            if name in self._frame.columns and isinstance(self._frame.schema[name], pl.List):
                numbers = self._frame.get_column(name).cast(pl.List(pl.String))
                self._frame = self._frame.with_columns(("[" + numbers.list.join(",") + "]").alias(name))
        text = self.text(names)
        if text is None:
            return None
        rows = text.str.contains(_NUMBERED).fill_null(value=False).arg_true()
        return text.scatter(rows, [_from_bytes(one) for one in text.gather(rows)]) if len(rows) else text

    def _columns(self, names: Sequence[str]) -> list[pl.Series]:
        chosen = [name for name in names if name in self._frame.columns and name not in self._used]
        columns = [self._frame.get_column(name) for name in chosen]
        return [series for series in columns if not isinstance(series.dtype, pl.List)]

    def instants(self, names: Sequence[str]) -> tuple[pl.Series | None, pl.Series | None]:
        """Return the first instant that the columns give, row by row; and where none does, the first text."""
        found: pl.Series | None = None
        stamp: pl.Series | None = None
        for series in self._columns(names):
            if found is not None and not found.null_count():
                break
            if series.dtype != pl.String and not series.dtype.is_numeric():
                continue
            read = _from_texts(series) if series.dtype == pl.String else _from_numbers(series)
            rows = read.is_not_null() if found is None else found.is_null() & read.is_not_null()
            self._used[series.name] = rows
            found = read if found is None else found.fill_null(read)
            if series.dtype == pl.String and read.null_count() > series.null_count():
                unread = series.set(found.is_not_null(), None)
                stamp = unread if stamp is None else stamp.fill_null(unread)
                self._used[series.name] = rows | (stamp == series).fill_null(value=False)
        return found, None if stamp is None or found is None else stamp.set(found.is_not_null(), None)

    def codes(self, names: Sequence[str], kind: Literal["facility", "severity"]) -> pl.Series | None:
        """Return facilities or severities as syslog's numbers, of the first column that knows, row by row."""
        found: pl.Series | None = None
        for series in self._columns(names):
            read = _codes(series.cast(pl.String).str.to_lowercase(), kind)
            found = read if found is None else found.fill_null(read)
            self._used[series.name] = (found == read).fill_null(value=False)
        return found

    def tag(self, name: str) -> tuple[pl.Series, pl.Series] | None:
        """Return program and process id of a column of `program[pid]:`, None where there is none."""
        if not self._columns((name,)) or self._frame.schema[name] != pl.String:
            return None
        parts = self._frame.get_column(name).str.extract_groups(_TAG).struct.unnest()
        self._used[name] = parts.get_column("program").is_not_null()
        return parts.get_column("program"), parts.get_column("pid")


def _from_numbers(series: pl.Series) -> pl.Series:
    """Read numbers counted from 1970: seconds, milli-, micro- or nanoseconds, told by their size."""
    value = pl.col(series.name)
    micros_to = {_SECONDS: 10**6, _SECONDS * _THOUSAND: _THOUSAND, _SECONDS * 10**6: 1}
    count = value // _THOUSAND
    for limit, factor in sorted(micros_to.items(), reverse=True):
        count = pl.when(value < limit).then(value * factor).otherwise(count)
    if series.dtype.is_float():
        count = count.round(0)
    micros = pl.when(value > 0).then(count).cast(pl.Int64, strict=False)
    return series.to_frame().select(micros.cast(UTC_MICROS)).to_series()


def _from_texts(series: pl.Series) -> pl.Series:
    found = series.str.to_datetime(_ISO_FAST, strict=False, time_unit="us").dt.replace_time_zone("UTC")
    if found.null_count() == series.null_count():
        return found
    zoned = series.str.to_datetime(_ISO_ZONED, strict=False, time_unit="us").cast(UTC_MICROS)
    found = found.fill_null(zoned)
    if found.null_count() == series.null_count():
        return found
    american = series.str.to_datetime(_US, strict=False, time_unit="us").dt.replace_time_zone("UTC")
    found = found.fill_null(american)
    if found.null_count() == series.null_count():
        return found
    numbers = series.set(~series.str.contains(_NUMBER).fill_null(value=False), None)
    if numbers.null_count() == len(numbers):
        return found
    whole = numbers.cast(pl.Int64, strict=False)
    exact = whole.null_count() == numbers.null_count()
    return found.fill_null(_from_numbers(whole if exact else numbers.cast(pl.Float64, strict=False)))


def _codes(words: pl.Series, kind: Literal["facility", "severity"]) -> pl.Series:
    distinct = words.unique()
    known = distinct.replace_strict(_WORDS[kind], default=None, return_dtype=pl.Int64)
    known = known.fill_null(distinct.cast(pl.Int64, strict=False))
    known = known.set((known < 0) | (known > _HIGHEST[kind]), None)
    return words.replace_strict(distinct, known, default=None, return_dtype=pl.Int64)


def _from_bytes(numbers: str) -> str:
    """Return the text of `[104,105,10]`; as it is where the numbers are no bytes, or of nothing that needs them."""
    values = [int(one) for one in numbers.strip("[]").split(",")]
    if max(values) > 255 or all(32 <= one < 127 for one in values):  # noqa: PLR2004 - printable ASCII
        return numbers
    raw = bytes(values)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
