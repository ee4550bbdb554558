"""What tests of importing share: sample lines, and an import in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline import Importer, ImportReport, Lake, load_ruleset, make_reader, open_lake


def auth_lines(count: int, first: int = 0) -> bytes:
    """Return failed logons, one a second, from a few addresses."""
    lines = (
        f"2026-03-{1 + number // 86_400:02d}T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z "
        f"web01 sshd[{1000 + number % 7}]: Failed password for root from 203.0.113.{number % 5} port {40_000 + number} "
        "ssh2"
        for number in range(first, first + count)
    )
    return "".join(line + "\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class Place:
    """One data folder and how to import into it."""

    data: Path

    def settings(self, rows: int = 1_000) -> Settings:
        return Settings(data=self.data, batch_rows=rows)

    def take(self, *paths: Path, rows: int = 1_000) -> ImportReport:
        """Import paths in batches of `rows`."""
        settings = self.settings(rows)
        reader, detector = make_reader(settings), Detector(load_ruleset(settings))
        with open_lake(settings) as lake:
            return Importer(reader, detector, lake, settings).run(paths)

    def ask(self, sql: str) -> pl.DataFrame:
        """Run trusted SQL."""
        with open_lake(self.settings()) as lake:
            return lake.store.query(sql)

    def count(self) -> int:
        """Return the number of stored events; fails where an id is there twice."""
        count, ids = self.ask("SELECT count(), uniqExact(`event.id`) FROM events").row(0)
        assert count == ids
        return int(count)

    def contents(self) -> dict[str, object]:
        """Return everything an import leaves, in an order of its own: what a crash must not change."""
        with open_lake(self.settings()) as lake:
            return {"events": _ids(lake, "events", "event.id"), "findings": _ids(lake, "findings", "finding.id"),
                    "rejects": _ids(lake, "rejects", "reject.id"), "alerts": _alerts(lake)}  # fmt: skip


def _ids(lake: Lake, table: str, column: str) -> list[str]:
    rows = lake.store.query(f"SELECT `{column}` AS id FROM {table} ORDER BY id")
    return list(rows["id"])


def _alerts(lake: Lake) -> Iterable[object]:
    live = [alert for alert in lake.state.list_alerts() if alert.state != "superseded"]
    return sorted((alert.id, alert.rule_id, alert.entity, alert.first, alert.last, alert.count) for alert in live)
