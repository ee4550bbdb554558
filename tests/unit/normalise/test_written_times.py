from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from miharu.catalog import TimeSpec, load_lookups
from miharu.core.columns import UTC_MICROS
from miharu.normalise import TIME_FORMATS
from miharu.normalise.clocks import TimeNames, zone_minutes
from miharu.normalise.times import read_times
from miharu.normalise.wrong_clocks import with_clock_marks

REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)
LOOKUPS = load_lookups()
NAMES = TimeNames(LOOKUPS["time_zones"], LOOKUPS["month_names"])


def read(*texts: str | None, form: str, timezone: str = "UTC") -> list[datetime | None]:
    references = pl.Series([REFERENCE] * len(texts), dtype=UTC_MICROS)
    frame = pl.DataFrame({"t": pl.Series(texts, dtype=pl.String), "record.reference": references})
    times, _ = read_times(frame, TimeSpec(("t",), (form,)), TIME_FORMATS, timezone, NAMES)
    return times.to_list()


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


MORNING = at(2025, 6, 14, 8, 15, 2)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("iso8601", "2025/06/14 08:15:02", MORNING),
        ("iso8601", "20250614T081502Z", MORNING),
        ("iso8601", "20250614T081502.5+0200", at(2025, 6, 14, 6, 15, 2, 500000)),
        ("iso8601", "2025-06-14_08:15:02.000001", at(2025, 6, 14, 8, 15, 2, 1)),
        ("iso8601", "2025-06-14 10:15:02 CEST", MORNING),
        ("iso8601", "2025-06-14 17:15:02 Asia/Tokyo", MORNING),
        ("iso8601", "2025-06-14 17:15:02 UTC+9", MORNING),
        ("iso8601", "2025-6-14 08:15:02", None),
        ("ctime", "Sat Jun 14 08:15:02 2025", MORNING),
        ("ctime", "Sat Jun 14 08:15:02.125000 2025", at(2025, 6, 14, 8, 15, 2, 125000)),
        ("ctime", "Sat Jun 14 10:15:02 CEST 2025", MORNING),
        ("ctime", "Jun 14, 2025 8:15:02 PM", at(2025, 6, 14, 20, 15, 2)),
        ("ctime", "Sat Jun 14 08:15:02.250", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("ctime", "Tue Dec 30 08:15:02", at(2024, 12, 30, 8, 15, 2)),
        ("ctime", "Sat Foo 14 08:15:02 2025", None),
        ("rfc2822", "Sat, 14 Jun 2025 10:15:02 +0200", MORNING),
        ("rfc2822", "Sat, 14 Jun 2025 08:15:02 GMT", MORNING),
        ("rfc2822", "14-Jun-25 08:15:02", MORNING),
        ("rfc2822", "14 juin 2025 08:15:02", MORNING),
        ("apache", "14/Jun/2025:10:15:02 +0200", MORNING),
        ("apache", "14/févr./2025:08:15:02 +0000", at(2025, 2, 14, 8, 15, 2)),
        ("apache", "14/Jun/2025:08:15:02.250", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("us", "6/14/2025, 8:15:02 AM", MORNING),
        ("us", "06/14/25 08:15:02.5", at(2025, 6, 14, 8, 15, 2, 500000)),
        ("us", "6/14/2025 12:15:02 AM", at(2025, 6, 14, 0, 15, 2)),
        ("us", "6/14/2025 12:15 p.m.", at(2025, 6, 14, 12, 15)),
        ("us", "6/14/2025 13:15:02 PM", None),
        ("us", "14/6/2025 08:15:02", None),
        ("eu", "14.06.2025 08:15:02", MORNING),
        ("eu", "14/6/2025 8:15:02", MORNING),
        ("eu", "14.06.69 08:15:02", at(1969, 6, 14, 8, 15, 2)),
        ("epoch", "1749888902", MORNING),
        ("epoch", "1749888902.25", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("epoch", "1749888902250", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("epoch", "1749888902250000", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("epoch", "1749888902250000000", at(2025, 6, 14, 8, 15, 2, 250000)),
        ("epoch", "soon", None),
        ("webkit", "13394362502000000", MORNING),
        ("webkit", "0", None),
        ("cocoa", "771581702.5", at(2025, 6, 14, 8, 15, 2, 500000)),
        ("cocoa", "inf", None),
        ("tai64n", "@40000000684d2f90003d0900", at(2025, 6, 14, 8, 15, 2, 4000)),
        ("symantec_hex", "37050E080F02", MORNING),
        ("symantec_hex", "370C0E080F02", None),
        ("symantec_hex", "37050E083F02", None),
        ("tai64n", "@4fffffffffffffffffffffff", None),
    ],
)
def test_named_formats(form: str, text: str, expected: datetime | None) -> None:
    assert read(text, None, form=form) == [expected, None]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%d. %B %Y %H:%M:%S", "14. Juni 2025 08:15:02"),
        ("%a %d %b %Y %H:%M:%S", "sam. 14 juin 2025 08:15:02"),
        ("%A, %d de %B de %Y %H:%M:%S", "sábado, 14 de junio de 2025 08:15:02"),
        ("%d-%b-%Y %H:%M:%S", "14-giu-2025 08:15:02"),
        ("%d %b %Y %I:%M:%S %p", "14 jun. 2025 08:15:02 a. m."),
        ("%Y年%b%d日 %p%I:%M:%S", "2025年6月14日 午前08:15:02"),
        ("%Y. %b %d. %p %I:%M:%S", "2025. 6월 14. 오전 08:15:02"),
        ("%d %b %Y, %T", "14 июн 2025, 08:15:02"),
        ("%d %b %H:%M:%S", "14 czerwca 08:15:02"),
        ("%d %B %Y %H:%M:%S %Z", "14 haziran 2025 11:15:02 Europe/Istanbul"),
    ],
)
def test_months_have_names_in_many_languages(pattern: str, text: str) -> None:
    assert read(text, "14 Foo", form=pattern) == [MORNING, None]


def test_english_and_other_names_may_stand_in_one_column() -> None:
    found = read("14 Jun 2025 08:15", "14 jui 2025 08:15", "14 giugno 2025 08:15", form="%d %b %Y %H:%M")
    assert found == [at(2025, 6, 14, 8, 15), None, at(2025, 6, 14, 8, 15)]


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("UTC+9", 540), ("GMT-05:30", -330), ("+9", 540), ("utc", 0), ("cest", 120), ("UTC+", None), ("+12345", None)],
)
def test_offsets(name: str, minutes: int | None) -> None:
    assert zone_minutes(name, NAMES.zones) == minutes


def test_a_wrong_clock_is_kept_and_marked() -> None:
    times = [at(1601, 1, 1), at(1970, 1, 1), at(1999, 12, 31), at(2000, 1, 1), at(2025, 6, 16, 12), at(2025, 6, 16, 13)]
    created = [REFERENCE] * len(times)
    schema = {"@timestamp": UTC_MICROS, "event.created": UTC_MICROS}
    marked = with_clock_marks(pl.DataFrame({"@timestamp": times, "event.created": created}, schema=schema))
    assert marked["@timestamp"].to_list() == times
    assert marked["miharu.clock"].to_list() == ["unset"] * 3 + [None, None, "ahead"]
    assert "miharu.clock" not in with_clock_marks(marked[3:5].drop("miharu.clock")).columns
