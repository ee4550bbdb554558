"""Inputs → rates: the unit, each stage alone, the whole way, and what it costs in memory and on disk.

The unit D is events a second of `for line in lines: orjson.loads(line)`, results discarded, one core, median of five,
over the same lines. Speeds of different machines compare as multiples of it.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bench.figures import Rate, Report
from bench.processes import Cost, run, usage, wait_for_end
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet
from miharu.pipeline import load_ruleset, make_reader, open_lake, read_paths

ROUNDS = 5
# What one writes to read these lines by hand: code, address, port, address, port.
FIVE_GROUPS = re.compile(r".*?%ASA-\d-(\d{6}): .*?[: ]([\d.]+)/(\d+).*?[: ]([\d.]+)/(\d+)")
MIHARU = Path(sys.executable).with_name("miharu")


@dataclass
class Stopwatch:
    """Adds up wall and processor time of one stage; `elsewhere` gives processor seconds of another process."""

    elsewhere: Callable[[], float] = lambda: 0.0
    wall: float = 0.0
    processor: float = 0.0
    _begin: tuple[float, float] = field(default=(0.0, 0.0))

    def __enter__(self) -> None:
        self._begin = time.perf_counter(), time.process_time() + self.elsewhere()

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._begin[0]
        self.processor += time.process_time() + self.elsewhere() - self._begin[1]

    def rate(self, name: str, records: int, unit: Rate | None = None) -> Rate:
        units = (unit.records / unit.wall, unit.records / unit.processor) if unit else (0.0, 0.0)
        return Rate(name, records, self.wall, self.processor, *units)


def repeated(name: str, records: int, work: Callable[[], None]) -> Rate:
    """Return the median of ROUNDS rounds."""
    watches = []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        with watch:
            work()
        watches.append(watch)
    wall = statistics.median(watch.wall for watch in watches)
    processor = statistics.median(watch.processor for watch in watches)
    return Rate(name, records, wall, processor)


def unit_of(lines: Sequence[bytes]) -> Rate:
    loads = orjson.loads

    def work() -> None:
        for line in lines:
            loads(line)

    return repeated("D: orjson.loads, discarded", len(lines), work)


def regex_unit(lines: Sequence[bytes]) -> Rate:
    texts = [line.decode() for line in lines]
    match = FIVE_GROUPS.match

    def work() -> None:
        for text in texts:
            match(text)

    return repeated("R: re.match of five groups", len(texts), work)


def rules(settings: Settings, report: Report) -> RuleSet:
    """Load the rules with nothing cached, then from the cache."""
    for name in ("rules_cold_seconds", "rules_cached_seconds"):
        watch = Stopwatch()
        with watch:
            found = load_ruleset(settings)
        report.facts[name] = round(watch.wall, 2)
    report.facts["rules_that_run"] = len(found.rules)
    report.facts["rules_that_cannot"] = len(found.problems)
    return found


def stages(path: Path, found: RuleSet, settings: Settings, *, unit: Rate, report: Report) -> None:
    """Measure each stage over the same batches: every cache begins empty, nothing runs beside it."""
    reader, detector = make_reader(settings), Detector(found)
    read, judged, stored = Stopwatch(), Stopwatch(), Stopwatch()
    events = findings = 0
    with open_lake(settings) as lake:
        keeper = lake.store.process_id
        stored.elsewhere = lambda: usage(keeper)[1]
        batches = read_paths([path], reader, settings)
        while True:
            with read:
                batch = next(batches, None)
            if batch is None:
                break
            with judged:
                hits = detector.run(batch.events)
            with stored:
                lake.store.insert("events", batch.events, f"bench-{events}")
            events += batch.events.height
            findings += hits.height
        lake.store.optimize()
        report.facts["bytes_on_disk_of_raw"] = f"{lake.store.disk_bytes() / path.stat().st_size:.1%}"
    wait_for_end(str(settings.data))
    report.facts["events"], report.facts["findings"] = events, findings
    report.rates += [
        read.rate("read: cut, parse, normalise", events, unit),
        judged.rate("detect, between the other stages", events, unit),
        stored.rate("store insert", events, unit),
    ]


def whole_way(name: str, path: Path, settings: Settings, *, unit: Rate, report: Report) -> Cost:
    """Import a file by the command, as a user does: nothing remembered but compiled rules."""
    data = settings.data.with_name(f"{settings.data.name}-import")
    shutil.copytree(settings.data / "cache", data / "cache")
    more = {"MIHARU_RULES": json.dumps([str(rule) for rule in settings.rules])}
    cost = run([str(MIHARU), "--data", str(data), "--json", "import", str(path)], str(data), more)
    answer = json.loads(cost.output.splitlines()[-1])
    if answer["events"] + answer["rejects"] != unit.records:
        message = f"{unit.records} records went in, {answer} came out"
        raise SystemExit(message)
    watch = Stopwatch(wall=cost.wall, processor=cost.processor)
    report.rates.append(watch.rate(f"import {name}, end to end", unit.records, unit))
    report.facts[f"peak_memory_of_{name.replace(' ', '_')}"] = f"{cost.peak / 1e6:,.0f} MB"
    wait_for_end(str(data))
    shutil.rmtree(data)
    return cost
