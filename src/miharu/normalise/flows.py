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
import pyarrow as pa

from miharu.core.letters import text_bytes
from miharu.normalise.addresses import INSIDE, IPV4
from miharu.normalise.sha1 import digests

_ENDS: Final = ("source.ip", "destination.ip")
_PORTS: Final = ("source.port", "destination.port")
_NUMBER: Final = "network.iana_number"

_Network: TypeAlias = IPv4Network | IPv6Network
_Numbers: TypeAlias = npt.NDArray[np.uint32]
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
_VERSION: Final = b"1:"
_SEED: Final = 2
"""Bytes of the seed before what is hashed; it is 0."""
_OCTETS: Final = 4
_DIGITS: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8)
# Two digits of base64 for each 12 bits: RFC 4648 section 4 by a table.
_PAIRS: Final = np.stack([np.repeat(_DIGITS, 64), np.tile(_DIGITS, 64)], axis=1).view(np.uint16).ravel()


def flow_fields(batch: pl.DataFrame) -> list[pl.Series]:
    """Return `network.direction` and `network.community_id`, nothing if the batch has no flows.

    The direction: internal: both ends inside (private, loopback, link-local); external: both public; outbound and
    inbound between. Broadcast and multicast count as inside where they are the destination. The id is Community ID
    version 1 with seed 0, null where a flow lacks what it needs; for ICMP the ports are the message's type and code.
    https://github.com/corelight/community-id-spec
    """
    if not set(_ENDS) <= set(batch.columns):
        return []
    ends = [_Addresses(batch.get_column(name)) for name in _ENDS]
    ids = _community_ids(batch, ends)
    return [_direction(*ends).alias("network.direction"), *([] if ids is None else [ids])]


class _Addresses:
    """A column of addresses: `numbers` of those of IPv4 (`four`), the others one by one."""

    def __init__(self, texts: pl.Series) -> None:
        self._texts = texts
        four = texts.str.contains(IPV4).fill_null(value=False)
        self.four: _Booleans = four.to_numpy()
        self.numbers = np.zeros(len(texts), dtype=np.uint32)
        if four.any():
            self.numbers[self.four] = _four_numbers(texts if four.all() else texts.filter(four))

    def others(self) -> dict[str, IPv4Address | IPv6Address | None]:
        """Return what each distinct other text is."""
        texts = self._texts.filter(~self.four).drop_nulls().unique().to_list()
        return {text: _address(text) for text in texts}

    def packed(self, rows: _Integers) -> list[bytes]:
        """Return the bytes of the addresses of these rows, none for what is no address."""
        texts = self._texts.gather(rows).to_list()
        known = {text: _address(text) for text in set(texts) if text is not None}
        return [b"" if (one := known.get(text)) is None else one.packed for text in texts]

    def inside(self, networks: Sequence[_Network]) -> pl.Series:
        """Return which addresses lie in one of `networks`; null for what is none."""
        held = np.zeros(len(self.numbers), dtype=np.bool_)
        for network in networks:
            if network.version == 4:  # noqa: PLR2004 - of the protocol
                held |= (self.numbers & int(network.netmask)) == int(network.network_address)
        known = pl.Series(held)
        if self.four.all():
            return known
        known = known.set(~pl.Series(self.four), None)
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


def _four_numbers(texts: pl.Series) -> _Numbers:
    """Return the numbers of addresses of IPv4 as they are written: of each octet up to three digits before its end."""
    letters, bounds = text_bytes(texts)
    dots = np.flatnonzero(letters == ord(".")).reshape(-1, _OCTETS - 1)
    starts, stops = bounds[:-1], bounds[1:]
    digits = letters - np.uint8(ord("0"))
    numbers: _Numbers = np.zeros(len(texts), dtype=np.uint32)
    for place in range(_OCTETS):
        before = starts - 1 if not place else dots[:, place - 1]
        end = stops if place == _OCTETS - 1 else dots[:, place]
        length = end - before - 1
        octet = digits[end - 1].astype(np.uint32)
        octet += digits[end - 2] * (length > 1) * np.uint32(10)
        octet += digits[end - 3] * (length > 2) * np.uint32(100)  # noqa: PLR2004 - the third digit
        numbers = (numbers << np.uint32(8)) | octet
    return numbers


def _direction(source: _Addresses, destination: _Addresses) -> pl.Series:
    ends = pl.DataFrame(
        [source.inside(INSIDE).alias("from"), destination.inside((*INSIDE, *_NEAR)).alias("to")],
    )
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


def _community_ids(batch: pl.DataFrame, ends: Sequence[_Addresses]) -> pl.Series | None:
    if _NUMBER not in batch.columns:
        return None
    parts = batch.select(
        *(pl.col(name) for name in (*_ENDS, _NUMBER)),
        *(pl.col(name) if name in batch.columns else pl.lit(None, dtype=pl.Int64).alias(name) for name in _PORTS),
    )
    ported = pl.col(_NUMBER).is_in([*_WITH_PORTS, _ICMP, _ICMP6])
    has_ports = pl.all_horizontal(pl.col(name).is_between(0, 65_535) for name in _PORTS)
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in (*_ENDS, _NUMBER)) & (~ported | has_ports)
    told = parts.select(
        whole.alias("whole"),
        pl.col(_NUMBER).cast(pl.Int64, strict=False).fill_null(-1),
        *(pl.when(ported).then(pl.col(name)).fill_null(-1).cast(pl.Int64).alias(name) for name in _PORTS),
    )
    rows = np.flatnonzero(told.get_column("whole").fill_null(value=False).to_numpy())
    if not len(rows):
        return None
    number, *ports = (told.get_column(name).to_numpy()[rows] for name in (_NUMBER, *_PORTS))
    made = _ids(rows, ends, number, ports).alias("network.community_id")
    if len(rows) == batch.height:
        return made
    return pl.Series(made.name, [None], dtype=pl.String).new_from_index(0, batch.height).scatter(rows, made)


def _ids(rows: _Integers, ends: Sequence[_Addresses], numbers: _Integers, ports: Sequence[_Integers]) -> pl.Series:
    """Return the ids of the flows in `rows`; `numbers` and `ports` are those of these rows."""
    first, second, one_way = _icmp(numbers, ports[0], ports[1])
    found = np.zeros((len(rows), 5), dtype=np.uint32)
    four = ends[0].four[rows] & ends[1].four[rows] & (numbers >= 0) & (numbers < 256)  # noqa: PLR2004 - one byte
    packed = _packed_four([end.numbers[rows] for end in ends], numbers, (first, second), one_way)
    for size, chosen in ((_SEED + 10, four & (first < 0)), (packed.shape[1], four & (first >= 0))):
        found[chosen] = digests(packed if chosen.all() and size == packed.shape[1] else packed[chosen][:, :size])
    rest = np.flatnonzero(~four)
    if not len(rest):
        return _written(found)
    others = _other_digests(
        [end.packed(rows[rest]) for end in ends], numbers[rest], (first[rest], second[rest]), one_way[rest]
    )
    known = np.array([digest is not None for digest in others])
    told = b"".join(digest for digest in others if digest is not None)
    found[rest[known]] = np.frombuffer(told, dtype=">u4").reshape(-1, found.shape[1])
    return _written(found).set(pl.Series(~four).scatter(rest[known], False), None)


def _written(words: _Numbers) -> pl.Series:
    """Return digests in base64 behind the version: 160 bits are 13 pairs of digits and one with padding."""
    bits = words.astype(np.uint64)
    text = np.empty((len(words), 15), dtype=np.uint16)
    text[:, 0] = np.frombuffer(_VERSION, dtype=np.uint16)[0]
    for pair in range(14):
        word, past = divmod(pair * 12, 32)
        both = bits[:, word] << np.uint64(32)
        if word + 1 < words.shape[1]:
            both |= bits[:, word + 1]
        text[:, 1 + pair] = _PAIRS[((both >> np.uint64(52 - past)) & np.uint64(0xFFF)).astype(np.intp)]
    letters = text.view(np.uint8)
    letters[:, -1] = ord("=")
    bounds = np.arange(len(words) + 1, dtype=np.int64) * letters.shape[1]
    array = pa.LargeStringArray.from_buffers(len(words), pa.py_buffer(bounds), pa.py_buffer(letters))
    return pl.Series(pl.from_arrow(array))


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
    ends: Sequence[Sequence[bytes]], numbers: _Integers, ports: tuple[_Integers, _Integers], one_way: _Booleans
) -> list[bytes | None]:
    rows = zip(*ends, numbers.tolist(), ports[0].tolist(), ports[1].tolist(), one_way.tolist(), strict=True)
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
    return sha1(bytes(_SEED) + source + destination + bytes((number, 0)) + ports, usedforsecurity=False).digest()
