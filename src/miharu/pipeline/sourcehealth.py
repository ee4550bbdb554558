"""The store → how each log source does: when it was last seen, how much it sends, how much of it is understood."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from miharu.pipeline.wiring import Lake

_HOST: Final = "host.name"
_NOTICED: Final = ("event.category", "miharu.clock")
_PATIENCE: Final = 20
"""Silent is who has said nothing for this many of its usual gaps, and for `patience` at least."""
_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "source": pl.String,
    "state": pl.String,
    "events": pl.Int64,
    "hosts": pl.Int64,
    "silent_hosts": pl.Int64,
    "first_seen": pl.Datetime("us", "UTC"),
    "last_seen": pl.Datetime("us", "UTC"),
    "per_day": pl.Float64,
    "unread_percent": pl.Float64,
    "wrong_clock": pl.Int64,
}


def source_health(lake: Lake, now: datetime, patience: timedelta, since: datetime | None = None) -> pl.DataFrame:
    """Return one row for each log source that has events (received since `since`), those in trouble first.

    `state`: `silent` where no host sends any more, `partly silent` where some do not, `unknown` for logs of no known
    kind, `unread` where most lines are not understood, else `ok`. `unread_percent` are events of which only the
    envelope was read (no `event.category`); seen and silent are told by when records were received.
    """
    columns = set(lake.store.column_names("events"))
    host = f"`{_HOST}`" if _HOST in columns else "''"
    unread, clocks = (
        f"countIf({test.format(name)})" if name in columns else missing
        for name, test, missing in (
            (_NOTICED[0], "empty(`{}`)", "count()"),
            (_NOTICED[1], "`{}` IS NOT NULL AND `{}` != ''".replace("{}", _NOTICED[1]), "0"),
        )
    )
    where = "" if since is None else f"WHERE `event.created` >= fromUnixTimestamp64Micro({_micros(since)})"
    rows = lake.store.query(
        f"SELECT `event.dataset` AS source, {host} AS host, toInt64(count()) AS events, "  # noqa: S608 - own names only
        f"min(`event.created`) AS first_seen, max(`event.created`) AS last_seen, "
        f"toInt64({unread}) AS unread, toInt64({clocks}) AS clocks FROM events {where} GROUP BY 1, 2"
    )
    return _told(rows, now, patience) if rows.height else pl.DataFrame(schema=_SCHEMA)


def _told(rows: pl.DataFrame, now: datetime, patience: timedelta) -> pl.DataFrame:
    first, last = pl.col("first_seen"), pl.col("last_seen")
    gap = (last - first) / pl.max_horizontal(pl.col("events") - 1, pl.lit(1))
    quiet = pl.max_horizontal(gap * _PATIENCE, pl.lit(patience))
    seen = rows.with_columns(pl.col("first_seen", "last_seen").cast(pl.Datetime("us", "UTC")))
    by_source = (
        seen.with_columns(silent=pl.lit(now) - last > quiet)
        .group_by("source")
        .agg(
            pl.col("events").sum(),
            hosts=pl.len().cast(pl.Int64),
            silent_hosts=pl.col("silent").sum().cast(pl.Int64),
            first_seen=first.min(),
            last_seen=last.max(),
            unread=pl.col("unread").sum(),
            wrong_clock=pl.col("clocks").sum(),
        )
    )
    days = pl.max_horizontal((pl.lit(now) - first).dt.total_seconds() / 86_400, pl.lit(1.0))
    told = by_source.with_columns(
        per_day=(pl.col("events") / days).round(1),
        unread_percent=(100 * pl.col("unread") / pl.col("events")).round(1),
    )
    return told.with_columns(state=_state()).sort(_trouble(), "source").select(list(_SCHEMA))


def _state() -> pl.Expr:
    return (
        pl.when(pl.col("silent_hosts") == pl.col("hosts"))
        .then(pl.lit("silent"))
        .when(pl.col("silent_hosts") > 0)
        .then(pl.lit("partly silent"))
        .when(pl.col("source").str.starts_with("generic."))
        .then(pl.lit("unknown"))
        .when(pl.col("unread_percent") > 50)  # noqa: PLR2004 - most
        .then(pl.lit("unread"))
        .otherwise(pl.lit("ok"))
    )


def _trouble() -> pl.Expr:
    order = {"silent": 0, "partly silent": 1, "unread": 2, "unknown": 3, "ok": 4}
    return pl.col("state").replace_strict(order, return_dtype=pl.Int64)


def _micros(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)
