"""Records of any files → fields by log source, and rejects: each record in exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from miharu.catalog import CONTAINERS as CONTAINER_NAMES
from miharu.catalog import LogSource
from miharu.core.chunk import Fields, Format
from miharu.core.columns import RECORD_SCHEMA, empty_rejects
from miharu.parse.containers import Container, open_all
from miharu.parse.readers import read_all
from miharu.parse.tables import CONTAINERS, READERS
from miharu.parse.text import with_text
from miharu.parse.unwrapping import Unwrapper, bare


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
        by_container = {
            name: [source for source in ordered if name in source.recognise.containers] for name in CONTAINER_NAMES
        }
        self._unwrapper = Unwrapper(by_container, _containers("lines"), timezone)

    def read(self, chunk_format: Format, records: pl.DataFrame) -> Parsed:
        """Read records (RECORD_SCHEMA) of one format; never raises on what they hold."""
        if records.is_empty():
            return Parsed([], empty_rejects())
        records = with_text(records.select(list(RECORD_SCHEMA)))
        opened = open_all(records, _containers(chunk_format), self._timezone)
        fields: list[Fields] = []
        for one in self._unwrapper.settle(opened.frames):
            source, frame = one.claim.source, one.claim.frame
            made = read_all(frame, source.read, READERS)
            fields.extend(Fields(source.id, bare(part, one)) for part in made if part.height)
        return Parsed(fields, opened.rejects)


def _containers(chunk_format: Format) -> list[Container]:
    return [one for one in CONTAINERS if chunk_format in one.formats]
