"""Dates of Event Viewer's exports: the order of day and month is worked out for a whole file, or set."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from miharu.parse.windows_dates import DateOrder, read_dates

CHANGED = datetime(2025, 6, 15, 12, tzinfo=UTC)


def dates(*texts: str | None, zone: str = "UTC", order: DateOrder = "auto", path: str = "a.csv") -> list[str | None]:
    records = pl.DataFrame({"record.path": [path] * len(texts), "record.reference": [CHANGED] * len(texts)})
    times = read_dates(pl.Series(texts, dtype=pl.String), records, zone, order)
    return times.dt.strftime("%Y-%m-%d %H:%M:%S").to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5/11/2018 10:29:47 AM", "2018-05-11 10:29:47"),
        ("5/11/2018 12:29:47 AM", "2018-05-11 00:29:47"),
        ("5/11/2018 12:29:47 PM", "2018-05-11 12:29:47"),
        ("11/05/2018 10:29:47", "2018-05-11 10:29:47"),
        ("2018/05/11 10:29:47", "2018-05-11 10:29:47"),
        ("2018/05/11 午後 1:29:47", "2018-05-11 13:29:47"),
        ("2018-05-11 10:29", "2018-05-11 10:29:00"),
        ("11.05.2018 10:29:47", "2018-05-11 10:29:47"),
        ("13/13/2018 10:29:47", None),
        ("2018/02/30 10:29:47", None),
        ("5/11/2018 25:29:47", None),
        ("yesterday", None),
    ],
)
def test_one_date(text: str, expected: str | None) -> None:
    assert dates(text) == [expected]


def test_a_day_above_twelve_decides_for_the_file() -> None:
    assert dates("05/11/2018 10:00:00", "13/11/2018 10:00:00") == ["2018-11-05 10:00:00", "2018-11-13 10:00:00"]
    assert dates("05/11/2018 10:00:00", "05/13/2018 10:00:00") == ["2018-05-11 10:00:00", "2018-05-13 10:00:00"]
    assert dates("5/11/2018 1:00:00 PM", "13/11/2018 1:00:00 PM") == ["2018-11-05 13:00:00", "2018-11-13 13:00:00"]


def test_a_time_after_the_files_own_decides() -> None:
    assert dates("05/12/2025 10:00:00") == ["2025-05-12 10:00:00"]


def test_the_order_of_an_export_decides() -> None:
    newest_first = ("3/5/2018 10:00:00 AM", "2/5/2018 10:00:00 AM", "12/4/2018 10:00:00 AM")
    assert dates(*newest_first) == ["2018-05-03 10:00:00", "2018-05-02 10:00:00", "2018-04-12 10:00:00"]


def test_the_setting_decides() -> None:
    assert dates("5/11/2018 10:00:00 AM", order="day_first") == ["2018-11-05 10:00:00"]
    assert dates("05/11/2018 10:00:00", order="month_first") == ["2018-05-11 10:00:00"]


def test_files_are_judged_apart() -> None:
    records = pl.DataFrame({"record.path": ["a", "b", "a"], "record.reference": [CHANGED] * 3})
    texts = pl.Series(["5/11/2018 10:00:00", "5/11/2018 10:00:00 AM", "13/11/2018 10:00:00"])
    found = read_dates(texts, records, "UTC").dt.strftime("%m-%d").to_list()
    assert found == ["11-05", "05-11", "11-13"]


def test_times_are_local() -> None:
    assert dates("2018/05/11 10:29:47", None, zone="Asia/Tokyo") == ["2018-05-11 01:29:47", None]
