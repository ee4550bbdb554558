"""Written addresses → the networks they are in, one by one or a column at once."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.detect.judging import Network, address_of
from miharu.detect.ragged import Numbers, Ragged

_OCTET: Final = "(0|[1-9][0-9]{0,2})"
_DOTTED: Final = rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}$"
_HIGHEST: Final = 255
_OLD: Final = 4


class NetworkTable:
    """Networks, found by the bits that all their addresses share."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._sorted: list[tuple[int, npt.NDArray[np.int64], Ragged]] | None = None

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._numbers)

    def add(self, network: Network, number: int) -> None:
        """Let `number` stand for a network."""
        shift = network.max_prefixlen - network.prefixlen
        self._numbers[network.version, shift][int(network.network_address) >> shift].append(number)
        self._sorted = None

    def holding(self, text: str) -> list[int]:
        """Return the numbers of all networks that an address is in; of a text that is none, nothing."""
        address = address_of(text) if self._numbers else None
        if address is None:
            return []
        bits, version = int(address), address.version
        return [
            number
            for (of_version, shift), numbers in self._numbers.items()
            if of_version == version
            for number in numbers.get(bits >> shift, ())
        ]

    def find(self, texts: pl.Series) -> list[tuple[Numbers, Numbers]]:
        """Return places of texts and the numbers of the networks they are in; in no order."""
        frame = texts.str.extract_groups(_DOTTED).struct.unnest().cast(pl.Int64)
        octets = [frame[name] for name in frame.columns]
        fits = pl.select(pl.all_horizontal(*(octet <= _HIGHEST for octet in octets))).to_series()
        places = np.flatnonzero(fits.fill_null(value=False).to_numpy())
        bits = np.zeros(len(places), dtype=np.int64)
        for octet in octets:
            bits = bits << 8 | octet.gather(places).to_numpy()
        found = [self._within(places, bits, *of_shift) for of_shift in self._tables()]
        # An address with colons, which may stand for one with dots, is a rare thing.
        for place in texts.str.contains(":", literal=True).arg_true().to_list():
            numbers = self.holding(texts[place])
            found.append((np.full(len(numbers), place, dtype=np.intp), np.array(numbers, dtype=np.intp)))
        return found

    @staticmethod
    def _within(
        places: Numbers, bits: npt.NDArray[np.int64], shift: int, networks: npt.NDArray[np.int64], numbers: Ragged
    ) -> tuple[Numbers, Numbers]:
        prefixes = bits >> shift
        near = np.minimum(np.searchsorted(networks, prefixes), len(networks) - 1)
        here = np.flatnonzero(networks[near] == prefixes)
        owners, held = numbers.take(near[here])
        return places[here][owners], held

    def _tables(self) -> list[tuple[int, npt.NDArray[np.int64], Ragged]]:
        """Return for each length of networks of old addresses these networks, sorted, and their numbers."""
        if self._sorted is None:
            self._sorted = [
                (
                    shift,
                    np.array(sorted(networks), dtype=np.int64),
                    Ragged([networks[bits] for bits in sorted(networks)]),
                )
                for (version, shift), networks in self._numbers.items()
                if version == _OLD
            ]
        return self._sorted
