"""One test over all log sources: samples give exactly their event, and nobody else claims them."""

from __future__ import annotations

import dataclasses
from functools import cache

import polars as pl
import pytest

from miharu.catalog import LogSource, Sample, load_fields, load_logsources
from miharu.core.chunk import Format
from miharu.core.columns import RECORD_ROW
from miharu.parse import Parser
from miharu.pipeline.sourcesamples import SampleReader, records_of

SOURCES = {source.id: source for source in load_logsources()}
SAMPLES = [
    pytest.param(source, sample, id=f"{source.id}:{sample.line}")
    for source in SOURCES.values()
    for sample in source.tests
]


@cache
def reader() -> SampleReader:
    return SampleReader(list(SOURCES.values()), load_fields())


def event_of(sample: Sample) -> dict[str, object]:
    found = reader().read(sample)
    assert found.event is not None, found.fault
    return found.event


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
