"""Fields by log source → one batch of events: columns with exact ECS names, in input order."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from miharu.catalog import (
    ADOPTED,
    ENVELOPE_STAMP,
    ENVELOPE_ZONE,
    KEPT,
    FieldCatalog,
    LogSource,
    Lookups,
    TimeSpec,
    load_lookups,
    own_name,
)
from miharu.core.chunk import Fields
from miharu.core.columns import (
    EVENT_CREATED,
    EVENT_DATASET,
    EVENT_ID,
    EVENT_ORIGINAL,
    LEFTOVERS,
    LOG_OFFSET,
    LOG_PATH,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PATH,
    RECORD_RAW,
    RECORD_REFERENCE,
    RECORD_ROW,
    REQUIRED_COLUMNS,
    TIMESTAMP,
    UTC_MICROS,
    stack,
)
from miharu.core.distinct import evaluate
from miharu.normalise.choices import Choices
from miharu.normalise.clocks import TimeNames
from miharu.normalise.leftovers import encode, what_is_left
from miharu.normalise.plan import Plan, Planner
from miharu.normalise.shared_fields import Makers, with_shared_fields
from miharu.normalise.tables import TIME_FORMATS
from miharu.normalise.times import read_times
from miharu.normalise.wrong_clocks import with_clock_marks

ZONES_TABLE: Final = "time_zones"
MONTHS_TABLE: Final = "month_names"
_SYSLOG_TIME: Final = TimeSpec(("timestamp",), ("syslog",), "timezone")
_ENVELOPE_TIME: Final = TimeSpec((ENVELOPE_STAMP,), ("syslog",), ENVELOPE_ZONE)
_BIG: Final = 1024
"""A frame of this many rows is worth a pass of its own; smaller ones are stacked first."""
_WIDTH: Final = 400
"""Columns of a stack of small frames: beyond, filling what each lacks costs more than another pass."""
_PLANS: Final = 512
_EMPTY: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    RECORD_ROW: pl.UInt32,
    TIMESTAMP: UTC_MICROS,
    EVENT_ID: pl.String,
    EVENT_DATASET: pl.String,
    EVENT_ORIGINAL: pl.Binary,
    EVENT_CREATED: UTC_MICROS,
    LOG_PATH: pl.String,
    LOG_OFFSET: pl.UInt64,
    LEFTOVERS: pl.String,
}


class Normaliser:
    """Maps fields to ECS by the log sources it is given."""

    def __init__(
        self,
        sources: Sequence[LogSource],
        catalog: FieldCatalog,
        timezone: str = "UTC",
        lookups: Lookups | None = None,
    ) -> None:
        tables = load_lookups() if lookups is None else lookups
        self._catalog = catalog
        self._makers = {source.id: _Maker(source, catalog, tables, timezone) for source in sources}
        self._made_by = Makers(
            {source.id: source.vendor for source in sources}, {source.id: source.product for source in sources}
        )

    def run(self, fields: Sequence[Fields], created: datetime) -> pl.DataFrame:
        """Return the batch of all records of `fields`, sorted by `record.row`.

        It has `record.row`, REQUIRED_COLUMNS, every ECS column with a value in this batch, and `fields`.
        `created` is the instant for `event.created`. `@timestamp` is `record.reference` where none was read.
        """
        by_source: dict[str, list[pl.DataFrame]] = defaultdict(list)
        for one in fields:
            by_source[one.source].append(one.frame)
        made = [
            self._makers[source].events(frame, created)
            for source, frames in by_source.items()
            for frame in gather_frames(frames)
        ]
        if not made:
            return pl.DataFrame(schema=_EMPTY)
        batch = stack(made)
        if not batch.get_column(RECORD_ROW).is_sorted():
            batch = batch.sort(RECORD_ROW)
        batch = with_shared_fields(batch, self._catalog.version, self._made_by)
        return _ordered(with_clock_marks(batch))


class _Maker:
    """Makes the events of one log source."""

    def __init__(self, source: LogSource, catalog: FieldCatalog, lookups: Lookups, timezone: str) -> None:
        self._source = source
        self._choices = Choices(source, catalog)
        self._planner = Planner(source, catalog, lookups)
        self._plans: OrderedDict[frozenset[tuple[str, pl.DataType]], Plan] = OrderedDict()
        self._timezone = timezone
        self._names = TimeNames(lookups.get(ZONES_TABLE, {}), lookups.get(MONTHS_TABLE, {}))

    def events(self, frame: pl.DataFrame, created: datetime) -> pl.DataFrame:
        """Return one event per row, unsorted columns, `record.row` kept."""
        frame = pl.DataFrame([series for series in frame.get_columns() if _has_value(series)])
        frame = frame.hstack(self._choices.columns(frame))
        plan = self._plan(frame)
        converted = [
            series for name, wanted in plan.conversions.items() for series in evaluate(frame.get_column(name), wanted)
        ]
        frame = frame.hstack(converted)
        stamped: dict[str, pl.Series] = {}
        if ENVELOPE_STAMP in frame.columns:
            frame, stamped = self._dated_by_envelope(frame)
        time, told = self._time(frame)
        events = frame.select(
            pl.col(RECORD_ROW),
            time,
            pl.col(RECORD_ID).alias(EVENT_ID),
            pl.lit(self._source.id).alias(EVENT_DATASET),
            pl.col(RECORD_RAW).alias(EVENT_ORIGINAL),
            pl.lit(created, dtype=UTC_MICROS).alias(EVENT_CREATED),
            pl.col(RECORD_PATH).alias(LOG_PATH),
            pl.col(RECORD_OFFSET).alias(LOG_OFFSET),
            *plan.expressions,
        )
        left = encode(what_is_left(frame, events, plan.remains, told | stamped), self._own_name)
        return events if left is None else events.with_columns(left)

    def _own_name(self, name: str) -> str:
        return own_name(self._source.recognise.containers, self._source.leftovers.prefix, name)

    def _plan(self, frame: pl.DataFrame) -> Plan:
        key = frozenset(frame.schema.items())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._planner.compile(frame.schema)
            if len(self._plans) > _PLANS:
                self._plans.popitem(last=False)
        return plan

    def _dated_by_envelope(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
        """Return the frame with the time of the envelope around each record as its reference, where it tells one."""
        read, told = read_times(frame, _ENVELOPE_TIME, TIME_FORMATS, self._timezone, self._names)
        reference = read.fill_null(frame.get_column(RECORD_REFERENCE)).alias(RECORD_REFERENCE)
        return frame.with_columns(reference), told

    def _time(self, frame: pl.DataFrame) -> tuple[pl.Series, dict[str, pl.Series]]:
        """Return the time of each row, and for each column the rows whose time it told."""
        specs = [self._source.time] if self._source.time else []
        if "syslog" in self._source.recognise.containers:
            specs.append(_SYSLOG_TIME)
        time = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, frame.height)
        told: dict[str, pl.Series] = {}
        for spec in specs:
            if time.null_count():
                read, by_field = read_times(frame, spec, TIME_FORMATS, self._timezone, self._names)
                time = read if time.null_count() == len(time) else time.fill_null(read)
                told = {**by_field, **told}
        return time.fill_null(frame.get_column(RECORD_REFERENCE)).alias(TIMESTAMP), told


def gather_frames(frames: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Stack frames: those of the same columns always, small ones of different columns up to a width."""
    same: dict[frozenset[tuple[str, pl.DataType]], list[pl.DataFrame]] = defaultdict(list)
    for frame in frames:
        same[frozenset(frame.schema.items())].append(frame)
    waiting: list[pl.DataFrame] = []
    types: dict[str, pl.DataType] = {}
    for group in same.values():
        first = group[0]
        frame = first if len(group) == 1 else pl.concat([first, *(one.select(first.columns) for one in group[1:])])
        if frame.height >= _BIG:
            yield frame
            continue
        clash = any(types.get(name, dtype) != dtype for name, dtype in frame.schema.items())
        if waiting and (clash or len(types.keys() | set(frame.columns)) > _WIDTH):
            yield stack(waiting)
            waiting, types = [], {}
        waiting.append(frame)
        types.update(frame.schema)
    if waiting:
        yield stack(waiting)


def _has_value(series: pl.Series) -> bool:
    if series.null_count() < len(series):
        return True
    return series.name.startswith("record.") and not series.name.startswith((ADOPTED, KEPT, ENVELOPE_STAMP))


def _ordered(batch: pl.DataFrame) -> pl.DataFrame:
    if LEFTOVERS not in batch.columns:
        batch = batch.with_columns(pl.lit(None, dtype=pl.String).alias(LEFTOVERS))
    fixed = (RECORD_ROW, *REQUIRED_COLUMNS)
    height = batch.height
    names = sorted(
        series.name
        for series in batch.get_columns()
        if series.name not in fixed and series.name != LEFTOVERS and series.null_count() < height
    )
    return batch.select(*fixed, *names, LEFTOVERS)


def read_time_texts(texts: pl.Series, spec: TimeSpec, reference: datetime, lookups: Lookups) -> pl.Series:
    """Return the instants that texts tell by the formats of `spec`; null for those that tell none."""
    (name,) = spec.fields
    references = pl.Series(RECORD_REFERENCE, [reference], dtype=UTC_MICROS).new_from_index(0, len(texts))
    frame = pl.DataFrame([texts.alias(name), references])
    names = TimeNames(lookups.get(ZONES_TABLE, {}), lookups.get(MONTHS_TABLE, {}))
    return read_times(frame, spec, TIME_FORMATS, "UTC", names)[0]
