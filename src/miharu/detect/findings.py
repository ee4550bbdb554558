"""Hits of rules on rows of a batch → findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import repeat
from typing import Final

import numpy as np
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
        self._rules = rules

    def findings(self, batch: pl.DataFrame, hits: Hits) -> pl.DataFrame:
        """Return one finding per hit, in the order of rows, then of rules."""
        if not hits.rows:
            return no_findings()
        order = np.lexsort((np.array(hits.rules), np.array(hits.rows))).tolist()
        rows: list[int] = [hits.rows[place] for place in order]
        rules = [hits.rules[place] for place in order]
        events = batch.select(_EVENT)[rows]
        held = sorted(set(rules))
        digest, heads = xxhash.xxh3_128_hexdigest, {rule: _head(self._rules[rule]) for rule in held}
        parts = map(_part, events[EVENT_ID].to_list())
        ids = [digest(heads[rule] + part) for rule, part in zip(rules, parts, strict=True)]
        places = {rule: place for place, rule in enumerate(held)}
        found = _attributes([self._rules[rule] for rule in held])[[places[rule] for rule in rules]].with_columns(
            pl.Series("finding.id", ids, dtype=pl.String),
            pl.Series("entity", self._entity_texts(batch, rows, rules), dtype=pl.String),
            pl.Series("matched", [hits.matched[place] for place in order], dtype=pl.String),
            *events.get_columns(),
        )
        return found.select(*FINDING_SCHEMA)

    def _entity_texts(self, batch: pl.DataFrame, rows: Sequence[int], rules: Sequence[int]) -> list[str]:
        """Return the entity of each hit; a field without a value is left out."""
        entities = {rule: self._rules[rule].variants[0].entity for rule in set(rules)}
        wanted = [(entities[rule], row) for rule, row in zip(rules, rows, strict=True)]
        by_names: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for names, row in dict.fromkeys(wanted):
            by_names[names].append(row)
        texts: dict[tuple[tuple[str, ...], int], str] = {}
        for names, some in by_names.items():
            present = [name for name in dict.fromkeys(names) if name in batch.columns]
            values = batch.select(present)[some].iter_rows(named=True) if present else repeat({}, len(some))
            texts.update(((names, row), entity_text(value)) for row, value in zip(some, values, strict=True))
        return [texts[one] for one in wanted]


def entity_text(values: dict[str, object]) -> str:
    """Return the JSON object of an entity: sorted keys, nothing without a value."""
    told = {name: value for name, value in values.items() if value is not None}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str).decode()


def _attributes(rules: Sequence[Rule]) -> pl.DataFrame:
    columns: dict[str, list[object]] = {
        "rule.id": [rule.id for rule in rules],
        "rule.name": [rule.title for rule in rules],
        "rule.level": [rule.level for rule in rules],
        "rule.hash": [rule.hash for rule in rules],
        "rule.tags": [rule.tags for rule in rules],
    }
    return pl.DataFrame(columns, schema={name: FINDING_SCHEMA[name] for name in columns})


def _head(rule: Rule) -> bytes:
    """Return what `core.finding.finding_id` hashes before the event id."""
    return b"".join(_part(text) for text in ("finding", rule.id, rule.hash))


def _part(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data
