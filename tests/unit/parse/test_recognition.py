from __future__ import annotations

import polars as pl
import pytest

from miharu.catalog import Condition, Leftovers, LogSource, Recognition
from miharu.parse.recognition import recognise


def source(name: str, *where: Condition) -> LogSource:
    return LogSource(name, "", "", "", "", "", 0, Recognition(("line",), where), Leftovers("x"))


def claims(frames: list[pl.DataFrame], *sources: LogSource) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for claim in recognise(frames, sources):
        found.setdefault(claim.source.id, []).extend(claim.frame.get_column("n").to_list())
    return {name: sorted(rows, key=int) for name, rows in found.items()}  # type: ignore[call-overload]


LINES = pl.DataFrame({"n": range(6), "m": ["one door", "a door", None, "DOOR", "two", "door two"]})


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (Condition("m", "in", ("two", "DOOR")), [3, 4]),
        (Condition("m", "starts", ("one", "door")), [0, 5]),
        (Condition("m", "ends", ("door",)), [0, 1]),
        (Condition("m", "contains", ("door",)), [0, 1, 5]),
        (Condition("m", "lacks", ("door", "DOOR")), [4]),
        (Condition("m", "matches", ("^.+ door$", "^DO+R$")), [0, 1, 3]),
        (Condition("m", "exists", ("true",)), [0, 1, 3, 4, 5]),
        (Condition("m", "exists", ("false",)), [2]),
        (Condition("other", "exists", ("false",)), [0, 1, 2, 3, 4, 5]),
        (Condition("n", "in", ("4",)), [4]),
    ],
)
def test_each_test_claims_its_rows(condition: Condition, rows: list[int]) -> None:
    found = claims([LINES], source("it", condition), source("rest"))
    assert found.get("it") == rows
    assert sorted(found.get("rest", []) + rows) == list(range(6))


def test_another_way_to_be_recognised_is_enough() -> None:
    door, two = Condition("m", "contains", ("door",)), Condition("m", "in", ("two",))
    ways = Recognition(("line",), (door, Condition("n", "in", ("0",))), ((two,), (Condition("other", "in", ("x",)),)))
    one = LogSource("it", "", "", "", "", "", 0, ways, Leftovers("x"))
    assert claims([LINES], one, source("rest")) == {"it": [0, 4], "rest": [1, 2, 3, 5]}


def test_sources_are_asked_in_order_and_all_conditions_must_hold() -> None:
    found = claims(
        [LINES],
        source("first", Condition("m", "contains", ("door",)), Condition("m", "starts", ("a",))),
        source("second", Condition("m", "contains", ("door",))),
        source("rest"),
    )
    assert found == {"first": [1], "second": [0, 5], "rest": [2, 3, 4]}


def test_many_frames_of_different_columns_are_split_by_owner() -> None:
    frames = [
        pl.DataFrame({"n": [0, 1], "channel": ["a", "b"]}),
        pl.DataFrame({"n": [2], "other": [1.5]}),
        pl.DataFrame({"n": [3, 4], "channel": ["b", "b"]}),
        pl.DataFrame({"n": [], "channel": []}, schema={"n": pl.Int64, "channel": pl.String}),
    ]
    found = claims(frames, source("b", Condition("channel", "in", ("b",))), source("rest"))
    assert found == {"b": [1, 3, 4], "rest": [0, 2]}


def test_few_distinct_values_give_the_same_answer_as_many() -> None:
    many = pl.DataFrame({"n": range(2000), "m": [f"prog{number % 3}" for number in range(2000)]})
    found = claims(
        [many],
        source("one", Condition("m", "matches", ("1$",))),
        source("two", Condition("m", "ends", ("2",))),
        source("rest"),
    )
    assert {name: len(rows) for name, rows in found.items()} == {"one": 667, "two": 666, "rest": 667}
    assert found["one"] == list(range(1, 2000, 3))


def test_many_literals_give_the_same_answer_as_few() -> None:
    lines = pl.DataFrame({"n": range(600), "m": [f"word{number} end{number % 7}" for number in range(600)]})
    others = [source(f"s{number}", Condition("m", "contains", (f"absent{number}",))) for number in range(20)]
    wanted = [
        source("starts", Condition("m", "starts", ("word59", "nothing"))),
        source("ends", Condition("m", "ends", ("end3",))),
        source("contains", Condition("m", "contains", ("d1", "absent1 "))),
        source("empty", Condition("m", "contains", ("",)), Condition("m", "ends", ("4",))),
        source("rest"),
    ]
    assert claims([lines], *others, *wanted) == claims([lines], *wanted)
