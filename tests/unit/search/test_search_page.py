"""The reference pages say what is: every example compiles, every function and aggregate is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miharu.core.settings import Settings
from miharu.search import compile_search
from miharu.search.aggregates import AGGREGATES
from miharu.search.expressions import FUNCTIONS, SPECIAL
from miharu.store.guard import TABLES, wrap

PAGES = Path(__file__).parents[3] / "docs" / "reference"
SEARCH = (PAGES / "search.md").read_text(encoding="utf-8")
SQL = (PAGES / "sql.md").read_text(encoding="utf-8")
TEXT = "Nullable(String)"
COLUMNS = {
    "@timestamp": "DateTime64(6, 'UTC')",
    "event.id": "String",
    "event.original": "String",
    "event.dataset": "LowCardinality(String)",
    "message": TEXT,
    "fields": TEXT,
    "destination.port": "Nullable(Int64)",
    "tags": "Array(String)",
    **dict.fromkeys(
        ["host.name", "user.name", "source.ip", "event.action", "event.outcome", "event.code", "process.name"], TEXT
    ),
    "process.command_line": TEXT,
}


def fenced(page: str, kind: str) -> list[str]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def in_filter_table() -> list[str]:
    return [row[1] for row in re.finditer(r"^\| `([^`]+)` \|", SEARCH.split("## Pipes")[0], re.MULTILINE)]


@pytest.mark.parametrize("text", [*fenced(SEARCH, "search"), *in_filter_table()])
def test_an_example_compiles(text: str) -> None:
    query = compile_search(text, COLUMNS)
    assert query.sql.startswith("SELECT ")
    assert query.columns
    assert wrap(query.sql)


@pytest.mark.parametrize("text", fenced(SQL, "sql"))
def test_an_sql_example_is_one_statement(text: str) -> None:
    assert wrap(text)


def test_the_pages_name_everything() -> None:
    words = set(re.findall(r"[\w@.]+", SEARCH))
    assert {name for name in (*FUNCTIONS, *SPECIAL, *AGGREGATES) if name[0].isalpha() and name != "negative"} <= words
    assert all(f"`{table}`" in SQL for table in TABLES)
    assert [name for name in re.findall(r"`(query_\w+|store_\w+)`", SQL) if name not in Settings.model_fields] == []


def test_there_are_examples() -> None:
    assert len(fenced(SEARCH, "search")) + len(in_filter_table()) > len(AGGREGATES)
    assert fenced(SQL, "sql")
