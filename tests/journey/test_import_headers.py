"""A header is known wherever an import goes on, and records of several lines stay whole through the store."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.journey.importing import Place

HEADER = (
    "#Software: Internet Information Services\n#Date: 2025-06-14 08:00:00\n#Fields: date time c-ip cs-method {name}\n"
)
SLOW = """\
# Time: 2025-06-14T08:15:{second:02}.000000Z
# User@Host: app[app] @ web1 [192.0.2.7]  Id:     8
# Query_time: 2.500000  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: 50000
SET timestamp=1749888902;
SELECT *

  FROM orders;
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "data")


def rows(first: int, count: int, method: str = "GET") -> str:
    return "".join(
        f"2025-06-14 08:15:{at % 60:02} 192.0.2.{at % 250} {method} /{at}\n" for at in range(first, first + count)
    )


def test_every_line_is_read_by_the_header_before_it(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "u_ex250614.log"
    log.write_text(HEADER.format(name="cs-uri-stem") + rows(0, 25) + HEADER.format(name="x-path") + rows(25, 5))
    place.take(log, rows=4)
    with log.open("a") as file:
        file.write(rows(30, 6))
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress((log.read_text() + rows(36, 3)).encode()))
    assert place.take(log, rows=3).total("added") == 6
    assert place.take(packed, rows=7).total("added") == 3
    assert place.count() == 25 + 5 + 6 + 3 + 6
    found = place.ask(
        "SELECT count() AS n, countIf(position(`fields`, 'x-path') > 0) AS new, min(`@timestamp`) AS at FROM events"
        " WHERE NOT startsWith(`event.original`, '#')"
    )
    assert found.row(0)[:2] == (39, 14)
    assert str(found.row(0)[2]).startswith("2025-06-14 08:15:00")


def test_records_of_several_lines_do_not_depend_on_batches_and_lose_no_line(place: Place, tmp_path: Path) -> None:
    log = tmp_path / "mysql-slow.log"
    log.write_text("".join(SLOW.format(second=at) for at in range(20)))
    assert place.take(log, rows=3).total("added") == 20
    assert place.take(log, rows=1000).total("added") == 0
    with log.open("a") as file:
        file.write(SLOW.format(second=20))
    assert place.take(log, rows=1).total("added") == 1
    originals = place.ask("SELECT `event.original` AS raw FROM events ORDER BY `log.offset`")["raw"]
    text = "\n".join(raw if isinstance(raw, str) else raw.decode() for raw in originals) + "\n"
    assert text == log.read_text()
