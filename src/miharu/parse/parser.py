"""Records of any files → fields by log source, and rejects: each record in exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from miharu.catalog import CONTAINERS as CONTAINER_NAMES
from miharu.catalog import LogSource
from miharu.core.chunk import BINARY_FORMATS, Fields, Format
from miharu.core.columns import RECORD_HEADER, RECORD_SCHEMA, empty_rejects
from miharu.parse.containers import Container, open_all, open_windows_text
from miharu.parse.readers import read_all
from miharu.parse.tables import CONTAINERS, READERS
from miharu.parse.text import with_text, without_text
from miharu.parse.unwrapping import Unwrapper, bare
from miharu.parse.windows_dates import DateOrder


@dataclass(frozen=True, slots=True)
class Parsed:
    """`fields` by log source (one log source may have several frames), `rejects` has REJECT_SCHEMA."""

    fields: list[Fields]
    rejects: pl.DataFrame


class Parser:
    """Recognises and reads records by the log sources it is given.

    `timezone` is the IANA name for stamps that name no zone and must be read here (NXLog's), `date_order` that of
    dates which do not tell it (`windows_dates`). `sources` must hold, for each container, one log source without
    conditions: the one of unknown logs.
    """

    def __init__(self, sources: Sequence[LogSource], timezone: str = "UTC", date_order: DateOrder = "auto") -> None:
        self._timezone = timezone
        self._date_order: DateOrder = date_order
        self.joins = tuple(join for source in sources for join in source.joins)
        ordered = sorted(sources, key=lambda source: (source.priority, source.id))
        by_container = {
            name: [source for source in ordered if name in source.recognise.containers] for name in CONTAINER_NAMES
        }
        self._unwrapper = Unwrapper(by_container, _containers("lines", date_order), timezone)

    def read(self, chunk_format: Format, records: pl.DataFrame) -> Parsed:
        """Read records (RECORD_SCHEMA) of one format; never raises on what they hold."""
        if records.is_empty():
            return Parsed([], empty_rejects())
        header = [RECORD_HEADER] if RECORD_HEADER in records.columns else []
        records = records.select(*RECORD_SCHEMA, *header)
        records = without_text(records) if chunk_format in BINARY_FORMATS else with_text(records)
        opened = open_all(records, _containers(chunk_format, self._date_order), self._timezone)
        fields: list[Fields] = []
        for one in self._unwrapper.settle(opened.frames):
            source, frame = one.claim.source, one.claim.frame
            made = read_all(frame, source.read, READERS)
            told = (bare(part, one) for part in made if part.height)
            fields.extend(Fields(source.id, part.drop(header, strict=False) if header else part) for part in told)
        return Parsed(fields, opened.rejects)


def _containers(chunk_format: Format, order: DateOrder) -> list[Container]:
    chosen = [one for one in CONTAINERS if chunk_format in one.formats]
    dated = partial(open_windows_text, order=order)
    return [replace(one, open=dated) if one.open is open_windows_text else one for one in chosen]
