"""Columns of written addresses → canonical text; null where a value is no address."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import polars as pl

from miharu.core.distinct import repeats

_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4: Final = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
INSIDE: Final = tuple(
    ip_network(text)
    # RFC 1918, 6598, 1122, 3927, 4193, 4291
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)
"""Networks that are not routed on the internet."""
BETWEEN: Final = r'[\s,"]+'
"""What stands between the addresses of a list, quotes around some of them included."""
_MAC_DIGITS: Final = "^[0-9A-F]{12}$"


def canonical_ip(text: pl.Series) -> pl.Series:
    """Return IPv4 dotted and IPv6 as RFC 5952 writes it; brackets and zone ids are dropped.

    An IPv6 address that maps an IPv4 one (RFC 4291 2.5.5.2) is given as the IPv4 address, so that one
    machine has one name whatever socket the sender used.
    """
    if not text.null_count() and repeats(text):
        keys = text.unique()
        table = pl.DataFrame([keys.alias("text"), _canonical(keys).alias("ip")])
        joined = text.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")
        return joined.get_column("ip").alias(text.name)
    return _canonical(text)


def _canonical(text: pl.Series) -> pl.Series:
    plain = text.str.contains(IPV4)
    if plain.all():  # whatever is null does not count
        return text
    plain = plain.fill_null(value=False)
    result = text.set(~plain, None)
    rest = (~plain & text.str.contains(":", literal=True)).fill_null(value=False)
    if not rest.any():
        return result
    values = text.filter(rest)
    known = {value: _one_ip(value) for value in values.unique().to_list()}
    return result.scatter(rest.arg_true(), pl.Series([known[value] for value in values], dtype=pl.String))


def _one_ip(value: str) -> str | None:
    try:
        address = ip_address(value.strip().removeprefix("[").removesuffix("]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def ip_expr(text: pl.Expr) -> pl.Expr:
    """Return the expression of `canonical_ip`."""
    return text.map_batches(canonical_ip, return_dtype=pl.String)


def first_client_expr(text: pl.Expr) -> pl.Expr:
    """Return of a list of addresses (`X-Forwarded-For`) the first that is public, else the first."""
    return text.map_batches(_first_clients, return_dtype=pl.String)


def _first_clients(text: pl.Series) -> pl.Series:
    lists = text.str.contains(BETWEEN).fill_null(value=False)
    if not lists.any():
        return text
    values = text.filter(lists)
    known = {value: _first_client(value) for value in values.unique().to_list()}
    return text.scatter(lists.arg_true(), pl.Series([known[value] for value in values], dtype=pl.String))


def _first_client(value: str) -> str | None:
    items = [item for item in re.split(BETWEEN, value) if item]
    return next((item for item in items if _is_public(item)), items[0] if items else None)


def _is_public(value: str) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return not any(address in network for network in INSIDE)


def mac_expr(text: pl.Expr) -> pl.Expr:
    """Return hardware addresses as RFC 7042 writes them: upper case, parted by hyphens."""
    digits = text.str.to_uppercase().str.replace_all("[:.-]", "")
    pairs = digits.str.replace_all("(..)", "$1-").str.strip_suffix("-")
    return pl.when(digits.str.contains(_MAC_DIGITS)).then(pairs)
