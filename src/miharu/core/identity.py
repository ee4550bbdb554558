"""Identity: from where a record lies (or what it is) → a 128-bit id in 32 hexadecimal digits.

The same record has the same id whatever its file's name, compression or batch. Ids of records in files
are computed for whole columns at once: `file key` and offset are mixed by two rounds of SplitMix64
(Steele, Lea, Flood, OOPSLA 2014), which is a bijection of the offset for a given file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import xxhash

_HEX_DIGITS = 32
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)


def hash_parts(*parts: str | bytes) -> str:
    """Return the 128-bit hash of parts, kept apart by their lengths, as 32 hexadecimal digits."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        pieces += (len(data).to_bytes(8, "little"), data)
    return xxhash.xxh3_128_hexdigest(b"".join(pieces))


def hash_column(values: Iterable[str]) -> pl.Series:
    """Return the hash of each text, as a String series of 32 hexadecimal digits."""
    digest = xxhash.xxh3_128_hexdigest
    return pl.Series([digest(value.encode()) for value in values], dtype=pl.String)


def record_ids(file_key: str, offsets: npt.NDArray[np.uint64]) -> pl.Series:
    """Return ids of the records at `offsets` of the file named by `file_key`.

    `file_key` is 32 hexadecimal digits (the fingerprint of the file's content when first seen); the
    result is a String series as long as `offsets`.
    """
    high, low = key_words(file_key)
    return ids_of(high, low, offsets)


def key_words(key: str) -> tuple[np.uint64, np.uint64]:
    """Return the two halves of a key of 32 hexadecimal digits."""
    return np.uint64(int(key[:16], 16)), np.uint64(int(key[16:32], 16))


def ids_of(
    high: np.uint64 | npt.NDArray[np.uint64], low: np.uint64 | npt.NDArray[np.uint64], offsets: npt.NDArray[np.uint64]
) -> pl.Series:
    """Return ids of records: `high` and `low` are the halves of their keys (one for all, or one per record)."""
    words = np.empty((len(offsets), 2), dtype=">u8")
    with np.errstate(over="ignore"):
        words[:, 0] = _mix(_mix(offsets.astype(np.uint64) + high) ^ low)
        words[:, 1] = _mix(_mix(offsets.astype(np.uint64) ^ low) + high)
    return _hex_series(words)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_A
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_B
    result: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result


def _hex_series(words: npt.NDArray[Any]) -> pl.Series:
    text = words.tobytes().hex().encode("ascii")
    ends = np.arange(len(words) + 1, dtype=np.int64) * _HEX_DIGITS
    array = pa.LargeStringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(text))
    return pl.Series(pl.from_arrow(array))
