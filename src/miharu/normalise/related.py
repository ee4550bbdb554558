"""A batch → its `related.*` fields: every address, user, host and hash of an event in one list each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from miharu.normalise.lists import distinct_lists

_HASHES: Final = ("md5", "sha1", "sha256", "sha384", "sha512", "ssdeep", "tlsh")

RELATED: Final[Mapping[str, tuple[str, ...]]] = {
    "related.ip": (
        "source.ip",
        "source.nat.ip",
        "destination.ip",
        "destination.nat.ip",
        "client.ip",
        "client.nat.ip",
        "server.ip",
        "server.nat.ip",
        "host.ip",
        "observer.ip",
        "network.forwarded_ip",
        "dns.resolved_ip",
    ),
    "related.user": (
        "user.name",
        "user.effective.name",
        "user.target.name",
        "user.changes.name",
        "source.user.name",
        "destination.user.name",
        "client.user.name",
        "server.user.name",
    ),
    "related.hosts": (
        "host.name",
        "host.hostname",
        "source.domain",
        "destination.domain",
        "client.domain",
        "server.domain",
        "observer.hostname",
        "observer.name",
    ),
    "related.hash": (
        *(
            f"{owner}.hash.{name}"
            for owner in ("file", "process", "process.parent", "dll", "email.attachments.file")
            for name in _HASHES
        ),
        *(f"{owner}.pe.imphash" for owner in ("file", "process", "process.parent", "dll")),
        *(f"tls.{end}.hash.{name}" for end in ("client", "server") for name in ("md5", "sha1", "sha256")),
        "tls.client.ja3",
        "tls.server.ja3s",
    ),
}
"""Which fields each `related.*` field gathers, in this order."""


def related(batch: pl.DataFrame) -> list[pl.Series]:
    """Return the `related.*` columns that have a value."""
    found = [_gathered(name, columns, batch) for name, columns in RELATED.items()]
    return [series for series in found if series is not None]


def _gathered(name: str, columns: tuple[str, ...], batch: pl.DataFrame) -> pl.Series | None:
    """Gather distinct values into a list; null where there are none. A list that is there already comes first."""
    used = [batch.get_column(column) for column in columns if column in batch.columns]
    used = [series for series in used if series.null_count() < len(series)]
    if not used:
        return None
    lists = [batch.get_column(name)] if name in batch.columns else []
    lists += [series for series in used if series.dtype != pl.String]
    ordered = [*lists, *(series for series in used if series.dtype == pl.String)]
    if not lists:
        return distinct_lists(ordered).alias(name)
    longer = pl.any_horizontal(pl.col(series.name).list.len() > 1 for series in lists)
    rows = pl.DataFrame(lists).select(longer.fill_null(value=False)).to_series().arg_true()
    firsts = [series.list.first() if isinstance(series.dtype, pl.List) else series for series in ordered]
    found = distinct_lists(firsts)
    if not rows.is_empty():
        places = np.arange(batch.height)
        places[rows.to_numpy()] = batch.height + np.arange(len(rows))
        found = pl.concat([found, _merged([series.gather(rows) for series in ordered])]).gather(places)
    return found.alias(name)


def _merged(columns: Sequence[pl.Series]) -> pl.Series:
    """Return lists of the distinct values of columns, some of which hold lists of several."""
    scalars = [series for series in columns if series.dtype == pl.String]
    lists = [series for series in columns if series.dtype != pl.String]
    lists += [distinct_lists(scalars)] if scalars else []
    named = pl.DataFrame([series.alias(str(place)) for place, series in enumerate(lists)])
    both = pl.concat_list(pl.all().fill_null([])).list.drop_nulls().list.unique(maintain_order=True)
    return named.select(pl.when(both.list.len() > 0).then(both)).to_series()
