"""Frames become the same records as building them one by one would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.columns import LOG_PATH, RECORD_SCHEMA
from miharu.core.frame import Frame
from miharu.core.identity import record_ids
from miharu.pipeline.framing import INPUT, LOG_SOURCE, chunks_of, name_senders

NOON = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
RECORDS = st.lists(st.binary(max_size=20), min_size=1, max_size=5)


def frame(records: list[bytes], number: int, *, form: str = "lines", ids: list[str | None] | None = None) -> Frame:
    return Frame(
        key=f"{number * 0x123456789ABCDEF:032x}"[-32:],
        first=number * 3,
        format=form,  # type: ignore[arg-type]
        channel="syslog-tcp",
        sender=f"192.0.2.{number}",
        received=NOON + timedelta(microseconds=number),
        lengths=np.array([len(record) for record in records], dtype="<u4").tobytes(),
        data=b"".join(records),
        ids=tuple(ids) if ids is not None else None,
    )


def naive(frames: list[Frame]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for one in frames:
        lengths = np.frombuffer(one.lengths, dtype="<u4").tolist()
        begin = 0
        for at, length in enumerate(lengths):
            own = one.ids[at] if one.ids is not None else None
            found = record_ids(one.key, np.array([one.first + at], dtype=np.uint64))[0]
            path = f"{one.channel}\x1f{one.sender}"
            raw = one.data[begin : begin + length]
            rows.append((len(rows), own or found, raw, one.first + at, path, one.received))
            begin += length
    return rows


@given(st.lists(RECORDS, min_size=1, max_size=6), st.booleans())
def test_records_of_frames(groups, natural):
    frames = [
        frame(records, number, ids=["e" * 32, *[None] * (len(records) - 1)] if natural and number % 2 else None)
        for number, records in enumerate(groups, 1)
    ]
    (chunk,) = chunks_of(frames)
    assert dict(chunk.records.schema) == RECORD_SCHEMA
    assert chunk.records.rows() == naive(frames)


def test_formats_are_kept_apart():
    frames = [frame([b"a"], 1), frame([b"{}"], 2, form="json"), frame([b"b"], 3)]
    assert [(chunk.format, chunk.records["record.raw"].to_list()) for chunk in chunks_of(frames)] == [
        ("lines", [b"a", b"b"]),
        ("json", [b"{}"]),
    ]


def test_senders_are_named_and_files_left_alone():
    events = pl.DataFrame({LOG_PATH: ["http-hec\x1f2001:db8::1", "/var/log/auth.log", None]})
    assert name_senders(events).select(INPUT, LOG_SOURCE, LOG_PATH).rows() == [
        ("http-hec", "2001:db8::1", None),
        (None, None, "/var/log/auth.log"),
        (None, None, None),
    ]
