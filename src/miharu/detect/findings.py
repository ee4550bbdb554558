"""Hits of rules on rows of a batch → findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
import polars as pl
import xxhash

from miharu.core.columns import EVENT_DATASET, EVENT_ID, TIMESTAMP, UTC_MICROS
from miharu.core.finding import FINDING_SCHEMA
from miharu.detect.grouping import Hits
from miharu.detect.model import Rule

_LENGTH_BYTES = 8
_EVENT: Final = (
    pl.col(EVENT_ID).cast(pl.String),
    pl.col(EVENT_DATASET).cast(pl.String),
    pl.col(TIMESTAMP).cast(UTC_MICROS),
)


def no_findings() -> pl.DataFrame:
    """Return findings without rows."""
    return pl.DataFrame(schema=FINDING_SCHEMA)


class FindingWriter:
    """Makes findings of the hits of one rule set."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        columns: dict[str, list[object]] = {
            "rule.id": [rule.id for rule in rules],
            "rule.name": [rule.title for rule in rules],
            "rule.level": [rule.level for rule in rules],
            "rule.hash": [rule.hash for rule in rules],
            "rule.tags": [rule.tags for rule in rules],
        }
        self._rules = pl.DataFrame(columns, schema={name: FINDING_SCHEMA[name] for name in columns})
        self._heads = [_head(rule) for rule in rules]
        self._entities = [rule.variants[0].entity for rule in rules]

    def findings(self, batch: pl.DataFrame, hits: Hits) -> pl.DataFrame:
        """Return one finding per hit, in the order of rows, then of rules."""
        if not hits.rows:
            return no_findings()
        order = sorted(range(len(hits.rows)), key=lambda place: (hits.rows[place], hits.rules[place]))
        rows: list[int] = [hits.rows[place] for place in order]
        rules = [hits.rules[place] for place in order]
        events = batch.select(_EVENT)[rows]
        digest = xxhash.xxh3_128_hexdigest
        ids = [
            digest(self._heads[rule] + _part(event))
            for rule, event in zip(rules, events[EVENT_ID].to_list(), strict=True)
        ]
        found = self._rules[rules].with_columns(
            pl.Series("finding.id", ids, dtype=pl.String),
            pl.Series("entity", self._entity_texts(batch, rows, rules), dtype=pl.String),
            pl.Series("matched", [hits.matched[place] for place in order], dtype=pl.String),
            *events.get_columns(),
        )
        return found.select(*FINDING_SCHEMA)

    def _entity_texts(self, batch: pl.DataFrame, rows: list[int], rules: Sequence[int]) -> list[str]:
        """Return the entity of each hit; a field without a value is left out."""
        wanted = {name for rule in set(rules) for name in self._entities[rule]}
        columns = {name: batch.get_column(name)[rows].to_list() for name in sorted(wanted) if name in batch.columns}
        known: dict[tuple[object, ...], str] = {}
        texts = []
        for place, rule in enumerate(rules):
            names = self._entities[rule]
            found = [columns[name][place] if name in columns else None for name in names]
            key = (names, *(value if isinstance(value, str) else repr(value) for value in found))
            text = known.get(key)
            if text is None:
                values = {name: columns[name][place] for name in names if name in columns}
                text = known[key] = entity_text(values)
            texts.append(text)
        return texts


def entity_text(values: dict[str, object]) -> str:
    """Return the JSON object of an entity: sorted keys, nothing without a value."""
    told = {name: value for name, value in values.items() if value is not None}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str).decode()


def _head(rule: Rule) -> bytes:
    """Return what `core.finding.finding_id` hashes before the event id."""
    return b"".join(_part(text) for text in ("finding", rule.id, rule.hash))


def _part(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data
