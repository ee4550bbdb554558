"""Conditions of `when` on values of any kind."""

from __future__ import annotations

import polars as pl

from miharu.catalog import Condition, LogSource, Recognition, When, load_fields
from miharu.catalog.logsource import Leftovers
from miharu.normalise.choices import SET, Choices


def chosen(frame: pl.DataFrame, *whens: When) -> list[object]:
    source = LogSource(
        id="example.log", path="", title="", vendor="", product="", page="", priority=1,
        recognise=Recognition(("json",)), leftovers=Leftovers("example"), when=whens,
    )  # fmt: skip
    columns = {series.name: series for series in Choices(source, load_fields()).columns(frame)}
    made = columns.get(f"{SET}event.action")
    return [None] * frame.height if made is None else made.to_list()


def test_the_items_of_a_list_are_asked_as_one_text() -> None:
    lists = pl.Series("kinds", [["A", "B"], ["C"], [], None, [None, "A"]], dtype=pl.List(pl.String))
    found = chosen(
        pl.DataFrame([lists]),
        When((Condition("kinds", "contains", ("A",)),), {"event.action": "has_a"}),
        When((Condition("kinds", "in", ("C",)),), {"event.action": "is_c"}),
    )
    assert found == ["has_a", "is_c", None, None, "has_a"]


def test_numbers_and_booleans_are_asked_as_text() -> None:
    frame = pl.DataFrame({"ok": [True, False], "code": [7, 8]})
    found = chosen(
        frame,
        When((Condition("ok", "in", ("true",)),), {"event.action": "ok"}),
        When((Condition("code", "in", ("8",)),), {"event.action": "eight"}),
    )
    assert found == ["ok", "eight"]
