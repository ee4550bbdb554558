"""Hits of rules on rows of a batch → findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
        places: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, rule in enumerate(rules):
            places[entities[rule]].append(place)
        texts = [""] * len(rows)
        for names, some in places.items():
            present = [name for name in dict.fromkeys(names) if name in batch.columns]
            if present:
                values = batch.select(present)[[rows[place] for place in some]]
                told: Iterable[str] = _told(values)
            else:
                told = repeat(entity_text({}), len(some))
            for place, text in zip(some, told, strict=True):
                texts[place] = text
        return texts


def _told(values: pl.DataFrame) -> Iterator[str]:
    """Yield the entity of each row; equal ones that follow one another are told once."""
    names = values.columns
    before: tuple[object, ...] = ()
    text = ""
    exact = not any(dtype.is_float() for dtype in values.dtypes)  # 0.0 equals -0.0, and is told otherwise
    for row in values.rows():
        if row != before or not exact:
            before, text = row, entity_text(dict(zip(names, row, strict=True)))
        yield text


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
