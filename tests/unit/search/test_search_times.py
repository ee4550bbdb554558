"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.errors import QueryError
from miharu.search import parse_time
from miharu.search.times import parse_span

NOW = datetime(2026, 11, 24, 12, 30, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-24h", NOW - timedelta(hours=24)),
        ("now + 15m", NOW + timedelta(minutes=15)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("500ms", NOW - timedelta(milliseconds=500)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:05", datetime(2026, 11, 1, 10, 5, tzinfo=UTC)),
        ("2026-11-01 10:05:06,25", datetime(2026, 11, 1, 10, 5, 6, 250_000, tzinfo=UTC)),
        ("2026-11-01T10:05:06.123456789Z", datetime(2026, 11, 1, 10, 5, 6, 123_456, tzinfo=UTC)),
        ("2026-11-01T10:05:06+09:00", datetime(2026, 11, 1, 1, 5, 6, tzinfo=UTC)),
        ("1601-01-01", datetime(1601, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, expected: datetime) -> None:
    assert parse_time(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2026-11-01", timedelta(days=1)),
        ("2026-11-01T10:05", timedelta(minutes=1)),
        ("2026-11-01T10:05:06", timedelta(seconds=1)),
        ("now-1h", timedelta(microseconds=1)),
    ],
)
def test_a_time_names_the_span_it_is_written_for(text: str, span: timedelta) -> None:
    begin, end = parse_span(text, NOW)
    assert end - begin == span


@pytest.mark.parametrize(
    "text", ["", "now24h", "24", "2026-02-30", "2026-11-01T25:00", "yesterday", "now-999999999w", "0000-01-01", "1y"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_time(text, NOW)
    assert "now-24h" in caught.value.hint


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_is_read_back(at: datetime) -> None:
    assert parse_time(at.isoformat(), NOW) == at


@given(st.text(alphabet="now+-0123456789msdhwT:Z. ", max_size=12))
def test_any_text_is_a_time_or_a_clear_refusal(text: str) -> None:
    try:
        found = parse_time(text, NOW)
    except QueryError as error:
        refusal = error
    else:
        assert found.tzinfo is not None
        return
    assert refusal.hint
