"""Records of any files → fields by log source, and rejects: each record in exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from miharu.catalog import CONTAINERS as CONTAINER_NAMES
from miharu.catalog import LogSource
from miharu.core.chunk import Fields, Format
from miharu.core.columns import RECORD_SCHEMA, empty_rejects
from miharu.parse.containers import open_all
from miharu.parse.readers import read_all
from miharu.parse.recognition import recognise
from miharu.parse.tables import CONTAINERS, READERS
from miharu.parse.text import with_text


@dataclass(frozen=True, slots=True)
class Parsed:
    """`fields` by log source (one log source may have several frames), `rejects` has REJECT_SCHEMA."""

    fields: list[Fields]
    rejects: pl.DataFrame


class Parser:
    """Recognises and reads records by the log sources it is given.

    `timezone` is the IANA name for stamps that name no zone and must be read here (NXLog's). `sources`
    must hold, for each container, one log source without conditions: the one of unknown logs.
    """

    def __init__(self, sources: Sequence[LogSource], timezone: str = "UTC") -> None:
        self._timezone = timezone
        ordered = sorted(sources, key=lambda source: (source.priority, source.id))
        self._by_container = {
            name: [source for source in ordered if name in source.recognise.containers] for name in CONTAINER_NAMES
        }

    def read(self, chunk_format: Format, records: pl.DataFrame) -> Parsed:
        """Read records (RECORD_SCHEMA) of one format; never raises on what they hold."""
        if records.is_empty():
            return Parsed([], empty_rejects())
        containers = [one for one in CONTAINERS if chunk_format in one.formats]
        opened = open_all(with_text(records.select(list(RECORD_SCHEMA))), containers, self._timezone)
        fields: list[Fields] = []
        for container, frames in opened.frames.items():
            for claim in recognise(frames, self._by_container[container]):
                made = read_all(claim.frame, claim.source.read, READERS)
                fields.extend(Fields(claim.source.id, frame) for frame in made if frame.height)
        return Parsed(fields, opened.rejects)
