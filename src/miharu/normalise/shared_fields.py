"""A batch → the same batch with the fields that are filled the same way whatever the log source.

`event.kind`, `ecs.version`, `network.*` from what the two ends say, `related.*` from everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from miharu.normalise.lists import distinct_lists

RELATED: Final[Mapping[str, tuple[str, ...]]] = {
    "related.ip": (
        "source.ip",
        "source.nat.ip",
        "destination.ip",
        "destination.nat.ip",
        "client.ip",
        "server.ip",
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
    ),
    "related.hash": tuple(
        f"{owner}.hash.{name}" for owner in ("file", "process", "dll") for name in ("md5", "sha1", "sha256", "sha512")
    ),
}
"""Which fields each `related.*` field gathers, in this order."""

# https://www.iana.org/assignments/protocol-numbers
TRANSPORT_NUMBERS: Final[Mapping[str, str]] = {
    "icmp": "1",
    "igmp": "2",
    "tcp": "6",
    "udp": "17",
    "gre": "47",
    "esp": "50",
    "ah": "51",
    "ipv6-icmp": "58",
    "sctp": "132",
}


def with_shared_fields(batch: pl.DataFrame, version: str) -> pl.DataFrame:
    """Add what can be derived from the columns of the batch; what is there already stays."""
    present = frozenset(batch.columns)
    first = [
        pl.lit(version).alias("ecs.version"),
        _default("event.kind", pl.lit("event"), present),
        *_network(present),
    ]
    related = [_related(name, columns, batch) for name, columns in RELATED.items()]
    return batch.with_columns(*first, *(series for series in related if series is not None))


def _default(name: str, value: pl.Expr, present: frozenset[str]) -> pl.Expr:
    return (pl.col(name).fill_null(value) if name in present else value).alias(name)


def _network(present: frozenset[str]) -> list[pl.Expr]:
    words = ("network.transport", "network.protocol")
    found = [pl.col(name).str.to_lowercase() for name in words if name in present]
    if "network.transport" in present:
        number = pl.col("network.transport").str.to_lowercase().replace_strict(TRANSPORT_NUMBERS, default=None)
        found.append(_default("network.iana_number", number, present))
    ends = [pl.col(name) for name in ("source.ip", "destination.ip") if name in present]
    if len(ends) == 2 or "network.transport" in present:  # noqa: PLR2004 - a flow has two ends
        found.extend(_address_family(ends, present))
    if {"source.bytes", "destination.bytes"} <= present:
        found.append(_default("network.bytes", pl.col("source.bytes") + pl.col("destination.bytes"), present))
    return found


def _address_family(ends: list[pl.Expr], present: frozenset[str]) -> list[pl.Expr]:
    if not ends:
        return []
    address = pl.coalesce(ends)
    six = address.str.contains(":", literal=True)
    flow = pl.col("network.transport").is_not_null() if "network.transport" in present else pl.lit(False)
    if len(ends) == 2:  # noqa: PLR2004 - a flow has two ends
        flow = flow | (ends[0].is_not_null() & ends[1].is_not_null())
    kind = pl.when(flow & six.is_not_null()).then(pl.when(six).then(pl.lit("ipv6")).otherwise(pl.lit("ipv4")))
    return [_default("network.type", kind, present)]


def _related(name: str, columns: tuple[str, ...], batch: pl.DataFrame) -> pl.Series | None:
    """Gather distinct values into a list; null where there are none. A list that is there already comes first."""
    used = [batch.get_column(column) for column in columns if column in batch.columns]
    used = [series for series in used if series.null_count() < len(series)]
    lists = [name] if name in batch.columns else []
    lists += [series.name for series in used if series.dtype != pl.String]
    if not used:
        return None
    if not lists:
        return distinct_lists(used).alias(name)
    scalars = [series for series in used if series.dtype == pl.String]
    parts = [pl.col(column).fill_null([]) for column in lists]
    with_scalars = batch.select(lists).with_columns(distinct_lists(scalars).alias("\n")) if scalars else batch
    parts += [pl.col("\n").fill_null([])] if scalars else []
    both = pl.concat_list(parts).list.drop_nulls().list.unique(maintain_order=True)
    return with_scalars.select(pl.when(both.list.len() > 0).then(both).alias(name)).to_series()
