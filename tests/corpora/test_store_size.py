"""Real Windows events: what the store needs on disk for them, raw text and both word indexes included."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from miharu.core.columns import UTC_MICROS
from miharu.core.identity import record_ids
from miharu.core.settings import Settings
from miharu.store import Store

ROWS = 30_000
WIDE = 40
NOT_COLUMNS = {"Message", "message", "@timestamp", "EventTime", "Hostname", "Channel", "host"}


def records(folder: Path) -> Iterator[tuple[bytes, dict[str, object]]]:
    for path in sorted(folder.rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith(".json"):
                    continue
                for line in archive.read(name).splitlines():
                    if line.strip().startswith(b"{"):
                        yield line, orjson.loads(line)


def test_bytes_on_disk_are_at_most_8_percent_of_the_raw_records(corpora, tmp_path):
    pairs = list(islice(records(corpora / "otrf-security-datasets"), ROWS))
    assert len(pairs) == ROWS
    raw = [line for line, _ in pairs]
    read = [record for _, record in pairs]
    frequent = pl.Series([name for record in read for name in record]).value_counts(sort=True)[:, 0]
    wide = [name for name in frequent if name not in NOT_COLUMNS][:WIDE]
    rest = [{name: value for name, value in record.items() if name not in wide} for record in read]
    times = pl.Series([str(record.get("EventTime", "2020-09-01 00:00:00"))[:19] for record in read])
    created = datetime(2024, 6, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "@timestamp": times.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
            .fill_null(datetime(2020, 9, 1))  # noqa: DTZ001 - the zone is set next
            .dt.replace_time_zone("UTC"),
            "event.id": record_ids("7" * 32, np.arange(ROWS, dtype=np.uint64)),
            "event.dataset": [str(record.get("Channel", "windows")) for record in read],
            "host.name": [record.get("Hostname") for record in read],
            "event.original": raw,
            "message": [record.get("Message") for record in read],
            "event.created": pl.Series([created] * ROWS, dtype=UTC_MICROS),
            "log.file.path": ["otrf"] * ROWS,
            "log.offset": pl.Series(np.arange(ROWS) * 2800, dtype=pl.UInt64),
            "fields": [orjson.dumps(each).decode() for each in rest],
            **{f"w.{name}": [None if name not in record else str(record[name]) for record in read] for name in wide},
        }
    )
    with Store.open(tmp_path, Settings(data=tmp_path), grace=0.2) as store:
        for begin in range(0, ROWS, 16_384):
            store.insert("events", frame.slice(begin, 16_384), str(begin))
        store.optimize()
        assert store.query("SELECT count() AS n FROM events")["n"][0] == ROWS
        ratio = store.disk_bytes() / sum(map(len, raw))
        back = store.query("SELECT `event.original` FROM events WHERE `log.offset` = 0")
    assert back["event.original"].to_list() == raw[:1]
    assert ratio <= 0.08, f"{ratio:.3%} of the raw bytes"
