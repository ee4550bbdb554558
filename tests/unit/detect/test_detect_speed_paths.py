"""Every way in which values are searched gives the verdicts of the plain definitions."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from miharu.catalog.sigma import Family, RowTest, Scope, SigmaMapping
from miharu.detect import Detector, RuleSet
from miharu.detect.columns import TextColumn
from miharu.detect.hashing import Hasher, RowKeys
from miharu.detect.judging import Judge
from miharu.detect.keywords import shared_pieces
from miharu.detect.literals import Lined, LiteralHits, LiteralTable
from miharu.detect.model import Op, ValueTest
from miharu.detect.ragged import Ragged, once, places_by, spread
from miharu.detect.rawscan import RawColumn, RawScanner
from miharu.detect.remembering import Budget
from miharu.detect.screening import Block, Screens
from tests.property.sigma_cases import WIDE, events, holds, rendered, rules, words_of
from tests.unit.detect.rulecraft import DATASET, batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

KINDS = ["", "contains", "startswith", "endswith", "contains|all", "cased", "contains|cased", "startswith|cased",
         "re", "re|i", "cidr", "lt", "number", "null", "exists", "empty", "fieldref"]  # fmt: skip
LETTERS = "aAbB*?é\u0130ß\u212a\n\\.1"
OPS: tuple[Op, ...] = ("equals", "starts", "ends", "contains")


def narrowed(monkeypatch: pytest.MonkeyPatch, settings: dict[str, int]) -> None:
    for name, value in settings.items():
        monkeypatch.setattr(f"miharu.detect.{name}", value)


WAYS: dict[str, dict[str, int]] = {
    "as it is": {},
    "rows read at once": {"sheet._PIECEMEAL": 0},
    "texts taken for long": {"sheet._LENGTH": -1, "deciding._FEW": 0, "literals._LONG": 6, "literals._BLOCK": 8},
    "many tests": {"deciding._MANY_TESTS": 0, "matching._FEW": 0},
    "short exact texts scanned": {"engines._SHORTEST_EXACT": 1},
    "nothing remembered": {"screening._TRIAL": 1, "plan._ROWS": 2, "plan._VALUES": 2},
    "quick to reorder": {"deciding._MANY": 1},
    "columns looked up at once": {"lookups._FEW": -1},
    "rows tried anew": {"grouping._TRIAL": 0, "grouping._MOSTLY": 0},
    "rows tried anew now and then": {"grouping._TRIAL": 0, "grouping._MOSTLY": 0, "grouping._PAUSE": 16},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(6))
def test_random_rules_hold_for_random_events_as_the_plain_evaluator_says(
    seed: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrowed(monkeypatch, WAYS[way])
    random = Random(seed)
    drawn = rules(random, 24, WIDE, KINDS)
    rows = events(random, 80, words_of([detection for detection, _ in drawn]), WIDE)
    schema: dict[str, Any] = {**dict.fromkeys(("a", "b", "c", "ip"), pl.String), "n": pl.Int64}
    if seed % 2:
        schema["b"] = pl.List(pl.String)
        rows = [{**row, "b": [text for text in (row["b"], row["c"]) if text is not None]} for row in rows]
    ruleset = compiled(
        [rule({**detection, "condition": rendered(tree)}, str(at)) for at, (detection, tree) in enumerate(drawn)]
    )
    expected = {
        (str(at), place)
        for at, (detection, tree) in enumerate(drawn)
        for place, row in enumerate(rows)
        if holds(detection, tree, row)
    }
    assert expected
    frame = batch(rows, schema)
    assert hits(ruleset, frame) == expected
    assert in_parts(ruleset, frame) == expected


def in_parts(ruleset: RuleSet, frame: pl.DataFrame) -> set[tuple[str, int]]:
    """Return what one detector finds in small batches, twice each."""
    detector = Detector(ruleset)
    parts = [frame[first : first + 16] for first in range(0, len(frame), 16)]
    found = pl.concat([detector.run(part) for part in parts])
    again = pl.concat([detector.run(part) for part in parts])
    assert found.equals(again)
    return {(rule_id, int(event)) for rule_id, event in found.select("rule.id", "event.id").iter_rows()}


def texts_and_tests(seed: int) -> tuple[list[str], dict[int, ValueTest]]:
    random = Random(seed)

    def text(most: int) -> str:
        return "".join(random.choices(LETTERS, k=random.randint(0, most)))

    texts = list(dict.fromkeys(text(12) for _ in range(60)))
    tests = {number: ValueTest(random.choice(OPS), text(3) or "a", cased=random.random() < 0.4) for number in range(40)}
    return texts, tests


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("block", [1, 16, 1 << 26])
def test_literals_in_texts_that_lie_side_by_side(seed: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    narrowed(monkeypatch, {"literals._BLOCK": block, "engines._SHORTEST_EXACT": 1})
    texts, tests = texts_and_tests(seed)
    table = LiteralTable()
    search = table.add(tests, None)
    assert search is not None
    found = LiteralHits(table)
    series = pl.Series(texts)
    found.add(search, Lined(series), series, np.arange(len(texts)) + 100)
    pairs = [
        (owner, number) for owners, numbers in found.found() for owner, number in zip(owners, numbers, strict=True)
    ]
    judge = Judge()
    expected = {
        (place + 100, number)
        for place, text in enumerate(texts)
        for number, test in tests.items()
        if judge.holds_for(test, text)
    }
    assert set(pairs) == expected
    assert len(pairs) == len(expected)


@pytest.mark.parametrize("seed", range(10))
def test_screens_find_in_values_and_lists_what_single_tests_find(seed: int) -> None:
    texts, tests = texts_and_tests(seed)
    tests |= {100: ValueTest("number", "1"), 101: ValueTest("exists"), 102: ValueTest("cidr", "192.0.2.0/24")}
    texts += ["1", "01.0", "192.0.2.7", "192.0.3.7"]
    screens = Screens({}, {}, {3: tests, 8: {200: ValueTest("contains", "a")}}, Budget(1_000))
    judge = Judge()

    def expected(values: list[list[str]]) -> set[tuple[int, int]]:
        return {
            (place, number)
            for place, items in enumerate(values)
            for number, test in (tests | {200: ValueTest("contains", "a")}).items()
            if judge.holds(test, items)
        }

    lists = [[texts[place], texts[-place]] for place in range(len(texts))]
    single = TextColumn(pl.Series(texts))
    listed = TextColumn(pl.Series([orjson.dumps(items).decode() for items in lists]), lists=True)
    for values, column in (([[text] for text in texts], single), (lists, listed)):
        cells = Hasher().cells({"c": column})["c"]
        block = Block(cells.column, cells.rows, cells.hashes)
        for _ in range(2):
            rows, numbers = screens.find([(3, block), (8, block)])
            assert set(zip(rows.tolist(), numbers.tolist(), strict=True)) == expected(values)


@pytest.mark.parametrize(
    "take", [lambda texts: texts, lambda texts: texts.gather([3, 3, 0, 1, 5, 1]), lambda texts: texts[2:]]
)
def test_raw_texts_give_rows_and_numbers_once(take: Callable[[pl.Series], pl.Series]) -> None:
    texts = take(pl.Series([b"a needle and a NEEDLE in hay", None, b"needle", b"x" * 40 + b"hay", b"", b"nee"]))
    rows, numbers = RawScanner(["needle", "hay"]).pairs(RawColumn(texts))
    found = list(zip(rows.tolist(), numbers.tolist(), strict=True))
    assert found == sorted({
        (row, number)
        for row, text in enumerate(texts.to_list())
        for number, word in enumerate((b"needle", b"hay"))
        if text is not None and word in text.lower()
    })  # fmt: skip


def test_pieces_stand_in_every_text_and_are_given_up_when_avoided() -> None:
    texts = frozenset({"kerb::list", "misc::cmd", "libfirst.dll", "libother.dll", "alone"})
    pieces = shared_pieces(texts)
    assert len(pieces) < len(texts)
    assert all(any(piece in text for piece in pieces) for text in texts)
    others = shared_pieces(texts, pieces)
    assert others.isdisjoint(pieces - texts)
    assert all(any(piece in text for piece in others) for text in texts)


@pytest.mark.parametrize("seed", range(5))
def test_lists_of_numbers_laid_end_to_end(seed: int) -> None:
    random = Random(seed)
    lists = [[random.randint(0, 9) for _ in range(random.randint(0, 3))] for _ in range(12)]
    which = np.array([random.randrange(12) for _ in range(20)])
    owners, items = Ragged(lists).take(which)
    assert list(zip(owners.tolist(), items.tolist(), strict=True)) == [
        (place, item) for place, one in enumerate(which.tolist()) for item in lists[one]
    ]
    values = np.array([random.randint(0, 5) for _ in range(30)], dtype=np.uint64)
    places, numbers = places_by(values)
    assert values[places][numbers].tolist() == values.tolist()
    assert len(set(values[places].tolist())) == len(places)
    these, those = once(numbers, numbers % 3)
    assert list(zip(these.tolist(), those.tolist(), strict=True)) == sorted(
        {(one, one % 3) for one in numbers.tolist()}
    )
    rows, predicates = spread(np.array([1, 0]), np.array([7, 8]), numbers, np.arange(30) + 50)
    assert sorted(zip(rows.tolist(), predicates.tolist(), strict=True)) == sorted(
        (row + 50, {1: 7, 0: 8}[number]) for row, number in enumerate(numbers.tolist()) if number < 2
    )


def test_rows_that_differ_in_both_halves_of_their_key_are_told_apart() -> None:
    keys = RowKeys(4)
    keys.add_words(slice(None), (np.uint64(5), np.uint64(6)))
    keys.add_words([1, 3], (np.uint64(0), np.uint64(9)))
    places, numbers, names = keys.distinct(np.arange(4))
    assert numbers[0] == numbers[2] != numbers[1] == numbers[3]
    assert len(places) == len(set(names)) == 2


TWO_COLUMNS = SigmaMapping(
    (
        Family(
            None,
            Scope(entity=("host.name",)),
            ("{field}", "more.{field}"),
            {"test": Scope(where=((RowTest("event.dataset", (DATASET,)),),))},
            {},
        ),
    ),
    "two columns",
)


@pytest.mark.parametrize("way", WAYS)
def test_of_two_columns_the_first_that_has_a_value_counts(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    narrowed(monkeypatch, WAYS[way])
    ruleset = compiled(
        [
            rule({"s": {"f|contains": "needle"}, "condition": "s"}, "key"),
            rule({"s": {"g": "rare thing", "f|contains": ["needle", "pin"]}, "condition": "s"}, "asked"),
            rule(
                {"s": {"g": "rare thing"}, "filter": {"f|contains": "needle"}, "condition": "s and not filter"}, "not"
            ),
        ],
        TWO_COLUMNS,
    )
    frame = batch(
        [
            {"f": "a needle", "more.f": "nothing", "g": "rare thing"},
            {"f": "nothing", "more.f": "a needle", "g": "rare thing"},
            {"f": None, "more.f": "a needle", "g": "rare thing"},
            {"f": None, "more.f": None, "g": "rare thing"},
        ],
        {"f": pl.String, "more.f": pl.String},
    )
    expected = {("key", 0), ("key", 2), ("asked", 0), ("asked", 2), ("not", 1), ("not", 3)}
    assert hits(ruleset, frame) == expected
    assert in_parts(ruleset, frame) == expected
