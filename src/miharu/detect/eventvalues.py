"""Rows of a batch → every value of an event, as keywords are looked for in: the raw text, columns, leftovers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from miharu.core.columns import EVENT_ORIGINAL, LEFTOVERS
from miharu.detect.columns import BatchColumns, text_of

_SKIPPED: Final = ("record.", "event.id", "event.created", "event.ingested", "event.dataset", "log.", "@timestamp")
ESCAPES: Final = r'[&\\]|""'
"""What some format escapes by: a raw text without it spells every value as it is."""
_JSON: Final = r"^\s*[\[{]"


class EventValues:
    """Every value of an event, for a few rows of a batch."""

    def __init__(self, batch: pl.DataFrame, columns: BatchColumns) -> None:
        self._batch = batch
        self._columns = columns

    def raw(self, row: int) -> list[str]:
        """Return the raw text, or the leaves of it if it is JSON."""
        if EVENT_ORIGINAL not in self._batch.columns:
            return []
        original = self._batch.get_column(EVENT_ORIGINAL)[row]
        if original is None:
            return []
        data: bytes = original if isinstance(original, bytes) else original.encode()
        if data.lstrip()[:1] in {b"{", b"["}:
            try:
                return list(_leaves(orjson.loads(data)))
            except orjson.JSONDecodeError:
                pass
        return [data.decode("utf-8", "replace")]

    def columns(self, row: int) -> list[str]:
        """Return the texts of all columns and leftovers."""
        found: list[str] = []
        for name in self._batch.columns:
            if not _searched(name):
                continue
            column = self._columns.whole(name)
            text = column.texts[row] if column is not None else None
            if column is None or text is None:
                continue
            found += _leaves(orjson.loads(text)) if column.lists or name == LEFTOVERS else [text]
        return found

    def table(self, rows: Collection[int]) -> ValueTable:
        """Return the values of these rows by columns."""
        return ValueTable(self._batch, self._columns, np.array(sorted(rows), dtype=np.uint32))


@dataclass(frozen=True, slots=True)
class _Lowered:
    """Texts in small letters; null where there is none, or where it must be looked at by itself (`odd`)."""

    texts: pl.Series
    odd: npt.NDArray[np.bool_] | None
    lists: bool


class ValueTable:
    """The values of many rows, looked through column by column."""

    def __init__(self, batch: pl.DataFrame, columns: BatchColumns, rows: npt.NDArray[np.uint32]) -> None:
        self._batch = batch
        self._columns = columns
        self._rows = rows
        self._made: dict[str, _Lowered | None] = {}
        self._unescaped: npt.NDArray[np.bool_] | None = None

    def holding(self, literal: str, run: str, rows: Sequence[int]) -> tuple[list[int], list[int]]:
        """Return of `rows` those in which a literal stands, and those that must be looked at one by one.

        `literal` is of ASCII and case-folded; `run` is a part of it that no format escapes.
        """
        places = np.searchsorted(self._rows, np.array(rows, dtype=np.uint32))
        held, odd = self._found(EVENT_ORIGINAL, literal, places)
        odd |= self._missing(EVENT_ORIGINAL, places)
        if literal != run:
            settled = self._verbatim()[places]
            for name in filter(_searched, self._batch.columns):
                if (open_ := ~(held | odd | settled)).any():
                    lowered = self._lowered(name)
                    lists = lowered is not None and lowered.lists
                    here, unsure = self._found(name, run if lists else literal, places[open_])
                    held[open_] |= here & (not lists)
                    odd[open_] |= unsure | (here & lists)
        told = np.array(rows, dtype=np.uint32)
        return told[held].tolist(), told[odd & ~held].tolist()

    def _found(self, name: str, text: str, places: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        lowered = self._lowered(name)
        none = np.zeros(len(places), dtype=np.bool_)
        if lowered is None:
            return none, none.copy()
        held = lowered.texts[places].str.contains(text, literal=True).fill_null(value=False).to_numpy()
        return held.copy(), none.copy() if lowered.odd is None else lowered.odd[places]

    def _missing(self, name: str, places: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        lowered = self._lowered(name)
        if lowered is None:
            return np.ones(len(places), dtype=np.bool_)
        missing: npt.NDArray[np.bool_] = lowered.texts[places].is_null().to_numpy()
        return missing

    def _verbatim(self) -> npt.NDArray[np.bool_]:
        if self._unescaped is None:
            raw = self._lowered(EVENT_ORIGINAL)
            escaped = None if raw is None else raw.texts.str.contains(ESCAPES).fill_null(value=True)
            self._unescaped = np.zeros(len(self._rows), dtype=np.bool_) if escaped is None else ~escaped.to_numpy()
        return self._unescaped

    def _lowered(self, name: str) -> _Lowered | None:
        if name not in self._made:
            self._made[name] = self._raw() if name == EVENT_ORIGINAL else self._column(name)
        return self._made[name]

    def _raw(self) -> _Lowered | None:
        if EVENT_ORIGINAL not in self._batch.columns:
            return None
        texts = _decoded(self._batch.get_column(EVENT_ORIGINAL)[self._rows])
        odd = _beyond_ascii(texts) | texts.str.contains(_JSON).fill_null(value=True)
        return _Lowered(texts.set(odd, None).str.to_lowercase(), odd.to_numpy(), lists=False)

    def _column(self, name: str) -> _Lowered | None:
        column = self._columns.whole(name)
        if column is None:
            return None
        texts = column.texts[self._rows]
        if texts.null_count() == len(texts):
            return None
        odd = _beyond_ascii(texts) & texts.is_not_null()
        told = texts.set(odd, None) if odd.any() else texts
        return _Lowered(
            told.str.to_lowercase(), odd.to_numpy() if odd.any() else None, lists=column.lists or name == LEFTOVERS
        )


def spelled_out(raw: Sequence[str]) -> bool:
    """Return whether a raw text (see `EventValues.raw`) escapes nothing: what does not stand in it is in no value."""
    return len(raw) == 1 and not re.match(_JSON, raw[0]) and re.search(ESCAPES, raw[0]) is None


def _searched(name: str) -> bool:
    return name != EVENT_ORIGINAL and not name.startswith(_SKIPPED)


def _decoded(texts: pl.Series) -> pl.Series:
    try:
        return texts.cast(pl.String)
    except pl.exceptions.ComputeError:  # not UTF-8: what stands for the bytes that are none makes a text an odd one
        told = [None if text is None else text.decode("utf-8", "replace") for text in texts.to_list()]
        return pl.Series(told, dtype=pl.String)


def _beyond_ascii(texts: pl.Series) -> pl.Series:
    return (texts.str.len_bytes() != texts.str.len_chars()).fill_null(value=True)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield text_of(value)
