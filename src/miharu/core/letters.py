"""A column of texts → all their bytes in one array, and where each text begins and ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl


def text_bytes(texts: pl.Series) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the UTF-8 bytes of `texts` one behind the other, and their bounds there, one more than texts."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    if data is None:
        return np.empty(0, dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(texts) + 1]
    letters = np.frombuffer(data, dtype=np.uint8)[bounds[0] : bounds[-1]]
    return letters, bounds - bounds[0]
