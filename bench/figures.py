"""Measured rates → the table on the terminal and the JSON file in `bench/results`."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Rate:
    """How many records a second, by the clock on the wall and by the processor, and both as multiples of a unit."""

    name: str
    records: int
    wall: float
    processor: float
    unit_wall: float = 0.0
    unit_processor: float = 0.0

    def row(self) -> list[str]:
        by_wall, by_processor = self.records / self.wall, self.records / max(self.processor, 1e-9)
        return [
            self.name,
            f"{by_wall:,.0f}/s",
            f"{by_wall / self.unit_wall:.3f}" if self.unit_wall else "",
            f"{by_processor:,.0f}/s",
            f"{by_processor / self.unit_processor:.3f}" if self.unit_processor else "",
        ]


@dataclass
class Report:
    """Everything one run measured."""

    rates: list[Rate] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def show(self) -> None:
        rows = [
            ["", "per second", "of the unit", "per cpu second", "of the unit"],
            *(rate.row() for rate in self.rates),
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            print("  ".join(cell.ljust(width) if not column else cell.rjust(width)
                            for column, (cell, width) in enumerate(zip(row, widths, strict=True))))  # fmt: skip
        for name, value in self.facts.items():
            print(f"{name.replace('_', ' ')}: {value}")

    def save(self) -> Path:
        now = datetime.now(UTC)
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
        body = {
            "at": now.isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "versions": {name: version(name) for name in ("miharu", "polars", "chdb", "hyperscan", "orjson")},
            "facts": self.facts,
            "rates": [asdict(rate) for rate in self.rates],
        }
        path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        return path
