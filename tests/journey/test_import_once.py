"""The same record is stored once, under whatever name, compression, batch size or order it comes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import zstandard

from miharu.core.columns import TIMESTAMP
from tests.journey.importing import Place, auth_lines


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


def test_other_names_compressions_and_batch_sizes_add_nothing(place: Place, tmp_path: Path) -> None:
    lines = auth_lines(2_500)
    log = tmp_path / "auth.log"
    log.write_bytes(lines)
    first = place.take(log, rows=700)
    assert (first.total("records"), first.total("added")) == (2_500, 2_500)
    again = tmp_path / "again"
    again.mkdir()
    (again / "renamed").write_bytes(lines)
    (again / "a.gz").write_bytes(gzip.compress(lines))
    (again / "a.bz2").write_bytes(bz2.compress(lines))
    (again / "a.xz").write_bytes(lzma.compress(lines))
    (again / "a.zst").write_bytes(zstandard.compress(lines))
    with tarfile.open(again / "a.tar.gz", "w:gz") as archive:
        archive.add(log, "deep/auth.log")
    second = place.take(again, log, rows=333)
    assert second.total("added") == 0
    assert {report.records for report in second.files} == {2_500}
    assert place.count() == 2_500


def test_a_grown_file_gives_exactly_its_new_lines(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_bytes(auth_lines(1_000))
    place.take(log)
    with log.open("ab") as file:
        file.write(auth_lines(7, first=1_000))
    assert place.take(log).total("added") == 7
    rotated = tmp_path / "auth.log.1.gz"
    rotated.write_bytes(gzip.compress(log.read_bytes() + auth_lines(5, first=1_007)))
    assert place.take(rotated, log).total("added") == 5
    assert place.count() == 1_012


def test_a_file_and_its_grown_copy_in_one_import_are_read_once(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a-grown.log").write_bytes(auth_lines(1_500))
    (tmp_path / "b.log").write_bytes(auth_lines(900))
    report = place.take(tmp_path / "a-grown.log", tmp_path / "b.log", rows=400)
    assert report.total("added") == 1_500
    assert place.count() == 1_500


def test_equal_lines_are_different_events(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "auth.log"
    log.write_bytes(auth_lines(1) * 300)
    assert place.take(log).total("added") == 300
    with log.open("ab") as file:
        file.write(auth_lines(1) * 2)
    assert place.take(log).total("added") == 2
    assert place.count() == 302


def test_files_that_only_begin_alike_are_different_files(place: Place, tmp_path: Path) -> None:
    for name, first in (("a.log", 100), ("b.log", 200)):
        (tmp_path / name).write_bytes(auth_lines(50) + auth_lines(10, first=first))
    assert place.take(tmp_path / "a.log", tmp_path / "b.log").total("added") == 120


def test_two_files_that_continue_a_third_differently_lose_nothing(place: Place, tmp_path: Path) -> None:
    start = auth_lines(30)
    for name, more in (("a.log", b""), ("b.log", auth_lines(5, first=100)), ("c.log", auth_lines(6, first=200))):
        (tmp_path / name).write_bytes(start + more)
    report = place.take(*sorted(tmp_path.glob("*.log")))
    assert [file.records for file in report.files] == [30, 35, 36]
    stored = place.ask("SELECT uniqExact(`event.original`) FROM events").item()
    assert stored == 41


def test_a_short_beginning_that_many_files_share_is_not_a_file_that_has_grown(place: Place, tmp_path: Path) -> None:
    for name, content in (("a", b"\n"), ("b", b"---\n"), ("c", b"---\nalpha: 1\n"), ("d", b"\n---\nbeta: 2\n")):
        (tmp_path / name).write_bytes(content)
    report = place.take(tmp_path / "a", tmp_path / "b", tmp_path / "c", tmp_path / "d")
    assert [(file.records, file.added) for file in report.files] == [(0, 0), (1, 1), (2, 2), (2, 2)]


def test_a_cut_off_gzip_gives_what_it_holds_and_later_the_rest(place: Place, tmp_path: Path) -> None:
    packed = gzip.compress(auth_lines(5_000), mtime=0)
    part = tmp_path / "part.gz"
    part.write_bytes(packed[: len(packed) // 2])
    first = place.take(part)
    (reject,) = place.ask("SELECT `reject.reason` AS reason, `reject.detail` AS detail FROM rejects").rows(named=True)
    assert reject["reason"] == "archive_truncated"
    assert str(part) in reject["detail"]
    assert 0 < first.total("added") < 5_000
    whole = tmp_path / "whole.gz"
    whole.write_bytes(packed)
    place.take(whole)
    assert place.count() == 5_000


def test_times_over_5000_days_and_odd_ones_are_kept_and_found(place: Place, tmp_path: Path) -> None:
    start = datetime(2011, 1, 1, tzinfo=UTC)
    days = [start + timedelta(days=day) for day in range(5_000)]
    odd = [datetime(1601, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    log = tmp_path / "auth.log"
    stamps = [*days, *odd]
    log.write_text("".join(f"{stamp:%Y-%m-%dT%H:%M:%SZ} web01 su[1]: old\n" for stamp in stamps))
    assert place.take(log, rows=10_000).total("added") == 5_002
    stored = place.ask("SELECT `@timestamp` FROM events ORDER BY `@timestamp`")[TIMESTAMP]
    assert stored.to_list() == sorted(stamps)
    assert place.ask("SELECT count() FROM events WHERE `@timestamp` < '1700-01-01'").item() == 1
    assert place.ask("SELECT count() FROM events WHERE `@timestamp` > '2900-01-01'").item() == 1
    parts = place.ask("SELECT partition, count() AS n FROM system.parts WHERE active AND table = 'events' GROUP BY 1")
    assert parts.height <= 12 * 14 + 1
    assert "0" in parts["partition"].to_list()


def test_bytes_that_are_not_utf8_come_back_as_they_were(place: Place, tmp_path: Path) -> None:
    raw = b"2026-03-01T00:00:00Z web01 app[1]: caf\xe9 \xff\xfe bar"
    log = tmp_path / "app.log"
    log.write_bytes(raw + b"\n" + auth_lines(3))
    assert place.take(log).total("added") == 4
    found = place.ask("SELECT `event.original`, message FROM events WHERE endsWith(`event.original`, 'bar')")
    assert found["event.original"].dtype == pl.Binary
    assert found["event.original"].item() == raw
    assert "café" in found["message"].item()
