"""Every log source's samples, many times over → how many lines a second each is read and normalised at.

`python -m bench.sources [--alone] [id]…` prints a table, the slowest first: lines a second of two threads that each
read batches of their own with all log sources loaded; with `--alone` also how much slower that is than with this source
and those of unknown logs only. Lines are told apart by their times and numbers, so that nothing is quick because it was
seen before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, product
from time import perf_counter
from typing import Final

import polars as pl

from miharu.catalog import LogSource, load_fields, load_logsources
from miharu.core.columns import RECORD_HEADER, RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser

ROWS: Final = 65_536
THREADS: Final = 2
RUNS: Final = 3
LEAST: Final = 60_000
"""Lines a second that no log source may fall below."""
ARRIVED: Final = datetime(2025, 6, 15, 12, tzinfo=UTC)
_CLOCK: Final = re.compile(r"\b08([:.]?)(15|16|17)\1([0-9]{2})\b")
_NUMBER: Final = re.compile(r"(?<=[\[:=\"])([1-9][0-9]{3,4})(?=[\]\s,;\"]|$)")


@dataclass(frozen=True, slots=True)
class Speed:
    """Lines a second of one log source, with all others loaded and (0: not measured) with few."""

    id: str
    lines: float
    alone: float = 0.0

    @property
    def slower(self) -> float:
        """How much slower all others make it, in parts of one."""
        return 1 - self.lines / self.alone if self.alone else 0.0


def lines_of(source: LogSource, rows: int) -> pl.DataFrame | None:
    """Return so many records made from the samples of a source; None where they are no lines."""
    samples = [one for one in source.tests if one.expect is not None and not one.refuse and one.format == "lines"]
    if not samples:
        return None
    texts = [
        _varied(sample.record.rstrip("\n"), number) for number, sample in islice(product(range(rows), samples), rows)
    ]
    frame = pl.DataFrame(
        {
            "record.row": range(rows),
            "record.id": ["0" * 32] * rows,
            "record.raw": [text.encode() for text in texts],
            "record.offset": range(rows),
            "record.path": ["sample.log"] * rows,
            "record.reference": [ARRIVED] * rows,
        },
        schema=RECORD_SCHEMA,
    )
    header = samples[0].header
    return frame.with_columns(pl.lit(header).alias(RECORD_HEADER)) if header else frame


def _varied(record: str, number: int) -> str:
    clock = f"{number // 3600 % 24:02d}\\g<1>{number // 60 % 60:02d}\\g<1>{number % 60:02d}"
    return _NUMBER.sub(str(1024 + number % 60_000), _CLOCK.sub(clock, record), count=2)


def lines_a_second(parser: Parser, normaliser: Normaliser, records: pl.DataFrame) -> float:
    """Return the speed of the best of RUNS."""

    def work() -> None:
        normaliser.run(parser.read("lines", records).fields, ARRIVED)

    best = float("inf")
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(RUNS):
            begin = perf_counter()
            for done in [pool.submit(work) for _ in range(THREADS)]:
                done.result()
            best = min(best, perf_counter() - begin)
    return THREADS * records.height / best


def measure(ids: Sequence[str], rows: int = ROWS, *, with_alone: bool = False) -> list[Speed]:
    """Return the speeds of the log sources `ids` (none: all), the slowest first."""
    sources, catalog = load_logsources(), load_fields()
    unknown = [source for source in sources if not source.recognise.where]
    everybody = Parser(sources, "UTC"), Normaliser(sources, catalog, "UTC")
    found = []
    for source in sources:
        if (ids and source.id not in ids) or source in unknown:
            continue
        records = lines_of(source, rows)
        if records is None:
            continue
        few, alone = [source, *unknown], 0.0
        if with_alone:
            alone = lines_a_second(Parser(few, "UTC"), Normaliser(few, catalog, "UTC"), records)
        found.append(Speed(source.id, lines_a_second(*everybody, records), alone))
    return sorted(found, key=lambda speed: speed.lines)


def main(words: Sequence[str]) -> None:
    with_alone = "--alone" in words
    speeds = measure([word for word in words if word != "--alone"], with_alone=with_alone)
    titles = f" {'alone/s':>10} {'slower':>8}" if with_alone else ""
    sys.stdout.write(f"{'log source':32} {'lines/s':>10}{titles}\n")
    for speed in speeds:
        beside = f" {speed.alone:10,.0f} {speed.slower:8.0%}" if with_alone else ""
        mark = "  below" if speed.lines < LEAST else ""
        sys.stdout.write(f"{speed.id:32} {speed.lines:10,.0f}{beside}{mark}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
