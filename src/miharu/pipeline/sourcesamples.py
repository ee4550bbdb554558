"""Log sources → the events that the samples of their files give, as those files write events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import polars as pl

from miharu.catalog import FieldCatalog, LogSource, Sample
from miharu.core.columns import LEFTOVERS, RECORD_HEADER, RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser

REFERENCE: Final = datetime(2025, 6, 15, 12, tzinfo=UTC)
"""When a sample arrived, where it does not say so itself."""
CREATED: Final = datetime(2025, 6, 15, 12, 0, 1, tzinfo=UTC)
_LEFT_OUT: Final = frozenset(("record.row", "event.id", "event.created", "event.original", "ecs.version", "log.offset"))

PlainEvent = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What a sample gave: `event` in a file's words (None where the record was rejected, which `fault` explains)."""

    sample: Sample
    event: PlainEvent | None
    fault: str = ""


class SampleReader:
    """Reads samples with all log sources loaded, as a running system would."""

    def __init__(self, sources: Sequence[LogSource], catalog: FieldCatalog) -> None:
        self._parser = Parser(sources, "UTC")
        self._normaliser = Normaliser(sources, catalog, "UTC")

    def read(self, sample: Sample) -> SampleResult:
        """Return the sample's event without ids, origin and raw text."""
        parsed = self._parser.read(sample.format, records_of(sample))  # type: ignore[arg-type]
        batch = self._normaliser.run(parsed.fields, CREATED)
        if batch.height != 1:
            reasons = ", ".join(parsed.rejects.get_column("reject.reason").to_list())
            return SampleResult(sample, None, reasons or f"{batch.height} events")
        return SampleResult(sample, plain_event(batch))


def records_of(sample: Sample) -> pl.DataFrame:
    """Return a sample as the one record of a file."""
    raw = sample.record.rstrip("\n").encode()
    row = [[0], ["0" * 32], [raw], [0], ["sample.log"], [sample.reference or REFERENCE]]
    frame = pl.DataFrame(dict(zip(RECORD_SCHEMA, row, strict=True)), schema=RECORD_SCHEMA)
    return frame.with_columns(pl.lit(sample.header).alias(RECORD_HEADER)) if sample.header else frame


def plain_event(batch: pl.DataFrame) -> PlainEvent:
    """Return the one event of a batch as content files write it: dates as text, leftovers as a mapping."""
    event: PlainEvent = {}
    for name, value in batch.row(0, named=True).items():
        if value is None or name in _LEFT_OUT or name.startswith("log.file."):
            continue
        if isinstance(value, datetime):
            text = value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
            event[name] = text.replace("+00:00", "Z")
        else:
            event[name] = orjson.loads(value) if name == LEFTOVERS else value
    return event
