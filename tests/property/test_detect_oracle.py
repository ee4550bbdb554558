"""The engine's verdicts are those of SQLite for the same rules, and those of a plain evaluator."""

from __future__ import annotations

import re
import sqlite3
from itertools import product
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from miharu.detect import Detector
from tests.property.sigma_cases import ASCII, FIELDS, WIDE, Condition, events, holds, rendered, rules, words_of
from tests.unit.detect.rulecraft import batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

TEXT = ["", "contains", "startswith", "endswith", "contains|all", "windash|contains", "windash"]
EXACT = ["cased", "contains|cased", "startswith|cased", "endswith|cased", "contains|cased|all"]
ENCODED = ["base64|contains", "base64offset|contains", "wide|base64offset|contains"]
OTHER = ["re", "re|i", "cidr", "lt", "lte", "gt", "gte", "number", "null", "exists"]
REFERENCES = ["fieldref", "fieldref|startswith", "fieldref|endswith", "fieldref|contains"]
SCHEMA = {**dict.fromkeys(FIELDS, pl.String), "n": pl.Int64, "ip": pl.String}
CASES = settings(max_examples=60, deadline=None, derandomize=False)
SEEDS = st.integers(0, 2**32)


@CASES
@given(SEEDS)
def test_sqlite_gives_the_same_verdicts(seed: int) -> None:
    random = Random(seed)
    drawn = rules(random, 10, ASCII, [*TEXT, *EXACT, *ENCODED, *OTHER, *REFERENCES])
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), ASCII)
    contents = numbered(drawn)
    assert hits(compiled(contents), batch(rows, SCHEMA)) == by_sqlite(contents, rows)


def numbered(drawn: list[tuple[dict[str, Any], Condition]]) -> list[dict[str, Any]]:
    return [rule({**detection, "condition": rendered(tree)}, str(at)) for at, (detection, tree) in enumerate(drawn)]


def by_sqlite(contents: list[dict[str, Any]], rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    database = sqlite3.connect(":memory:")
    database.create_function("REGEXP", 2, lambda pattern, text: text is not None and bool(re.search(pattern, text)))
    database.execute("CREATE TABLE logs (a TEXT, b TEXT, c TEXT, n INTEGER, ip TEXT, place INTEGER)")
    database.executemany(
        "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)",
        [(*(row[name] for name in ("a", "b", "c", "n", "ip")), place) for place, row in enumerate(rows)],
    )
    found: set[tuple[str, int]] = set()
    for content in contents:
        for query in sqliteBackend(collate_nocase=True).convert(SigmaCollection.from_dicts([identified(content)])):
            places = database.execute(query.replace("SELECT *", "SELECT place", 1)).fetchall()
            found |= {(content["id"], place) for (place,) in places}
    database.close()
    return found


def identified(content: dict[str, Any]) -> dict[str, Any]:
    """The oracle wants a UUID; rules here are numbered."""
    return {key: value for key, value in content.items() if key != "id"}


@CASES
@given(SEEDS)
def test_a_plain_evaluator_gives_the_same_verdicts(seed: int) -> None:
    random = Random(seed)
    drawn = rules(random, 10, WIDE, [*TEXT, *EXACT, *OTHER, "re|s", "re|m", "empty", "neq", *REFERENCES])
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), WIDE)
    schema: dict[str, Any] = dict(SCHEMA)
    if seed % 2:
        schema["a"] = pl.List(pl.String)
        rows = [{**row, "a": [text for text in (row["a"], row["b"]) if text is not None]} for row in rows]
    ruleset, frame = compiled(numbered(drawn)), batch(rows, schema)
    expected = {
        (str(at), place)
        for at, (detection, tree) in enumerate(drawn)
        for place, row in enumerate(rows)
        if holds(detection, tree, row)
    }
    assert hits(ruleset, frame) == expected
    detector = Detector(ruleset)
    for at, place in product(range(len(drawn)), range(2)):
        told = detector.explain(str(at), frame[place])
        assert told is not None
        assert told.verdict is ((str(at), place) in expected), told


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_batches_cut_anywhere_give_the_same_findings(seed: int) -> None:
    random = Random(seed)
    drawn = rules(random, 6, ASCII, [*TEXT, *OTHER])
    ruleset = compiled(numbered(drawn))
    frame = batch(events(random, 30, words_of([detection for detection, _ in drawn]), ASCII) * 2, SCHEMA)
    cut = random.randint(0, len(frame))
    whole = Detector(ruleset).run(frame)
    detector = Detector(ruleset)
    pieces = pl.concat([detector.run(frame[cut:]), detector.run(frame[:cut]), detector.run(frame[cut:])])
    told = pieces.unique("finding.id")
    assert sorted(told["finding.id"]) == sorted(whole["finding.id"])
    assert sorted(told["matched"]) == sorted(whole["matched"])
