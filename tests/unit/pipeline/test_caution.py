"""A stage that fails on some records costs those records only, and they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.chunk import Chunk
from miharu.core.columns import RECORD_RAW, RECORD_ROW, empty_rejects
from miharu.core.errors import OperatorError
from miharu.core.finding import FINDING_SCHEMA
from miharu.pipeline.caution import Caution
from miharu.pipeline.framing import chunks_of
from miharu.pipeline.reading import ReadBatch
from tests.unit.pipeline.test_framing import frame

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BAD = b"bad"


class Fragile:
    """Reads and judges anything but BAD."""

    def read(self, chunks: Sequence[Chunk], _created: datetime) -> ReadBatch:
        records = pl.concat([chunk.records for chunk in chunks])
        if BAD in records[RECORD_RAW].to_list():
            raise ZeroDivisionError("cannot read this")
        return ReadBatch(records.select(RECORD_ROW, RECORD_RAW), empty_rejects(), [0])

    def run(self, events: pl.DataFrame) -> pl.DataFrame:
        if BAD in events[RECORD_RAW].to_list():
            raise ZeroDivisionError("cannot judge this")
        return pl.DataFrame(
            {name: [None] * events.height for name in FINDING_SCHEMA}, schema=FINDING_SCHEMA
        ).with_columns(events[RECORD_RAW].cast(pl.String).alias("rule.id"))


@given(st.lists(st.sampled_from([BAD, b"good", b"fine"]), min_size=1, max_size=12))
def test_only_what_fails_is_set_aside(raws: list[bytes]):
    caution = Caution()
    read = caution.read(Fragile(), chunks_of([frame(raws, 1)]), NOW)  # type: ignore[arg-type]
    kept = read.events[RECORD_RAW].to_list() if read.events.width else []
    assert kept == [raw for raw in raws if raw != BAD]
    assert read.rejects["reject.raw"].to_list() == [BAD] * raws.count(BAD)
    assert set(read.rejects["reject.reason"]) <= {"fault"}
    assert caution.faults == raws.count(BAD)


@given(st.lists(st.sampled_from([BAD, b"good", b"fine"]), min_size=1, max_size=12))
def test_only_what_fails_goes_unjudged(raws: list[bytes]):
    caution = Caution()
    events = pl.DataFrame({RECORD_RAW: raws})
    found = caution.judge(Fragile(), events)  # type: ignore[arg-type]
    assert found["rule.id"].to_list() == [raw.decode() for raw in raws if raw != BAD]
    assert caution.faults == raws.count(BAD)


def test_an_operator_error_is_no_fault():
    class Refusing:
        def read(self, _chunks: Sequence[Chunk], _created: datetime) -> ReadBatch:
            raise OperatorError("mend the settings")

    with pytest.raises(OperatorError):
        Caution().read(Refusing(), chunks_of([frame([b"a", b"b"], 1)]), NOW)  # type: ignore[arg-type]
