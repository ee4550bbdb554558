"""Events and rules → what judging alone costs: never seen before, seen before, all different, and with many more rules.

Events are read and normalised outside the stopwatch. The figures per processor second are those of one core.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import yaml

from bench.figures import Rate, Report
from bench.inputs import write
from bench.measures import Stopwatch, unit_of
from bench.morning.story import SEED
from miharu.catalog import load_sigma_mapping
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet, load_rules, rule_files
from miharu.pipeline import make_reader, read_paths

GUID = re.compile(r"\{[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}")
DIGEST = re.compile(r"\b[0-9A-F]{32,64}\b")
WORD = re.compile(r"[A-Za-z]{3,}")
KEPT = re.compile(
    r"channel|source|provider|time|host|keyword|opcode|severity|type|category|account|domain", re.IGNORECASE
)
"""Names of values that say what kind of event it is, or when: these stay."""
TAILED = 32
"""Texts at least this long get something of their own at their end; paths get a folder."""
FEWER = 3_000


def measure(lines: Sequence[bytes], found: RuleSet, settings: Settings, *, many: int, report: Report) -> None:
    """Measure judging these lines with the rules, and with about `many` (0: that is left out)."""
    folder = settings.data.parent
    judged("detect", lines, found, settings, report, again=True)
    judged("detect, events all different", list(all_different(lines)), found, settings, report, again=False)
    if many and settings.rules:
        for count in (FEWER, many):
            rules = load_rules(
                [more_rules(settings.rules, folder / f"rules-{count}", count)], load_sigma_mapping(), None
            )
            judged(f"detect, {len(rules.rules):,} rules", lines, rules, settings, report, again=False)


def judged(
    name: str, lines: Sequence[bytes], rules: RuleSet, settings: Settings, report: Report, *, again: bool
) -> None:
    path = settings.data.parent / "judged.json"
    write(path, lines)
    unit, reader, detector = unit_of(lines), make_reader(settings), Detector(rules)
    for told in (f"{name}, caches empty", f"{name}, all seen before")[: 2 if again else 1]:
        watch, findings = Stopwatch(), 0
        for batch in read_paths([path], reader, settings):
            with watch:
                findings += detector.run(batch.events).height
        rate: Rate = watch.rate(told, len(lines), unit)
        report.rates.append(rate)
        report.facts[f"findings_of_{told.replace(' ', '_')}"] = findings
    path.unlink()


def all_different(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the events with something of their own in every path, long text, identifier and digest."""
    rng = random.Random(SEED)
    for line in lines:
        event = orjson.loads(line)
        for name, value in event.items():
            if isinstance(value, str) and not KEPT.search(name):
                event[name] = of_its_own(value, rng)
        yield orjson.dumps(event)


def of_its_own(value: str, rng: random.Random) -> str:
    value = GUID.sub(lambda _: f"{{{uuid.UUID(int=rng.getrandbits(128))}}}", value)
    value = DIGEST.sub(lambda found: f"{rng.getrandbits(256):064X}"[: len(found[0])], value)
    folder, slash, last = value.rpartition("\\")
    if slash and len(value) < 4 * TAILED:
        return f"{folder}\\{rng.getrandbits(32):08x}\\{last}"
    return f"{value} {rng.getrandbits(48):012x}" if len(value) >= TAILED else value


def more_rules(sources: Sequence[Path], folder: Path, count: int) -> Path:
    """Write that many rules: those given, then again and again with other words in their texts."""
    rng = random.Random(SEED)
    given = [content for file in rule_files(sources) if isinstance(content := read(file.data), dict)]
    folder.mkdir()
    for number, content in enumerate(islice(repeated(given, rng), count)):
        (folder / f"{number}.yml").write_bytes(orjson.dumps(content, default=str))
    return folder


def read(data: bytes) -> Any:
    try:
        return yaml.load(data, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def repeated(given: Sequence[dict[str, Any]], rng: random.Random) -> Iterator[dict[str, Any]]:
    yield from given
    while given:
        for content in given:
            detection = {name: other_words(part, name, rng) for name, part in content.get("detection", {}).items()}
            yield {**content, "id": str(uuid.UUID(int=rng.getrandbits(128))), "detection": detection}


def other_words(part: Any, name: str, rng: random.Random) -> Any:
    if name == "condition" or "|re" in name or "|cidr" in name:
        return part
    if isinstance(part, dict):
        return {key: other_words(value, key, rng) for key, value in part.items()}
    if isinstance(part, list):
        return [other_words(value, name, rng) for value in part]
    word = max(WORD.finditer(part), key=lambda found: len(found[0]), default=None) if isinstance(part, str) else None
    if word is None:
        return part
    middle = (word.start() + word.end()) // 2
    return f"{part[:middle]}{''.join(rng.choices('bcdfghjklm', k=5))}{part[middle:]}"
