from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from miharu.catalog import TimeSpec, load_lookups
from miharu.core.columns import UTC_MICROS
from miharu.normalise import TIME_FORMATS
from miharu.normalise.clocks import TimeNames, zone_minutes
from miharu.normalise.times import read_times

REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)
LOOKUPS = load_lookups()
ZONES = LOOKUPS["time_zones"]
NAMES = TimeNames(ZONES, LOOKUPS["month_names"])


def read(
    *texts: object,
    formats: tuple[str, ...],
    timezone: str = "UTC",
    reference: datetime = REFERENCE,
    zone: list[str] | None = None,
) -> list[datetime | None]:
    columns = {"t": pl.Series(texts), "record.reference": pl.Series([reference] * len(texts), dtype=UTC_MICROS)}
    if zone is not None:
        columns["z"] = pl.Series(zone)
    times, told = read_times(pl.DataFrame(columns), TimeSpec(("t",), formats, "z"), TIME_FORMATS, timezone, NAMES)
    assert times.dtype == UTC_MICROS
    assert told["t"].to_list() == times.is_not_null().to_list()
    return times.to_list()


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-14T08:15:02Z", at(2025, 6, 14, 8, 15, 2)),
        ("2025-06-14T08:15:02.123456789Z", at(2025, 6, 14, 8, 15, 2, 123456)),
        ("2025-06-14 08:15:02,5", at(2025, 6, 14, 8, 15, 2, 500000)),
        ("2025-06-14T10:15:02+02:00", at(2025, 6, 14, 8, 15, 2)),
        ("2025-06-14T03:45:02-0430", at(2025, 6, 14, 8, 15, 2)),
        ("2025-06-14T10:15:02+02", at(2025, 6, 14, 8, 15, 2)),
        ("2025-06-14 08:15:02 UTC", at(2025, 6, 14, 8, 15, 2)),
        ("2025-06-14T08:15", at(2025, 6, 14, 8, 15)),
        ("1601-01-01T00:00:00Z", at(1601, 1, 1)),
        ("2999-12-31T23:59:59.999999Z", at(2999, 12, 31, 23, 59, 59, 999999)),
        ("2025-13-14T08:15:02Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_iso8601(text: str | None, expected: datetime | None) -> None:
    assert read(text, "2025-06-14T08:15:02Z", formats=("iso8601",)) == [expected, at(2025, 6, 14, 8, 15, 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jun 14 08:15:02", at(2025, 6, 14, 8, 15, 2)),
        ("Jun  4 08:15:02.25", at(2025, 6, 4, 8, 15, 2, 250000)),
        ("Jun 16 11:59:59", at(2025, 6, 16, 11, 59, 59)),
        ("Jun 16 12:00:01", at(2024, 6, 16, 12, 0, 1)),
        ("Dec 31 23:59:59", at(2024, 12, 31, 23, 59, 59)),
        ("Feb 29 01:02:03", at(2024, 2, 29, 1, 2, 3)),
        ("Jun 14 2019 08:15:02", at(2019, 6, 14, 8, 15, 2)),
        ("Jun 14 08:15:02 2031", at(2031, 6, 14, 8, 15, 2)),
        ("2031 Jun 14 08:15:02", at(2031, 6, 14, 8, 15, 2)),
        ("2025-06-14T10:15:02.125+02:00", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("Jun 31 08:15:02", None),
        ("Foo 14 08:15:02", None),
    ],
)
def test_syslog_stamps(text: str, expected: datetime | None) -> None:
    assert read(text, "Jun 14 08:15:02", formats=("syslog",)) == [expected, at(2025, 6, 14, 8, 15, 2)]


def test_year_is_the_latest_not_more_than_a_day_after_the_reference() -> None:
    midnight = at(2025, 12, 31, 23, 59, 59)
    assert read("Jan  1 00:00:10", formats=("syslog",), reference=midnight) == [at(2026, 1, 1, 0, 0, 10)]
    assert read("Dec 31 23:00:00", formats=("syslog",), reference=at(2026, 1, 1)) == [at(2025, 12, 31, 23)]


def test_rows_with_references_of_different_years() -> None:
    frame = pl.DataFrame(
        {"t": ["Jun 14 08:15:02"] * 2, "record.reference": [at(2019, 7, 1), at(2022, 7, 1)]},
        schema={"t": pl.String, "record.reference": UTC_MICROS},
    )
    times, _ = read_times(frame, TimeSpec(("t",), ("syslog",)), TIME_FORMATS, "UTC", NAMES)
    assert times.dt.year().to_list() == [2019, 2022]


def test_many_equal_stamps_are_read_like_few() -> None:
    texts = [f"Jun 14 08:15:{second % 5:02d}" for second in range(1000)] + [None]
    expected = [at(2025, 6, 14, 8, 15, second % 5) for second in range(1000)] + [None]
    assert read(*texts, formats=("syslog",)) == expected


def test_local_times_and_the_two_odd_hours_of_a_year() -> None:
    berlin = "Europe/Berlin"
    assert read("2025-06-14T08:15:02", formats=("iso8601",), timezone=berlin) == [at(2025, 6, 14, 6, 15, 2)]
    assert read("2025-01-14T08:15:02", formats=("iso8601",), timezone=berlin) == [at(2025, 1, 14, 7, 15, 2)]
    assert read("2025-03-30T02:30:00", formats=("iso8601",), timezone=berlin) == [at(2025, 3, 30, 1, 30)]
    assert read("2024-10-27T02:30:00", formats=("iso8601",), timezone=berlin) == [at(2024, 10, 27, 0, 30)]
    assert read("2025-06-14T08:15:02Z", formats=("iso8601",), timezone=berlin) == [at(2025, 6, 14, 8, 15, 2)]


def test_zone_of_its_own_column() -> None:
    stamps = ["Jun 14 08:15:02"] * 5
    found = read(*stamps, formats=("syslog",), zone=["UTC", "EST", "+0200", "Asia/Tokyo", "Nowhere/At_All"])
    hours = [time - at(2025, 6, 14, 8, 15, 2) for time in found if time]
    assert hours == [timedelta(hours=hours) for hours in (0, 5, -2, -9, 0)]
    assert zone_minutes("-04:30", ZONES) == -270
    assert zone_minutes("hello", ZONES) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("apache", "14/Jun/2025:10:15:02 +0200", at(2025, 6, 14, 8, 15, 2)),
        ("apache", "14/Jun/2025", None),
        ("epoch_s", "1749888902", at(2025, 6, 14, 8, 15, 2)),
        ("epoch_s", "1749888902.125", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("epoch_s", 1749888902, at(2025, 6, 14, 8, 15, 2)),
        ("epoch_s", "-11644473600", at(1601, 1, 1)),
        ("epoch_s", "1749888902000", None),
        ("epoch_s", "inf", None),
        ("epoch_s", "NaN", None),
        ("epoch_s", "9" * 40, None),
        ("epoch_ms", "1749888902125", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("epoch_us", "1749888902125000", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("epoch_ns", "1749888902125000000", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("filetime", "133943625021250000", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("filetime", "0x1dbdd04b2fba650", None),
        ("filetime", "0", None),
        ("filetime", "never", None),
        ("%d.%m.%Y %H:%M", "14.06.2025 08:15", at(2025, 6, 14, 8, 15)),
        ("%d.%m. %H:%M", "14.06. 08:15", at(2025, 6, 14, 8, 15)),
        ("%d/%m/%Y %H:%M %z", "14/06/2025 10:15 +0200", at(2025, 6, 14, 8, 15)),
    ],
)
def test_other_formats(name: str, value: object, expected: datetime | None) -> None:
    (found,) = read(value, formats=(name,))
    if name == "filetime" and str(value).startswith("0x"):
        ticks = int(str(value), 16)
        assert found == at(1601, 1, 1) + timedelta(microseconds=ticks // 10)
    else:
        assert found == expected


def test_first_format_that_fits_wins_row_by_row() -> None:
    found = read("2025-06-14T08:15:02Z", "1749888902", "1749888902000", "?", formats=("iso8601", "epoch_s", "epoch_ms"))
    assert found == [at(2025, 6, 14, 8, 15, 2)] * 3 + [None]
