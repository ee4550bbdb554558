"""One test over all log sources: samples give exactly their event, and nobody else claims them."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from functools import cache

import polars as pl
import pytest

from miharu.catalog import LogSource, Sample, load_fields, load_logsources
from miharu.core.chunk import Format
from miharu.core.columns import LEFTOVERS, RECORD_HEADER, RECORD_ROW, RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser

REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)
CREATED = datetime(2025, 6, 15, 12, 0, 1, tzinfo=UTC)
LEFT_OUT = ("record.row", "event.id", "event.created", "event.original", "ecs.version")

SOURCES = {source.id: source for source in load_logsources()}
SAMPLES = [
    pytest.param(source, sample, id=f"{source.id}:{sample.line}")
    for source in SOURCES.values()
    for sample in source.tests
]


@cache
def parser() -> Parser:
    return Parser(list(SOURCES.values()), "UTC")


@cache
def normaliser() -> Normaliser:
    return Normaliser(list(SOURCES.values()), load_fields(), "UTC")


def event_of(sample: Sample) -> dict[str, object]:
    parsed = parser().read(sample.format, records_of(sample))
    assert parsed.rejects.is_empty()
    batch = normaliser().run(parsed.fields, CREATED)
    assert batch.height == 1
    return plain(batch)


def records_of(sample: Sample) -> pl.DataFrame:
    raw = sample.record.rstrip("\n").encode()
    row = [[0], ["0" * 32], [raw], [0], ["sample.log"], [sample.reference or REFERENCE]]
    frame = pl.DataFrame(dict(zip(RECORD_SCHEMA, row, strict=True)), schema=RECORD_SCHEMA)
    return frame.with_columns(pl.lit(sample.header).alias(RECORD_HEADER)) if sample.header else frame


def plain(batch: pl.DataFrame) -> dict[str, object]:
    """Return the one event as content files write it: dates as text, leftovers as a mapping."""
    event: dict[str, object] = {}
    for name, value in batch.row(0, named=True).items():
        if value is None or name in LEFT_OUT or name.startswith("log.file.") or name == "log.offset":
            continue
        if isinstance(value, datetime):
            text = value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
            event[name] = text.replace("+00:00", "Z")
        else:
            event[name] = json.loads(value) if name == LEFTOVERS else value
    return event


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_sample(source: LogSource, sample: Sample) -> None:
    event = event_of(sample)
    if sample.refuse:
        assert event["event.dataset"] != source.id
    else:
        assert event == sample.expect


@pytest.mark.parametrize("source", [pytest.param(source, id=source.id) for source in SOURCES.values()])
def test_source_has_samples_and_refuses_others(source: LogSource) -> None:
    accepted = [sample for sample in source.tests if not sample.refuse]
    assert accepted
    if not source.recognise.where:
        return
    assert any(sample.refuse for sample in source.tests), "a line of something else that must be refused is missing"
    # Asked before everyone who comes after it, it must still refuse what is theirs. Who reads how does not matter.
    others = [
        dataclasses.replace(other, read=())
        for other in SOURCES.values()
        if other.id != source.id and other.priority >= source.priority
    ]
    eager = Parser([*others, dataclasses.replace(source, priority=-1, read=())], "UTC")
    theirs = frozenset(other.id for other in others)
    for chunk_format, owners, records in stacked():
        wanted = records.filter([owner in theirs for owner in owners])
        for fields in eager.read(chunk_format, wanted).fields:
            if fields.source == source.id:
                claimed = {owners[row] for row in fields.frame.get_column(RECORD_ROW).to_list()}
                raise AssertionError(f"{source.id} claims samples of {sorted(claimed)}")


@cache
def stacked() -> list[tuple[Format, list[str], pl.DataFrame]]:
    """Return all samples that must be taken as one frame of records for each format, with the ids of their owners."""
    found: dict[Format, list[tuple[str, pl.DataFrame]]] = {}
    for source in SOURCES.values():
        for sample in source.tests:
            if not sample.refuse:
                found.setdefault(sample.format, []).append((source.id, records_of(sample)))
    stacks = []
    for chunk_format, samples in found.items():
        records = pl.concat([frame for _, frame in samples], how="diagonal")
        rows = pl.Series(range(records.height), dtype=pl.UInt32)
        stacks.append((chunk_format, [owner for owner, _ in samples], records.with_columns(rows.alias(RECORD_ROW))))
    return stacks
