"""Dates as Windows writes them for people, in the order of somebody's language → instants.

* `2018/05/11 10:29:47`, `2018-05-11 10:29:47`: the year first (Japanese, Chinese, Swedish, ISO 8601).
* `11.05.2018 10:29:47`: with points the day comes first (German and most of Europe).
* `5/11/2018 10:29:47 AM`: **two orders are in use**; nothing in one such date tells them apart, so the dates of one
  file are judged together, by the first of these that decides:

  1. the setting `date_order`, where it is not `auto`;
  2. a date that is none in one of the orders (a day above 12);
  3. a time later than a day after the file was last changed, in one order only;
  4. an export is sorted: in one order the times only rise or only fall, in the other they do not;
  5. AM or PM: the month comes first (English of the United States); without: the day (British, French, Spanish).

The marks for the halves of a day are read in English and Japanese. Seconds may be missing. Times are local.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import polars as pl

from miharu.core.columns import RECORD_PATH, RECORD_REFERENCE, UTC_MICROS

DateOrder: TypeAlias = Literal["auto", "day_first", "month_first"]
DATE_ORDERS: Final[tuple[DateOrder, ...]] = get_args(DateOrder)

DATE: Final = (
    r"[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4},?[\x20\x{a0}\x{202f}]+(?:午前|午後)?\x20?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
    r"(?:\.[0-9]{1,6})?(?:[\x20\x{a0}\x{202f}](?:AM|PM|am|pm|a\.m\.|p\.m\.))?"
)
"""What such a date looks like."""

_PARTS: Final = (
    r"^(?P<one>[0-9]{1,4})(?P<mark>[/.-])(?P<two>[0-9]{1,2})[/.-](?P<three>[0-9]{1,4}),?[\x20\x{a0}\x{202f}]+"
    r"(?P<before>午前|午後)?\x20?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
    r"(?:\.(?P<fraction>[0-9]{1,6}))?(?:[\x20\x{a0}\x{202f}](?P<half>[AaPp])\.?[Mm]\.?)?$"
)
_NOON: Final = 12


def read_dates(text: pl.Series, records: pl.DataFrame, timezone: str, order: DateOrder = "auto") -> pl.Series:
    """Return the instants (UTC, microseconds) of `text`, null where it is no date.

    `records` has the columns `record.path` and `record.reference` of the same rows; `timezone` is an IANA name.
    """
    parts = text.str.strip_chars().str.extract_groups(_PARTS).struct.unnest()
    frame = parts.hstack([records.get_column(RECORD_PATH), records.get_column(RECORD_REFERENCE)])
    year_first = frame.get_column("one").str.len_chars() == 4  # noqa: PLR2004 - digits of a year
    frame = frame.with_columns(
        day_first=_moment("three", "two", "one"),
        month_first=_moment("three", "one", "two"),
        written=pl.when(year_first).then(_moment("one", "two", "three")),
    )
    chosen = frame.select(
        pl.coalesce("written", pl.when(_decided(frame, order)).then("day_first").otherwise("month_first"))
    )
    return _zoned(chosen.to_series(), timezone)


def _moment(year: str, month: str, day: str) -> pl.Expr:
    """Return the local time, null where the parts are no date in this order."""
    number = {name: pl.col(name).cast(pl.Int32, strict=False) for name in (year, month, day, "hour", "minute")}
    half = pl.coalesce(pl.col("half").str.to_lowercase(), pl.col("before").replace_strict({"午前": "a", "午後": "p"}))
    twelve = pl.when(half.is_null()).then(number["hour"]).otherwise(number["hour"] % _NOON)
    hour = pl.when(half == "p").then(twelve + _NOON).otherwise(twelve)
    date = pl.concat_str(
        pl.col(year).str.zfill(4), pl.col(month).str.zfill(2), pl.col(day).str.zfill(2), separator="-"
    ).str.to_date("%Y-%m-%d", strict=False)
    inside = (hour < 24) & (number["minute"] < 60)  # noqa: PLR2004 - hours of a day, minutes of an hour
    seconds = pl.col("second").cast(pl.Int32, strict=False).fill_null(0)
    micros = pl.col("fraction").str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    clock = pl.duration(hours=hour, minutes=number["minute"], seconds=seconds, microseconds=micros)
    return pl.when(inside & (pl.col(year).str.len_chars() == 4)).then(date.cast(pl.Datetime("us")) + clock)  # noqa: PLR2004


def _decided(frame: pl.DataFrame, order: DateOrder) -> pl.Series:
    """Return for each row whether the day comes first."""
    points = (frame.get_column("mark") == ".").fill_null(value=False)
    if order != "auto":
        return points | pl.Series([order == "day_first"]).new_from_index(0, frame.height)
    return points | _evidence(frame).fill_null(value=False)


def _evidence(frame: pl.DataFrame) -> pl.Series:
    """Return for each row what the dates of its file say together: the day first, or not."""
    slashed = frame.filter(pl.col("written").is_null() & (pl.col("mark") == "/"))
    late = pl.col(RECORD_REFERENCE).dt.replace_time_zone(None) + pl.duration(days=1)
    per_file = slashed.group_by(RECORD_PATH, maintain_order=True).agg(
        no_day=pl.col("day_first").is_null() & pl.col("month_first").is_not_null(),
        no_month=pl.col("month_first").is_null() & pl.col("day_first").is_not_null(),
        day_late=pl.col("day_first") > late,
        month_late=pl.col("month_first") > late,
        day_sorted=_sorted("day_first"),
        month_sorted=_sorted("month_first"),
        halves=pl.col("half").is_not_null().any(),
    )
    any_of = {name: pl.col(name).list.any() for name in ("no_day", "no_month", "day_late", "month_late")}
    first = (
        _either(any_of["no_month"], any_of["no_day"])
        .fill_null(_either(any_of["month_late"], any_of["day_late"]))
        .fill_null(_either(pl.col("day_sorted"), pl.col("month_sorted")))
        .fill_null(~pl.col("halves"))
    )
    verdicts = per_file.select(RECORD_PATH, first=first)
    return frame.select(RECORD_PATH).join(
        verdicts, on=RECORD_PATH, how="left", maintain_order="left", nulls_equal=True
    )["first"]


def _either(day: pl.Expr, month: pl.Expr) -> pl.Expr:
    """Return true where only `day` holds, false where only `month` does, else null."""
    return pl.when(day & ~month).then(pl.lit(True)).when(month & ~day).then(pl.lit(False))


def _sorted(name: str) -> pl.Expr:
    steps = pl.col(name).diff().drop_nulls()
    zero = pl.duration(seconds=0)
    return (steps >= zero).all() | (steps <= zero).all()


def _zoned(local: pl.Series, timezone: str) -> pl.Series:
    zoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").cast(UTC_MICROS)
