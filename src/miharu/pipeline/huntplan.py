"""A rule set and a span of the store → pieces that can be read, judged and finished one after the other.

Events lie in the order of log source, host and time: a piece is a run of hosts of one log source, or a run of time of
one host that has many events, so that no piece reads what another one needs. Of each event only the columns come that
the rules look at and that the log source fills. Judging them as they come is faster here than asking the store for
distinct rows: rules of one log source look at so many columns that nearly every row is a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import polars as pl

from miharu.core.columns import EVENT_DATASET, EVENT_ID, EVENT_ORIGINAL, LEFTOVERS, TIMESTAMP
from miharu.detect import RuleSet, Sight, sight_of
from miharu.store import Store

PIECE_ROWS: Final = 65_536
_HOST: Final = "`host.name`"
_STEPS: Final = (3_600_000_000, 60_000_000, 1_000_000)
"""Microseconds of the runs of time that a host's events are counted in, coarser ones first."""
_MICROS: Final = f"toUnixTimestamp64Micro(`{TIMESTAMP}`)"
_SKIPPED: Final = ("event.created", "event.ingested", "log.offset", "log.file.path")

Piece: TypeAlias = Mapping[str, Any]
"""`dataset`, `rows` counted, and bounds: `hosts` (after the first, up to the second; None: open), `null` for events
without a host, `times` (from the first on, before the second, in microseconds; None: open)."""


class HuntMap:
    """What a rule set looks at in the events of a store."""

    def __init__(self, store: Store, ruleset: RuleSet) -> None:
        self._store = store
        self._ruleset = ruleset
        self._sights: dict[str, Sight | None] = {}
        self._columns: dict[str, list[str]] = {}

    @cached_property
    def _types(self) -> dict[str, str]:
        return self._store.columns("events")

    def lay_out(self, where: str, params: Mapping[str, Any]) -> Iterator[Piece]:
        """Yield the pieces of the events that pass a condition; log sources that no rule is for are left out."""
        counted = self._store.query(
            f"SELECT `{EVENT_DATASET}` AS dataset, {_HOST} AS host, count() AS rows FROM events "  # noqa: S608
            f"WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2",
            params,
        )
        for (dataset,), hosts in counted.group_by("dataset", maintain_order=True):
            if self._sight(str(dataset)) is not None:
                yield from self._of_dataset(str(dataset), hosts, where, params)

    def read(self, piece: Piece, where: str, params: Mapping[str, Any], limit: int | None = None) -> pl.DataFrame:
        """Return the events of a piece, in the columns that rules look at."""
        dataset = piece["dataset"]
        names = ", ".join(f"`{name}`" for name in self._names(dataset))
        bounds = " AND ".join([where, *_bounds(piece)])
        sql = f"SELECT {names} FROM events WHERE {bounds}" + (f" LIMIT {limit}" if limit else "")  # noqa: S608
        return self._store.query(sql, {**params, **_values(piece)})

    def _of_dataset(self, dataset: str, hosts: pl.DataFrame, where: str, params: Mapping[str, Any]) -> Iterator[Piece]:
        after: str | None = None
        upto: str | None = None
        rows = 0
        for host, count in hosts.filter(pl.col("host").is_not_null()).select("host", "rows").iter_rows():
            if rows and rows + count > PIECE_ROWS:
                yield {"dataset": dataset, "rows": rows, "hosts": [after, upto]}
                after, rows = upto, 0
            if count > PIECE_ROWS:
                yield from self._of_host({"dataset": dataset, "rows": count, "hosts": [after, host]}, where, params)
                after, upto = host, host
                continue
            upto, rows = host, rows + count
        if rows:
            yield {"dataset": dataset, "rows": rows, "hosts": [after, upto]}
        for count in hosts.filter(pl.col("host").is_null())["rows"]:
            yield from self._of_host({"dataset": dataset, "rows": count, "null": True}, where, params)

    def _of_host(self, piece: Piece, where: str, params: Mapping[str, Any], depth: int = 0) -> Iterator[Piece]:
        """Cut the events of one host by time, finer where there are many."""
        if piece["rows"] <= PIECE_ROWS or depth >= len(_STEPS):
            yield piece
            return
        step = _STEPS[depth]
        counted = self._store.query(
            f"SELECT intDiv({_MICROS}, {step}) AS run, count() AS rows FROM events "  # noqa: S608
            f"WHERE {' AND '.join([where, *_bounds(piece)])} GROUP BY run ORDER BY run",
            {**params, **_values(piece)},
        )
        begin, last = piece.get("times", (None, None))
        rows = 0
        for run, count in counted.iter_rows():
            # Division cuts towards zero: before 1970 a run holds what ends at its number.
            edge = run * step if run > 0 else (run - 1) * step + 1
            if rows and rows + count > PIECE_ROWS:
                yield from self._of_host({**piece, "rows": rows, "times": [begin, edge]}, where, params, depth + 1)
                begin, rows = edge, 0
            rows += count
        yield from self._of_host({**piece, "rows": rows, "times": [begin, last]}, where, params, depth + 1)

    def _sight(self, dataset: str) -> Sight | None:
        if dataset not in self._sights:
            self._sights[dataset] = sight_of(self._ruleset, dataset)
        return self._sights[dataset]

    def _names(self, dataset: str) -> list[str]:
        """Return the columns to read of a log source: those that rules look at and any of its events fills."""
        if dataset not in self._columns:
            sight = self._sight(dataset)
            wanted = sight.columns if sight is not None else frozenset()
            whole = sight is not None and sight.whole
            kept = [name for name in self._types if name not in _SKIPPED] if whole else [*wanted & self._types.keys()]
            if wanted - self._types.keys():
                kept.append(LEFTOVERS)
            self._columns[dataset] = self._filled(dataset, sorted(set(kept)))
        return self._columns[dataset]

    def _filled(self, dataset: str, names: list[str]) -> list[str]:
        always = [name for name in names if name in (TIMESTAMP, EVENT_ID, EVENT_DATASET, EVENT_ORIGINAL)]
        doubtful = [name for name in names if name not in always]
        if not doubtful:
            return always
        tests = [
            f"max({'notEmpty' if self._types[name].startswith('Array') else 'isNotNull'}(`{name}`)) AS `#{place}`"
            for place, name in enumerate(doubtful)
        ]
        sql = f"SELECT {', '.join(tests)} FROM events WHERE `{EVENT_DATASET}` = {{dataset:String}}"  # noqa: S608
        held = self._store.query(sql, {"dataset": dataset}).row(0)
        return [*always, *(name for name, filled in zip(doubtful, held, strict=True) if filled)]


def _bounds(piece: Piece) -> Iterator[str]:
    yield f"`{EVENT_DATASET}` = {{dataset:String}}"
    after, upto = piece.get("hosts", (None, None))
    if piece.get("null"):
        yield f"isNull({_HOST})"
    else:
        yield f"isNotNull({_HOST})"
    if after is not None:
        yield f"{_HOST} > {{after:String}}"
    if upto is not None:
        yield f"{_HOST} <= {{upto:String}}"
    begin, end = piece.get("times", (None, None))
    # As instants, so that the order of the table can be used.
    if begin is not None:
        yield f"`{TIMESTAMP}` >= fromUnixTimestamp64Micro({{begin:Int64}}, 'UTC')"
    if end is not None:
        yield f"`{TIMESTAMP}` < fromUnixTimestamp64Micro({{end:Int64}}, 'UTC')"


def _values(piece: Piece) -> dict[str, Any]:
    after, upto = piece.get("hosts", (None, None))
    begin, end = piece.get("times", (None, None))
    told = {"dataset": piece["dataset"], "after": after, "upto": upto, "begin": begin, "end": end}
    return {name: value for name, value in told.items() if value is not None}
