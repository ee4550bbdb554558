"""A sample of several lines is one record also where its file is cut: the `joins` of its source hold it together."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from miharu.catalog import LogSource, load_logsources
from miharu.core.columns import RECORD_RAW
from miharu.sources import SourceFile
from miharu.sources.content import StreamOver

SOURCES = load_logsources()
JOINS = [join for source in SOURCES for join in source.joins]
LONG = {
    source.id: [sample.record.rstrip("\n") for sample in source.tests if not sample.refuse and sample.format == "lines"]
    for source in SOURCES
    if source.joins
}
SEVERAL = [source for source in SOURCES if any("\n" in record for record in LONG.get(source.id, ()))]


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self) -> StreamOver:
        return StreamOver(io.BytesIO(self.data))


def cut(text: str) -> list[str]:
    file = SourceFile("a", datetime(2025, 6, 15, tzinfo=UTC), Bytes(text.encode())).joined_by(JOINS)
    return [raw.decode() for chunk in file.chunks("0" * 32) for raw in chunk.records[RECORD_RAW]]


@pytest.mark.parametrize("source", [pytest.param(one, id=one.id) for one in SEVERAL])
def test_samples_of_several_lines_are_cut_as_one_record(source: LogSource) -> None:
    records = [record for record in LONG[source.id] if "\n" in record]
    if all(join.first for join in source.joins):
        heads = [record for record in LONG[source.id] if "\n" not in record]
        assert any(all(record in cut("\n".join([head, *records])) for record in records) for head in [*heads, *records])
        return
    assert all(record in cut(record) for record in records)
    for one, two in pairwise(records):
        assert cut(f"{one}\n{two}\n") == [one, two]
