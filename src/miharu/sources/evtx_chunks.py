"""Records of a Windows event log file as JSON text → chunks, each record with the id its own words give it.

A record's number alone repeats after a log was cleared, so the id is the hash of computer, channel, number and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from miharu.core.chunk import Chunk
from miharu.core.identity import hash_column, record_ids
from miharu.sources.chunking import ChunkBuilder
from miharu.sources.content import Fault, Stream
from miharu.sources.evtx_records import Damage, read_evtx

_BATCH: Final = 2048
_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'
_NATURAL: Final = (
    ("computer", rf'"Computer":{_TEXT}'),
    ("channel", rf'"Channel":{_TEXT}'),
    ("number", r'"EventRecordID":"?(\d+)'),
    ("time", rf'"SystemTime":{_TEXT}'),
)
"""`System` comes first in every event, and within JSON text a quotation mark of a value is escaped: the first match
is the member itself."""


def evtx_chunks(stream: Stream, builder: ChunkBuilder, begin: int, end: int | None) -> Iterator[Chunk]:
    """Cut the records with ordinals `[begin, end)` into chunks; what is damaged counts as one ordinal."""
    texts: list[str] = []
    ordinal = 0
    ending: Damage | None = None
    for item in read_evtx(stream):
        if end is not None and ordinal >= end:
            break
        if isinstance(item, Damage) and item.at_end:
            ending = item
            break
        if ordinal >= begin:
            if isinstance(item, Damage):
                yield from _add(builder, texts, ordinal)
                yield from builder.add_reject(ordinal, ordinal + 1, item.reason, item.detail, item.raw)
            else:
                texts.append(item.text)
        ordinal += 1
        if len(texts) >= _BATCH:
            yield from _add(builder, texts, ordinal)
    yield from _add(builder, texts, ordinal)
    yield from builder.flush()
    if ordinal >= begin and (end is None or ordinal < end):
        yield from _end(stream.fault, ending, builder, ordinal)


def _end(fault: Fault | None, ending: Damage | None, builder: ChunkBuilder, ordinal: int) -> Iterator[Chunk]:
    """Keep what lies behind the last whole record of a file that breaks off; it moves no position on."""
    raw = b"" if ending is None else ending.raw
    if fault is None and ending is not None:
        fault = Fault(ending.reason, ending.detail)
    if fault is not None:
        builder.begin = ordinal
        yield from builder.add_reject(ordinal, ordinal, fault.reason, fault.detail, raw)
        yield from builder.flush()


def natural_ids(texts: pl.Series, file_key: str, ordinals: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    """Return the ids of records given as JSON text; one that names nothing gets the id of its place."""
    parts = texts.to_frame("text").select(pl.col("text").str.extract(by, 1).alias(name) for name, by in _NATURAL)
    joined = parts.select(pl.concat_str(pl.all().fill_null(""), separator="\0")).to_series()
    ids = hash_column(joined.to_list())
    nameless = parts.select(pl.all_horizontal(pl.all().is_null())).to_series()
    if not nameless.any():
        return ids
    places = record_ids(file_key, ordinals.astype(np.uint64))
    return pl.select(pl.when(nameless).then(places).otherwise(ids)).to_series()


def _add(builder: ChunkBuilder, texts: list[str], after: int) -> Iterator[Chunk]:
    """Add the texts collected, whose last has the ordinal before `after`, and forget them."""
    if texts:
        series = pl.Series(texts, dtype=pl.String)
        ordinals = np.arange(after - len(texts), after, dtype=np.int64)
        texts.clear()
        ids = natural_ids(series, builder.origin.file_key, ordinals)
        raws = series.cast(pl.Binary)
        sizes = series.str.len_bytes().to_numpy().astype(np.int64)
        yield from builder.add_records(raws, sizes, ordinals, ordinals + 1, ids)
