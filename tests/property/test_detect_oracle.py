r"""The engine's verdicts are those of pySigma's SQLite backend for the same rules, and those of a plain evaluator.

The backend is the oracle for: plain values, wildcards and escapes, contains, startswith, endswith, all, cased, windash,
base64, base64offset, wide, utf16be (ASCII), re with i, cidr, lt, lte, gt, gte, neq, exists, null, fieldref with
startswith, endswith and contains, minute to year, expand with lists of values, numbers, lists of maps, every form of
a condition, lists of conditions, filters, and pipelines of fields, conditions and placeholders.

What it lacks or gets wrong, and how that is proved instead (`plain`: by the evaluator of `sigma_cases`, which is
written from the specification; `unit`: by an example worked by hand in tests/unit/detect):

- case beyond ASCII: LIKE folds ASCII only (plain);
- `re|m` and `re|s`, which it has no flags for (plain); `re` with startswith or endswith, which it does not tie (plain);
- `''`, which it does not find in a field that is missing, where the specification leaves the choice (plain);
- `utf16le`, which pySigma does not know (plain); `utf16`, whose byte order mark it encodes in UTF-8 (plain);
  `wide` and its like for other than ASCII, which pySigma refuses (plain);
- base64 of an escaped wildcard, which it encodes with its escape, and base64offset of several-byte characters, whose
  offsets it counts in characters (plain);
- base64offset of one byte at offset one, of which nothing is left: it looks for nothing, which is everywhere (unit);
- windash of the three long dashes, which it leaves as they are (plain);
- numbers in text fields and texts in number fields: SQLite compares by the type of the column (unit);
- cidr in IPv6 forms and mapped addresses: it compares texts (unit);
- a part of a time compared (`hour|gte`), which it compares with the whole time, and times with an offset, which it
  turns to UTC where the specification wants none of that (plain, unit);
- fields that hold several values (plain);
- keywords, which it cannot look for without an index of the whole event (plain);
- cased field references, which pySigma refuses (plain);
- placeholders nothing is known about: pySigma refuses the rule (plain).
"""

from __future__ import annotations

import re
import sqlite3
from copy import deepcopy
from itertools import product
from random import Random
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline

from miharu.detect import Detector
from miharu.detect.compiling import compile_rules
from miharu.detect.documents import RuleFile
from miharu.detect.modifiers import MODIFIERS
from miharu.detect.tuning import Tuning
from tests.property.sigma_cases import (
    ASCII,
    FIELDS,
    KNOWN,
    TIME_PARTS,
    WIDE,
    Condition,
    condition,
    events,
    holds,
    rendered,
    rules,
    selection,
    text,
    words_of,
)
from tests.unit.detect.rulecraft import PLAIN_MAPPING, batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

TEXT = ["", "contains", "startswith", "endswith", "contains|all", "windash|contains", "windash", "contains|windash|all"]
EXACT = ["cased", "contains|cased", "startswith|cased", "endswith|cased", "contains|cased|all"]
ENCODED = ["base64|contains", "base64offset|contains", "wide|base64offset|contains", "utf16be|base64|contains"]
OTHER = ["re", "re|i", "cidr", "lt", "lte", "gt", "gte", "number", "null", "exists", "cidr|neq", "number|neq"]
NEGATED = ["neq", "contains|neq", "contains|all|neq", "re|neq", "cased|neq"]
REFERENCES = ["fieldref", "fieldref|startswith", "fieldref|endswith", "fieldref|contains"]
PLACEHOLDERS = ["expand", "contains|expand", "expand|startswith", "expand|endswith"]
PREPARED = [*TEXT, *PLACEHOLDERS, "exists", "null", "re"]
LACKING = [
    "re|s", "re|m", "re|startswith", "re|endswith", "re|contains|i", "empty", "fieldref|cased",
    "cased|fieldref|contains",
    "fieldref|neq", "utf16le|contains", "utf16|contains", "utf16|base64offset|contains", "wide|contains",
    "wide|base64offset|contains", "base64|contains|cased", "base64offset|contains|cased", "expand|cased",
    "unknown|expand", "unknown|contains|expand", "unknown|expand|neq", *(f"{part}|gte" for part in TIME_PARTS),
    "hour|lt", "hour|neq", "hour|gt|neq", "minute|lte",
]  # fmt: skip
SCHEMA = {**dict.fromkeys(FIELDS, pl.String), "n": pl.Int64, "ip": pl.String, "t": pl.String}
CASES = settings(max_examples=60, deadline=None, derandomize=False)
SEEDS = st.integers(0, 2**32)
LISTS = Tuning(placeholders=KNOWN)
PIPELINE = {
    "vars": {name: list(values) for name, values in KNOWN.items()},
    "transformations": [{"type": "value_placeholders"}],
}


def test_every_modifier_is_among_the_cases() -> None:
    cases = (*TEXT, *EXACT, *ENCODED, *OTHER, *NEGATED, *REFERENCES, *PLACEHOLDERS, *LACKING, *TIME_PARTS)
    drawn = {name for case in cases for name in case.split("|")}
    assert set(MODIFIERS) - {"ignorecase", "multiline", "dotall"} <= drawn


@CASES
@given(SEEDS)
def test_sqlite_gives_the_same_verdicts(seed: int) -> None:
    random = Random(seed)
    drawn = rules(random, 10, ASCII, [*TEXT, *EXACT, *ENCODED, *OTHER, *NEGATED, *REFERENCES, *TIME_PARTS])
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), ASCII)
    contents = numbered(drawn)
    assert hits(compiled(contents), batch(rows, SCHEMA)) == by_sqlite(contents, rows)


@CASES
@given(SEEDS)
def test_sqlite_gives_the_same_verdicts_with_lists_of_placeholders(seed: int) -> None:
    random = Random(seed)
    drawn = rules(random, 6, ASCII, [*TEXT, *PLACEHOLDERS])
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), ASCII)
    contents = [content for content in numbered(drawn) if "%None%" not in str(content)]
    pipeline = ProcessingPipeline.from_dict(PIPELINE)
    assert hits(tuned(contents, LISTS), batch(rows, SCHEMA)) == by_sqlite(contents, rows, pipeline=pipeline)


@CASES
@given(SEEDS)
def test_sqlite_gives_the_same_verdicts_after_pipelines_and_filters(seed: int) -> None:
    random = Random(seed)
    drawn = [(undroppable(random, detection), tree) for detection, tree in rules(random, 4, ASCII, PREPARED)]
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), ASCII)
    contents = [
        {**content, "name": f"rule{content['id']}"} for content in numbered(drawn) if "%None%" not in str(content)
    ]
    filters = [filtering(random, [content["name"] for content in contents]) for _ in range(2)]
    changed = pipeline_of(random)
    made = Tuning(pipelines=(RuleFile("user.yml", yaml.safe_dump(changed).encode()),))
    expected = by_sqlite(contents, rows, filters=filters, pipeline=ProcessingPipeline.from_dict(changed))
    assert hits(tuned([*contents, *filters], made), batch(rows, SCHEMA)) == expected


def numbered(drawn: list[tuple[dict[str, Any], Condition]]) -> list[dict[str, Any]]:
    """Return rules; every third has a list of two conditions, of which one must hold."""
    found = []
    for at, (detection, tree) in enumerate(drawn):
        told = rendered(tree)
        found.append(rule({**detection, "condition": told if at % 3 else [told, f"sel_x and not ({told})"]}, str(at)))
    return found


def undroppable(random: Random, detection: dict[str, Any]) -> dict[str, Any]:
    """Return a detection of which pipelines leave something: the oracle would run the filters alone as the rule."""
    listed = {name: held if isinstance(held, list) else [held] for name, held in detection.items()}
    return {name: [{**inner, "t|exists": random.random() < 0.7} for inner in held] for name, held in listed.items()}


def tuned(contents: list[dict[str, Any]], tuning: Tuning) -> Any:
    files = [RuleFile(f"{at}.yml", yaml.safe_dump(content).encode()) for at, content in enumerate(contents)]
    ruleset = compile_rules(files, PLAIN_MAPPING, tuning)
    assert not ruleset.problems, ruleset.problems
    return ruleset


def filtering(random: Random, names: list[str]) -> dict[str, Any]:
    """Return a filter of some rules, or of all of a logsource that may be another."""
    return {
        "title": "a filter",
        "logsource": random.choice([{"category": "test"}, {"category": "test"}, {"category": "other"}]),
        "filter": {
            "rules": random.choice(["any", random.sample(names, min(2, len(names)))]),
            **{name: selection(random, ASCII, [*TEXT, "exists"]) for name in ("sel_x", "allowed")},
            "condition": random.choice(["not sel_x", "not 1 of them", "sel_x or allowed", "not 1 of allow*"]),
        },
    }


def pipeline_of(random: Random) -> dict[str, Any]:
    """Return a pipeline that changes fields, adds a condition, drops items and fills placeholders."""
    steps: list[dict[str, Any]] = [
        {"type": "field_name_mapping", "mapping": {"a": random.choice(["b", ["b", "c"]])}},
        {"type": "field_name_mapping", "mapping": {"c": "a"},
         "rule_conditions": [{"type": "logsource", "category": random.choice(["test", "other"])}]},
        {"type": "add_condition", "conditions": {"b|contains": random.choice(["a", "1"])},
         "negated": random.random() < 0.5},
        {"type": "drop_detection_item", "field_name_conditions": [{"type": "include_fields", "fields": ["b"]}]},
        {"type": "replace_string", "regex": "b1", "replacement": "1b"},
    ]  # fmt: skip
    chosen = [*random.sample(steps, random.randint(0, 3)), {"type": "value_placeholders"}]
    return {"name": "made", "priority": 10, "vars": PIPELINE["vars"], "transformations": chosen}


def by_sqlite(
    contents: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    filters: list[dict[str, Any]] | None = None,
    pipeline: ProcessingPipeline | None = None,
) -> set[tuple[str, int]]:
    database = sqlite3.connect(":memory:")
    database.create_function("REGEXP", 2, lambda pattern, text: text is not None and bool(re.search(pattern, text)))
    database.execute("CREATE TABLE logs (a TEXT, b TEXT, c TEXT, n INTEGER, ip TEXT, t TEXT, place INTEGER)")
    database.executemany(
        "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(*(row[name] for name in SCHEMA), place) for place, row in enumerate(rows)],
    )
    found: set[tuple[str, int]] = set()
    for content in contents:
        backend = sqliteBackend(processing_pipeline=pipeline, collate_nocase=True)
        collection = SigmaCollection.from_dicts([identified(content), *map(identified, filters or ())])
        for query in backend.convert(collection):
            places = database.execute(query.replace("SELECT *", "SELECT place", 1)).fetchall()
            found |= {(content["id"], place) for (place,) in places}
    database.close()
    return found


def identified(content: dict[str, Any]) -> dict[str, Any]:
    """The oracle wants a UUID, where rules here are numbered; and it writes into what it is given."""
    return deepcopy({key: value for key, value in content.items() if key != "id"})


@CASES
@given(SEEDS)
def test_a_plain_evaluator_gives_the_same_verdicts(seed: int) -> None:
    random = Random(seed)
    drawn = rules(
        random, 10, WIDE, [*TEXT, *EXACT, *OTHER, *NEGATED, *REFERENCES, *PLACEHOLDERS, *LACKING, *TIME_PARTS]
    )
    rows = events(random, 20, words_of([detection for detection, _ in drawn]), WIDE)
    schema: dict[str, Any] = dict(SCHEMA)
    if seed % 2:
        schema["a"] = pl.List(pl.String)
        rows = [{**row, "a": [inner for inner in (row["a"], row["b"]) if inner is not None]} for row in rows]
    contents = [rule({**detection, "condition": rendered(tree)}, str(at)) for at, (detection, tree) in enumerate(drawn)]
    ruleset = tuned(contents, LISTS)
    frame = batch(rows, schema)
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


KEYWORD_FORMS = [
    "list", "plain", "|all", "|contains|cased", "|re", "|re|i", "|windash", "|cased", "|neq", "|base64offset",
    "|expand", "maps",
]  # fmt: skip


@CASES
@given(SEEDS)
def test_a_plain_evaluator_gives_the_same_verdicts_of_keywords(seed: int) -> None:
    random = Random(seed)
    drawn = [
        ({name: keywords(random) for name in ("sel_x", "sel_y", "filter_z", "_aside")}, condition(random))
        for _ in range(6)
    ]
    rows = [
        {field: value for field, value in row.items() if field in FIELDS}
        for row in events(random, 15, words_of([detection for detection, _ in drawn]), WIDE)
    ]
    contents = [rule({**detection, "condition": rendered(tree)}, str(at)) for at, (detection, tree) in enumerate(drawn)]
    expected = {
        (str(at), place)
        for at, (detection, tree) in enumerate(drawn)
        for place, row in enumerate(rows)
        if holds(detection, tree, row)
    }
    assert hits(tuned(contents, LISTS), batch(rows, dict.fromkeys(FIELDS, pl.String))) == expected


def keywords(random: Random) -> Any:
    form = random.choice(KEYWORD_FORMS)
    words = [text(random, WIDE, 2, 4) for _ in range(random.randint(1, 3))]
    match form:
        case "list":
            return words
        case "plain":
            return words[0]
        case "maps":
            return [words[0], {"a|contains": words[-1]}, {"|all": words}]
        case "|re" | "|re|i":
            return {form: [random.choice(["a+b", "[ab]1", "A", r"\d"])]}
        case "|base64offset":
            return {form: [re.sub(r"[*?\\]", "", word) + "ab" for word in words]}
        case "|expand":
            return {form: "%Servers%"}
        case _:
            return {form: words}


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
