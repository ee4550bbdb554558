"""Stored events of Windows' Security log → which subcategories of the audit policy are evidently on, who misses them.

A subcategory is on at a host if the host has sent an event of it. One that never appears may be off, or nothing of
its kind may have happened; either way the rules that need its events see nothing. Which subcategory an event is of is
told by its task, else (senders that leave it out) by its id where that has only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from miharu.catalog import Lookups, load_lookups
from miharu.core.columns import UTC_MICROS
from miharu.detect import rule_files
from miharu.pipeline.wiring import Lake

_COUNTS: Final = """
SELECT HOST AS host, `event.code` AS code, TASK AS task, count() AS events,
  countIf(OUTCOME = 'success') AS success, countIf(OUTCOME = 'failure') AS failure, max(`@timestamp`) AS last
FROM events
WHERE `winlog.channel` = 'Security' AND `event.provider` = 'Microsoft-Windows-Security-Auditing'
  AND ({host:String} = '' OR host = {host:String})
GROUP BY host, code, task
"""
_NEEDED: Final = frozenset({"winlog.channel", "event.provider", "event.code"})
_OPTIONAL: Final = {"HOST": "host.name", "TASK": "winlog.task_id", "OUTCOME": "event.outcome"}
"""Columns of the store that exist only where an event ever filled them."""

_COUNTED: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    **dict.fromkeys(("host", "code", "task"), pl.String),
    **dict.fromkeys(("events", "success", "failure"), pl.Int64),
    "last": UTC_MICROS,
}
_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_SEVERAL: Final = ";"


@dataclass(frozen=True, slots=True)
class RuleNeed:
    """A rule on the Security log, and the event ids that it asks for."""

    rule_id: str
    title: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Subcategory:
    """One subcategory: what was seen of it, at which hosts (count and last time), and the rules it leaves blind."""

    category: str
    name: str
    events: int
    success: int
    failure: int
    last: datetime | None
    codes: Sequence[str]
    hosts: Mapping[str, tuple[int, datetime]]
    blind: Sequence[RuleNeed]

    @property
    def seen(self) -> bool:
        """Return whether an event of it was seen."""
        return self.events > 0


def audit_policy(lake: Lake, needs: Sequence[RuleNeed], host: str = "") -> list[Subcategory]:
    """Return every subcategory, by category; `host` is the one host to look at, or empty for all."""
    return judge(_counted(lake, host), needs, load_lookups())


def _counted(lake: Lake, host: str) -> pl.DataFrame:
    columns = lake.store.columns("events")
    if not _NEEDED.issubset(columns):
        return pl.DataFrame(schema=_COUNTED)
    sql = _COUNTS
    for word, name in _OPTIONAL.items():
        sql = sql.replace(word, f"`{name}`" if name in columns else "''")
    return lake.store.query(sql, {"host": host})


def judge(rows: pl.DataFrame, needs: Sequence[RuleNeed], tables: Lookups) -> list[Subcategory]:
    """Return the subcategories, by counts of events (columns as in `_COUNTED`)."""
    tasks, of_event, categories = (tables[f"windows_audit_{name}"] for name in ("subcategory", "event", "category"))
    only = {code: names for code, names in of_event.items() if _SEVERAL not in names}
    named = rows.with_columns(
        name=pl.coalesce(
            pl.col("task").cast(pl.String).replace_strict(dict(tasks), default=None, return_dtype=pl.String),
            pl.col("code").cast(pl.String).replace_strict(only, default=None, return_dtype=pl.String),
        )
    ).filter(pl.col("name").is_not_null())
    seen = frozenset(named.get_column("name"))
    blind = _blind(needs, of_event, seen)
    parts = {str(key[0]): part for key, part in named.partition_by("name", as_dict=True).items()}
    order = sorted(categories, key=lambda name: (categories[name], name))
    return [_subcategory(categories[name], name, parts.get(name), blind.get(name, [])) for name in order]


def rule_needs(paths: Sequence[Path]) -> list[RuleNeed]:
    """Return the Sigma rules on Windows' Security log that name event ids; what cannot be read is left out."""
    needs: list[RuleNeed] = []
    for file in rule_files(paths):
        for rule in _documents(file.data):
            source = rule.get("logsource")
            named = source if isinstance(source, dict) else {}
            codes = frozenset(_codes(rule.get("detection")))
            if codes and (named.get("product"), named.get("service")) == ("windows", "security"):
                needs.append(RuleNeed(str(rule.get("id", "")), str(rule.get("title", "")), codes))
    return sorted(needs, key=lambda need: (need.title, need.rule_id))


def _documents(data: bytes) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.load_all(data, Loader=_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return
    yield from (one for one in documents if isinstance(one, dict) and "detection" in one)


def _codes(detection: Any) -> Iterator[str]:
    """Yield the event ids that selections ask for; those of filters are left out."""
    if not isinstance(detection, dict):
        return
    waiting = [value for name, value in detection.items() if name != "condition" and not name.startswith("filter")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            for field, value in item.items():
                if field.partition("|")[0] == "EventID":
                    yield from map(str, value if isinstance(value, list) else [value])


def _blind(needs: Sequence[RuleNeed], of_event: Mapping[str, str], seen: frozenset[str]) -> dict[str, list[RuleNeed]]:
    """Return for each subcategory the rules that see nothing, as none of the subcategories they live on was seen."""
    blind: dict[str, list[RuleNeed]] = {}
    for need in needs:
        wanted = [of_event[code].split(_SEVERAL) for code in need.codes if code in of_event]
        names = {name for group in wanted for name in group}
        if len(wanted) == len(need.codes) and names.isdisjoint(seen):
            for name in names:
                blind.setdefault(name, []).append(need)
    return blind


def _subcategory(category: str, name: str, part: pl.DataFrame | None, blind: Sequence[RuleNeed]) -> Subcategory:
    if part is None:
        return Subcategory(category, name, 0, 0, 0, None, (), {}, blind)
    per_host = part.group_by("host").agg(pl.col("events").sum(), pl.col("last").max()).sort("host")
    hosts = {str(host or ""): (int(events), last) for host, events, last in per_host.iter_rows()}
    totals = [int(part.get_column(column).sum()) for column in ("events", "success", "failure")]
    codes = sorted(set(part.get_column("code").drop_nulls()), key=lambda code: (len(code), code))
    last = max(last for _, last in hosts.values())
    return Subcategory(category, name, totals[0], totals[1], totals[2], last, codes, hosts, blind)
