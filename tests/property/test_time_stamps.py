"""Times that Python writes are read as the same instants, and no text makes a format raise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.catalog import TimeSpec, load_lookups
from miharu.core.columns import UTC_MICROS
from miharu.normalise import TIME_FORMATS
from miharu.normalise.clocks import TimeNames
from miharu.normalise.times import read_times

LOOKUPS = load_lookups()
NAMES = TimeNames(LOOKUPS["time_zones"], LOOKUPS["month_names"])
REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

instants = st.datetimes(datetime(1901, 1, 1), datetime(2999, 12, 31))  # noqa: DTZ001 - Hypothesis wants naive bounds
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def read(texts: list[str], form: str, reference: datetime = REFERENCE) -> list[datetime | None]:
    frame = pl.DataFrame(
        {
            "t": pl.Series(texts, dtype=pl.String),
            "record.reference": pl.Series([reference] * len(texts), dtype=UTC_MICROS),
        }
    )
    return read_times(frame, TimeSpec(("t",), (form,)), TIME_FORMATS, "UTC", NAMES)[0].to_list()


@given(st.lists(st.tuples(instants, offsets), min_size=1, max_size=20))
def test_iso_stamps_with_offsets(pairs: list[tuple[datetime, timezone]]) -> None:
    moments = [naive.replace(tzinfo=UTC).astimezone(zone) for naive, zone in pairs]
    for separator in ("T", " "):
        assert read([moment.isoformat(separator, "microseconds") for moment in moments], "iso8601") == moments
    assert read([moment.strftime("%Y%m%dT%H%M%S.%f%z") for moment in moments], "iso8601") == moments


@given(st.lists(st.tuples(instants, offsets), min_size=1, max_size=20))
def test_words_and_figures(pairs: list[tuple[datetime, timezone]]) -> None:
    moments = [naive.replace(tzinfo=zone, microsecond=0) for naive, zone in pairs]
    local = [naive.replace(tzinfo=UTC, microsecond=0) for naive, _ in pairs]
    assert read([moment.strftime("%a, %d %b %Y %H:%M:%S %z") for moment in moments], "rfc2822") == moments
    assert read([moment.strftime("%a %b %d %H:%M:%S %Y") for moment in local], "ctime") == local
    assert read([moment.strftime("%m/%d/%Y, %I:%M:%S %p") for moment in local], "us") == local
    assert read([moment.strftime("%d.%m.%Y %H:%M:%S") for moment in local], "eu") == local


@given(st.lists(instants, min_size=1, max_size=20))
def test_counted_times(naive: list[datetime]) -> None:
    moments = [moment.replace(tzinfo=UTC) for moment in naive]
    micros = [(moment - EPOCH) // timedelta(microseconds=1) for moment in moments]
    assert read([str(value) for value in micros], "epoch_us") == moments
    assert read([str(value * 1000) for value in micros if abs(value) < 2**53], "epoch_ns") == [
        moment for moment, value in zip(moments, micros, strict=True) if abs(value) < 2**53
    ]
    assert read([str((value + 11_644_473_600_000_000) * 10) for value in micros], "filetime") == moments
    assert read([str(value + 11_644_473_600_000_000) for value in micros], "webkit") == moments
    whole = [moment.replace(microsecond=0) for moment in moments]
    assert read([str(value // 10**6) for value in micros], "epoch_s") == whole
    assert read([str(int((moment - EPOCH).total_seconds()) * 1000) for moment in whole], "epoch_ms") == whole


@given(st.datetimes(datetime(1999, 1, 1), datetime(2037, 1, 1)), st.integers(0, 363), st.integers(0, 86_399))  # noqa: DTZ001
def test_a_stamp_without_a_year_is_of_the_year_before_its_arrival(arrived: datetime, days: int, seconds: int) -> None:
    reference = arrived.replace(tzinfo=UTC)
    moment = (reference - timedelta(days=days, seconds=seconds)).replace(microsecond=0)
    assert read([moment.strftime("%b %d %H:%M:%S")], "syslog", reference) == [moment]
    assert read([moment.strftime("%a %b %d %H:%M:%S")], "ctime", reference) == [moment]


@given(st.lists(st.text(max_size=40) | st.from_regex(r"\A[0-9@:/. TZ+-]{1,30}\Z"), max_size=10))
def test_no_text_makes_a_format_raise(texts: list[str]) -> None:
    for form in (*TIME_FORMATS, "%d %b %Y %I:%M:%S %p %Z", "%a %e %B %H:%M"):
        found = read(texts, form)
        assert len(found) == len(texts)
