"""A batch's two ends → where a flow goes (`network.direction`) and what it is called (`network.community_id`).

IPv4 is worked out in columns of numbers; IPv6 once per distinct address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha1
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.normalise.addresses import INSIDE, IPV4

_ENDS: Final = ("source.ip", "destination.ip")
_PORTS: Final = ("source.port", "destination.port")
_NUMBER: Final = "network.iana_number"

_Network: TypeAlias = IPv4Network | IPv6Network
_Integers: TypeAlias = npt.NDArray[np.int64]
_Booleans: TypeAlias = npt.NDArray[np.bool_]

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
    inside = _Addresses(source).inside(INSIDE)
    near = _Addresses(destination).inside((*INSIDE, *_NEAR))
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
    rows = parts.select(whole).to_series().arg_true()
    if rows.is_empty():
        return None
    ids = pl.Series("network.community_id", [None], dtype=pl.String).new_from_index(0, parts.height)
    return ids.scatter(rows, _ids(parts[rows]))


class _Addresses:
    """A column of addresses: `numbers` of those of IPv4 (`four`), the others one by one."""

    def __init__(self, texts: pl.Series) -> None:
        self._texts = texts
        four = texts.str.contains(IPV4).fill_null(value=False)
        self.four: npt.NDArray[np.bool_] = four.to_numpy()
        parts = texts.filter(four).str.split_exact(".", 3).struct.unnest()
        numbers = np.zeros(len(texts), dtype=np.uint32)
        whole = sum((pl.col(name).cast(pl.UInt32) * 256 ** (3 - place) for place, name in enumerate(parts.columns)))
        numbers[self.four] = parts.select(whole).to_series().to_numpy() if parts.height else 0
        self.numbers = numbers

    def others(self) -> dict[str, IPv4Address | IPv6Address | None]:
        """Return what each distinct other text is."""
        texts = self._texts.filter(~self.four).drop_nulls().unique().to_list()
        return {text: _address(text) for text in texts}

    def inside(self, networks: Sequence[_Network]) -> pl.Series:
        """Return which addresses lie in one of `networks`; null for what is none."""
        held = np.zeros(len(self.numbers), dtype=np.bool_)
        for network in networks:
            if network.version == 4:  # noqa: PLR2004 - of the protocol
                held |= (self.numbers & int(network.netmask)) == int(network.network_address)
        known = pl.Series(held).set(~pl.Series(self.four), None)
        others = self.others()
        if not others:
            return known
        told = {
            text: None if one is None else any(one in network for network in networks) for text, one in others.items()
        }
        rest = self._texts.replace_strict(told, default=None, return_dtype=pl.Boolean)
        return known.zip_with(known.is_not_null(), rest)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _ids(flows: pl.DataFrame) -> pl.Series:
    """Return the ids of flows."""
    ends = [_Addresses(flows.get_column(name)) for name in _ENDS]
    numbers = flows.get_column(_NUMBER).cast(pl.Int64, strict=False).fill_null(-1).to_numpy()
    ports = [flows.get_column(name).fill_null(-1).cast(pl.Int64).to_numpy() for name in _PORTS]
    first, second, one_way = _icmp(numbers, ports[0], ports[1])
    digests = np.full(flows.height, None, dtype=object)
    four = ends[0].four & ends[1].four & (numbers >= 0) & (numbers < 256)  # noqa: PLR2004 - one byte
    packed = _packed_four([end.numbers for end in ends], numbers, (first, second), one_way)
    for size, chosen in ((len(_SEED) + 10, four & (first < 0)), (packed.shape[1], four & (first >= 0))):
        data = packed[chosen][:, :size].tobytes()
        digests[chosen] = [
            sha1(data[at : at + size], usedforsecurity=False).digest() for at in range(0, len(data), size)
        ]
    rest = np.flatnonzero(~four)
    if len(rest):
        digests[rest] = _other_digests(flows[rest], ends, numbers[rest], (first[rest], second[rest]), one_way[rest])
    encoded = pl.Series(digests.tolist(), dtype=pl.Binary).bin.encode("base64")
    return pl.select(pl.when(encoded.is_not_null()).then(pl.concat_str(pl.lit(_VERSION), encoded))).to_series()


def _packed_four(
    ends: Sequence[npt.NDArray[np.uint32]], numbers: _Integers, ports: tuple[_Integers, _Integers], one_way: _Booleans
) -> npt.NDArray[np.uint8]:
    """Return what is hashed of each flow of IPv4, the lesser end before the other: 16 bytes, the ports last."""
    turned = ~one_way & ((ends[0] > ends[1]) | ((ends[0] == ends[1]) & (ports[0] > ports[1])))
    packed = np.zeros(
        len(numbers), dtype=[("seed", ">u2"), ("ends", ">u4", 2), ("number", "u1"), ("zero", "u1"), ("ports", ">u2", 2)]
    )
    for place, other in ((0, 1), (1, 0)):
        packed["ends"][:, place] = np.where(turned, ends[other], ends[place])
        packed["ports"][:, place] = np.where(turned, ports[other], ports[place]) & 0xFFFF
    packed["number"] = numbers & 0xFF
    return packed.view(np.uint8).reshape(len(numbers), packed.dtype.itemsize)


def _other_digests(
    flows: pl.DataFrame, ends: Sequence[_Addresses], numbers: _Integers, ports: tuple[_Integers, _Integers],
    one_way: _Booleans,
) -> list[bytes | None]:  # fmt: skip
    known = {**ends[0].others(), **ends[1].others()}
    source, destination = (
        [b"" if (one := known.get(text)) is None else one.packed for text in flows.get_column(name).to_list()]
        for name in _ENDS
    )
    rows = zip(
        source, destination, numbers.tolist(), ports[0].tolist(), ports[1].tolist(), one_way.tolist(), strict=True
    )
    return [_digest(*row[:-1], one_way=row[-1]) for row in rows]


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
