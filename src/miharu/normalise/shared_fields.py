"""A batch → the same batch with the fields that are filled the same way whatever the log source.

What a log source says stays; only what is missing is derived. In this order:
`event.*`, `log.*` and `observer.*`, the ends of a flow, `network.*`, `related.*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from miharu.normalise.addresses import ip_expr
from miharu.normalise.flows import flow_fields
from miharu.normalise.related import related
from miharu.normalise.user_agents import user_agents

# https://www.iana.org/assignments/protocol-numbers
TRANSPORT_NUMBERS: Final[Mapping[str, str]] = {
    "icmp": "1",
    "igmp": "2",
    "ipip": "4",
    "tcp": "6",
    "egp": "8",
    "udp": "17",
    "rsvp": "46",
    "gre": "47",
    "esp": "50",
    "ah": "51",
    "ipv6-icmp": "58",
    "eigrp": "88",
    "ospf": "89",
    "pim": "103",
    "vrrp": "112",
    "l2tp": "115",
    "sctp": "132",
    "udplite": "136",
}
_TRANSPORTS: Final = {number: name for name, number in TRANSPORT_NUMBERS.items()}
_ALIASES: Final = {"icmp6": "ipv6-icmp", "icmpv6": "ipv6-icmp", "icmpv4": "icmp", "ip-encap": "ipip"} | _TRANSPORTS

# RFC 5424, tables 1 and 2, under the names of syslog(3)
_SEVERITIES: Final = dict(
    enumerate(("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"))
)
_FACILITIES: Final = dict(
    enumerate(
        (
            *("kernel", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"),
            *("ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8))),
        )
    )
)
_ENDS: Final = ("source", "destination", "client", "server")
_OBSERVING: Final = ("observer.type", "observer.hostname", "observer.name", "observer.ip", "observer.serial_number")
_NAME: Final = r"^[0-9A-Za-z_.-]*[A-Za-z][0-9A-Za-z_.-]*$"
_HTTP_FAILS: Final = 400
_HTTP_CODES: Final = (100, 599)


@dataclass(frozen=True, slots=True)
class Makers:
    """Who makes what writes a log source (`event.dataset`)."""

    vendors: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)


def with_shared_fields(batch: pl.DataFrame, version: str, makers: Makers | None = None) -> pl.DataFrame:
    """Add what can be derived from the columns of the batch; what is there already stays."""
    batch = batch.with_columns(*_events(batch, version), *_logs(batch), *_observers(batch, makers or Makers()))
    batch = batch.with_columns(*_hosts(batch), *_ends(batch), *user_agents(batch))
    batch = batch.with_columns(_transport(frozenset(batch.columns)))
    batch = batch.with_columns(_network(batch))
    batch = batch.with_columns(_flows(batch))
    return batch.with_columns(related(batch))


def _default(name: str, value: pl.Expr, batch: pl.DataFrame) -> pl.Expr:
    return (pl.col(name).fill_null(value) if name in batch.columns else value).alias(name)


def _events(batch: pl.DataFrame, version: str) -> list[pl.Expr]:
    found = [pl.lit(version).alias("ecs.version"), _default("event.kind", pl.lit("event"), batch)]
    if "event.dataset" in batch.columns:
        module = pl.col("event.dataset").cast(pl.String).str.extract(r"^([^.]+)")
        found.append(_default("event.module", module, batch))
    if "event.category" in batch.columns:
        kind = pl.when(pl.col("event.category").list.len() > 0).then(pl.concat_list(pl.lit("info")))
        found.append(_default("event.type", kind, batch))
    if "http.response.status_code" in batch.columns:
        code = pl.col("http.response.status_code")
        outcome = pl.when(code < _HTTP_FAILS).then(pl.lit("success")).otherwise(pl.lit("failure"))
        found.append(_default("event.outcome", pl.when(code.is_between(*_HTTP_CODES)).then(outcome), batch))
    return found


def _logs(batch: pl.DataFrame) -> list[pl.Expr]:
    found = []
    if "log.syslog.severity.code" in batch.columns:
        name = pl.col("log.syslog.severity.code").replace_strict(_SEVERITIES, default=None, return_dtype=pl.String)
        found = [_default("log.syslog.severity.name", name, batch), _default("log.level", name, batch)]
    if "log.syslog.facility.code" in batch.columns:
        name = pl.col("log.syslog.facility.code").replace_strict(_FACILITIES, default=None, return_dtype=pl.String)
        found.append(_default("log.syslog.facility.name", name, batch))
    return found


def _observers(batch: pl.DataFrame, makers: Makers) -> list[pl.Expr]:
    """Say who made the thing that watched, where a record says that something watched."""
    watching = [pl.col(name).is_not_null() for name in _OBSERVING if name in batch.columns]
    if not watching or "event.dataset" not in batch.columns:
        return []
    dataset = pl.col("event.dataset").cast(pl.String)
    found = []
    for name, table in (("observer.vendor", makers.vendors), ("observer.product", makers.products)):
        made = dataset.replace_strict(dict(table), default=None, return_dtype=pl.String)
        found.append(_default(name, pl.when(pl.any_horizontal(watching)).then(made), batch))
    if "observer.hostname" in batch.columns:
        found.append(_default("observer.name", pl.col("observer.hostname"), batch))
    return found


def _hosts(batch: pl.DataFrame) -> list[pl.Expr]:
    if "host.name" not in batch.columns:
        return []
    name = pl.col("host.name")
    return [_default("host.hostname", pl.when(ip_expr(name).is_null()).then(name), batch)]


def _ends(batch: pl.DataFrame) -> list[pl.Expr]:
    """Give each end its `address`, and the `ip` or `domain` that it is (ECS: "duplicated to one of them")."""
    found = []
    for end in _ENDS:
        address, ip, domain = (f"{end}.{name}" for name in ("address", "ip", "domain"))
        if address in batch.columns:
            known = ip_expr(pl.col(address))
            found.append(_default(ip, known, batch))
            name = pl.when(known.is_null() & pl.col(address).str.contains(_NAME)).then(pl.col(address))
            found.append(_default(domain, name, batch))
        parts = [pl.col(name) for name in (ip, domain) if name in batch.columns]
        if parts:
            found.append(_default(address, pl.coalesce(parts), batch))
    return found


def _network(batch: pl.DataFrame) -> list[pl.Expr]:
    present = frozenset(batch.columns)
    found: list[pl.Expr] = []
    if "network.protocol" in present:
        found.append(pl.col("network.protocol").str.to_lowercase())
    transport = pl.col("network.transport") if "network.transport" in present else None
    if transport is not None:
        number = transport.replace_strict(TRANSPORT_NUMBERS, default=None, return_dtype=pl.String)
        found.append(_default("network.iana_number", number, batch))
    ends = [pl.col(name) for name in ("source.ip", "destination.ip") if name in present]
    if ends:
        found.extend(_address_family(ends, transport, batch))
    for unit in ("bytes", "packets"):
        halves = [f"{end}.{unit}" for end in ("source", "destination")]
        if present.issuperset(halves):
            found.append(_default(f"network.{unit}", pl.col(halves[0]) + pl.col(halves[1]), batch))
    return found


def _transport(present: frozenset[str]) -> list[pl.Expr]:
    """Return the transport's one name, whatever the record calls it, by its number where it has no name."""
    named = [pl.col("network.transport").str.to_lowercase().replace(_ALIASES)]
    numbered = [pl.col("network.iana_number").replace_strict(_TRANSPORTS, default=None, return_dtype=pl.String)]
    parts = (named if "network.transport" in present else []) + (numbered if "network.iana_number" in present else [])
    return [pl.coalesce(parts).alias("network.transport")] if parts else []


def _address_family(ends: list[pl.Expr], transport: pl.Expr | None, batch: pl.DataFrame) -> list[pl.Expr]:
    two = len(ends) == 2  # noqa: PLR2004 - a flow has two ends
    if not two and transport is None:
        return []
    address = pl.coalesce(ends)
    six = address.str.contains(":", literal=True)
    flow = pl.lit(False) if transport is None else transport.is_not_null()
    if two:
        flow = flow | (ends[0].is_not_null() & ends[1].is_not_null())
    kind = pl.when(flow & six.is_not_null()).then(pl.when(six).then(pl.lit("ipv6")).otherwise(pl.lit("ipv4")))
    return [_default("network.type", kind, batch)]


def _flows(batch: pl.DataFrame) -> list[pl.Series]:
    found = flow_fields(batch)
    return [batch.get_column(made.name).fill_null(made) if made.name in batch.columns else made for made in found]
