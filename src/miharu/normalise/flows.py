"""A batch's two ends → where a flow goes (`network.direction`) and what it is called (`network.community_id`).

Both are worked out once per distinct address or flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.normalise.addresses import INSIDE

_ENDS: Final = ("source.ip", "destination.ip")
_PORTS: Final = ("source.port", "destination.port")
_NUMBER: Final = "network.iana_number"

_Network: TypeAlias = IPv4Network | IPv6Network

_NEAR: Final = tuple(
    ip_network(text)
    # RFC 919, 1122, 5771 and 4291: broadcast, "this host", and multicast reach who listens here
    for text in ("255.255.255.255/32", "0.0.0.0/8", "224.0.0.0/4", "::/128", "ff00::/8")
)
_WITH_PORTS: Final = ("6", "17", "132")
_ICMP: Final = "1"
_ICMP6: Final = "58"
# Zeek's pairs of question and answer, as the Community ID specification takes them: such a message's
# "port" of the other end is the type of the answer; other messages have a direction of their own.
_ICMP_ANSWERS: Final[Mapping[int, int]] = {0: 8, 8: 0, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
_ICMP6_ANSWERS: Final[Mapping[int, int]] = {
    128: 129,
    129: 128,
    130: 131,
    131: 130,
    133: 134,
    134: 133,
    135: 136,
    136: 135,
    139: 140,
    140: 139,
    144: 145,
    145: 144,
}
_VERSION: Final = "1:"
_SEED: Final = b"\0\0"


def direction(source: pl.Series, destination: pl.Series) -> pl.Series:
    """Return ECS's word for a flow by the zones of its ends; null where one of them is missing.

    internal: both inside (private, loopback, link-local); external: both public; outbound and inbound between.
    Broadcast and multicast count as inside where they are the destination.
    """
    inside = _known(source, INSIDE)
    near = _known(destination, (*INSIDE, *_NEAR))
    ends = pl.DataFrame([inside.alias("from"), near.alias("to")])
    here, there = pl.col("from"), pl.col("to")
    return ends.select(
        pl.when(here & there)
        .then(pl.lit("internal"))
        .when(here & ~there)
        .then(pl.lit("outbound"))
        .when(~here & there)
        .then(pl.lit("inbound"))
        .when(~here & ~there)
        .then(pl.lit("external"))
    ).to_series()


def community_ids(batch: pl.DataFrame) -> pl.Series | None:
    """Return version 1 of the Community ID, seed 0, null where an end, the protocol or a port is missing.

    For ICMP the ports are the message's type and code. None if the batch has no flows.
    https://github.com/corelight/community-id-spec
    """
    if not {*_ENDS, _NUMBER} <= set(batch.columns):
        return None
    parts = batch.select(
        *(pl.col(name) for name in (*_ENDS, _NUMBER)),
        *(pl.col(name) if name in batch.columns else pl.lit(None, dtype=pl.Int64).alias(name) for name in _PORTS),
    )
    ported = pl.col(_NUMBER).is_in([*_WITH_PORTS, _ICMP, _ICMP6])
    ports = [pl.when(ported).then(pl.col(name)).alias(name) for name in _PORTS]
    has_ports = pl.all_horizontal(pl.col(name).is_between(0, 65_535) for name in _PORTS)
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in (*_ENDS, _NUMBER)) & (~ported | has_ports)
    parts = parts.with_columns(ports)
    flows = parts.filter(whole).unique(maintain_order=True)
    if flows.is_empty():
        return None
    made = flows.with_columns(_ids(flows).alias("id"))
    joined = parts.join(made, on=parts.columns, how="left", nulls_equal=True, maintain_order="left")
    return joined.get_column("id").alias("network.community_id")


def _known(addresses: pl.Series, networks: tuple[_Network, ...]) -> pl.Series:
    """Return which addresses lie in one of `networks`; null for what is none."""
    keys = addresses.unique().drop_nulls()
    inside = [_lies_in(_address(text), networks) for text in keys.to_list()]
    table = pl.DataFrame([keys.alias("ip"), pl.Series("in", inside, dtype=pl.Boolean)])
    joined = addresses.alias("ip").to_frame().join(table, on="ip", how="left", maintain_order="left")
    return joined.get_column("in")


def _lies_in(address: IPv4Address | IPv6Address | None, networks: tuple[_Network, ...]) -> bool | None:
    return None if address is None else any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _ids(flows: pl.DataFrame) -> pl.Series:
    """Return the ids of distinct flows."""
    packed: dict[str, bytes] = {}
    for name in _ENDS:
        for text in flows.get_column(name).unique().to_list():
            address = _address(text)
            packed[text] = b"" if address is None else address.packed
    source, destination = ([packed[text] for text in flows.get_column(name).to_list()] for name in _ENDS)
    numbers = flows.get_column(_NUMBER).cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    ports = [flows.get_column(name).fill_null(-1).cast(pl.Int64).to_numpy() for name in _PORTS]
    first, second, one_way = _icmp(numbers, ports[0], ports[1])
    rows = zip(source, destination, numbers.tolist(), first.tolist(), second.tolist(), one_way.tolist(), strict=True)
    digests = [_digest(*row[:-1], one_way=row[-1]) for row in rows]
    encoded = pl.Series(digests, dtype=pl.Binary).bin.encode("base64")
    return pl.select(pl.when(encoded.is_not_null()).then(pl.concat_str(pl.lit(_VERSION), encoded))).to_series()


def _icmp(
    numbers: npt.NDArray[np.int64], kinds: npt.NDArray[np.int64], codes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return both "ports" of each flow, and whether its ends must keep their order."""
    second = codes.copy()
    one_way = np.zeros(len(numbers), dtype=np.bool_)
    for number, answers in ((int(_ICMP), _ICMP_ANSWERS), (int(_ICMP6), _ICMP6_ANSWERS)):
        ours = numbers == number
        one_way |= ours & ~np.isin(kinds, list(answers))
        for kind, answer in answers.items():
            second[ours & (kinds == kind)] = answer
    return kinds, second, one_way


def _digest(source: bytes, destination: bytes, number: int, first: int, second: int, *, one_way: bool) -> bytes | None:
    if not source or len(source) != len(destination) or not 0 <= number < 256:  # noqa: PLR2004 - one byte
        return None
    if not one_way and (source, first) > (destination, second):
        source, destination, first, second = destination, source, second, first
    ports = b"" if first < 0 else first.to_bytes(2) + second.to_bytes(2)
    return sha1(_SEED + source + destination + bytes((number, 0)) + ports, usedforsecurity=False).digest()
