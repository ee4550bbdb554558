"""One test over all log sources: samples give exactly their event, and nobody else claims them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache

import pytest

from miharu.catalog import CONTAINERS as CONTAINER_NAMES
from miharu.catalog import LogSource, Sample, load_fields, load_logsources
from miharu.core.chunk import BINARY_FORMATS
from miharu.core.columns import LEFTOVERS, RECORD_ROW
from miharu.parse.containers import Frames, open_all
from miharu.parse.json_columns import as_json_text
from miharu.parse.tables import CONTAINERS
from miharu.parse.text import with_text, without_text
from miharu.parse.unwrapping import Unwrapper
from miharu.pipeline.sourcesamples import SampleReader, SampleResult, records_of

SOURCES = {source.id: source for source in load_logsources()}
UNKNOWN = [source for source in SOURCES.values() if not source.recognise.where]
SAMPLES = [
    pytest.param(source, sample, id=f"{source.id}:{sample.line}")
    for source in SOURCES.values()
    for sample in source.tests
]


@cache
def reader() -> SampleReader:
    return SampleReader(list(SOURCES.values()), load_fields())


@cache
def results() -> dict[int, SampleResult]:
    """Return what the samples give: those of lines read all together, others with those of their log source."""
    groups = [[sample for source in SOURCES.values() for sample in source.tests if not document(sample)]]
    groups += [[sample for sample in source.tests if document(sample)] for source in SOURCES.values()]
    return {id(result.sample): result for group in groups for result in reader().read_all(group)}


def document(sample: Sample) -> bool:
    """Return whether a sample is no line of text: only so many names of JSON are told apart in a batch."""
    return sample.format != "lines" or "{" in sample.record


def event_of(sample: Sample) -> dict[str, object]:
    found = results()[id(sample)]
    assert found.event is not None, found.fault
    return found.event


def plainly(event: Mapping[str, object]) -> dict[str, object]:
    """Return an event with what is kept under vendors' names as text, as it is where a batch has several types."""
    kept = event.get(LEFTOVERS)
    if not isinstance(kept, dict):
        return dict(event)
    return dict(event) | {LEFTOVERS: {name: as_json_text(value) for name, value in kept.items()}}


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_sample(source: LogSource, sample: Sample) -> None:
    event = event_of(sample)
    if sample.refuse:
        assert event["event.dataset"] != source.id
    else:
        assert plainly(event) == plainly(sample.expect or {})


@pytest.mark.parametrize("source", [pytest.param(source, id=source.id) for source in SOURCES.values()])
def test_source_has_samples_and_refuses_others(source: LogSource) -> None:
    accepted = [sample for sample in source.tests if not sample.refuse]
    assert accepted
    if not source.recognise.where:
        return
    assert any(sample.refuse for sample in source.tests), "a line of something else that must be refused is missing"
    # Asked before everyone who comes after it, it must still refuse what is theirs. Who reads how does not matter.
    theirs = frozenset(other.id for other in SOURCES.values() if other.priority >= source.priority) - {source.id}
    for chunk_format, owners, frames in opened():
        containers = [one for one in CONTAINERS if chunk_format in one.formats]
        for one in Unwrapper(asked(source), containers, "UTC").settle(frames):
            rows = one.claim.frame.get_column(RECORD_ROW).to_list() if one.claim.source.id == source.id else []
            claimed = theirs & {owners[row] for row in rows}
            assert not claimed, f"{source.id} claims samples of {sorted(claimed)}"


def asked(source: LogSource) -> dict[str, list[LogSource]]:
    """Return who is asked in each container: the source, and those who take what is left."""
    sources = [dataclasses.replace(one, read=()) for one in (source, *UNKNOWN)]
    return {name: [one for one in sources if name in one.recognise.containers] for name in CONTAINER_NAMES}


@cache
def opened() -> list[tuple[str, list[str], Frames]]:
    """Return for each format the samples that must be taken: their owners by row, and frames of their containers."""
    found: dict[str, list[tuple[str, Sample]]] = {}
    for source in SOURCES.values():
        for sample in source.tests:
            if not sample.refuse:
                found.setdefault(sample.format, []).append((source.id, sample))
    stacks = []
    for chunk_format, samples in found.items():
        records = records_of(*(sample for _, sample in samples))
        records = without_text(records) if chunk_format in BINARY_FORMATS else with_text(records)
        containers = [one for one in CONTAINERS if chunk_format in one.formats]
        stacks.append((chunk_format, [owner for owner, _ in samples], open_all(records, containers, "UTC").frames))
    return stacks
