"""Log sources → the events that the samples of their files give, as those files write events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import polars as pl

from miharu.catalog import FieldCatalog, LogSource, Sample
from miharu.core.chunk import Format
from miharu.core.columns import LEFTOVERS, RECORD_HEADER, RECORD_ROW, RECORD_SCHEMA
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
        """Return the event of a sample."""
        (result,) = self.read_all([sample])
        return result

    def read_all(self, samples: Sequence[Sample]) -> list[SampleResult]:
        """Return the events of samples without ids, origin and raw text; all of one format are read together."""
        events: dict[int, list[PlainEvent]] = defaultdict(list)
        reasons: dict[int, list[str]] = defaultdict(list)
        by_format: dict[Format, list[int]] = defaultdict(list)
        for number, sample in enumerate(samples):
            by_format[sample.format].append(number)  # type: ignore[index]
        for chunk_format, numbers in by_format.items():
            parsed = self._parser.read(chunk_format, records_of(*(samples[number] for number in numbers)))
            for row, event in plain_events(self._normaliser.run(parsed.fields, CREATED)):
                events[numbers[row]].append(event)
            for row, reason in parsed.rejects.select(RECORD_ROW, "reject.reason").iter_rows():
                reasons[numbers[row]].append(reason)
        return [_result(sample, events[number], reasons[number]) for number, sample in enumerate(samples)]


def _result(sample: Sample, events: Sequence[PlainEvent], reasons: Sequence[str]) -> SampleResult:
    if len(events) == 1 and not reasons:
        return SampleResult(sample, events[0])
    return SampleResult(sample, None, ", ".join(reasons) or f"{len(events)} events")


def records_of(*samples: Sample) -> pl.DataFrame:
    """Return samples, each as the one record of a file."""
    rows = [
        (row, "0" * 32, sample.record.rstrip("\n").encode(), 0, "sample.log", sample.reference or REFERENCE)
        for row, sample in enumerate(samples)
    ]
    frame = pl.DataFrame(rows, schema=RECORD_SCHEMA, orient="row")
    headers = [sample.header or None for sample in samples]
    return frame.with_columns(pl.Series(RECORD_HEADER, headers, pl.String)) if any(headers) else frame


def plain_events(batch: pl.DataFrame) -> Iterator[tuple[int, PlainEvent]]:
    """Yield the rows and events of a batch as content files write them: dates as text, leftovers as a mapping."""
    for row in batch.iter_rows(named=True):
        yield row[RECORD_ROW], _plain(row)


def _plain(row: Mapping[str, Any]) -> PlainEvent:
    """Return one event of a batch as content files write it."""
    event: PlainEvent = {}
    for name, value in row.items():
        if value is None or name in _LEFT_OUT or name.startswith("log.file."):
            continue
        if isinstance(value, datetime):
            text = value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
            event[name] = text.replace("+00:00", "Z")
        else:
            event[name] = orjson.loads(value) if name == LEFTOVERS else value
    return event
