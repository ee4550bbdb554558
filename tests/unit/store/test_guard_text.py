"""What the guard does to a text before any engine sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.store.guard import check, connection_statements, guarded, query_error, wrap
from miharu.store.guard_lexer import read_statement

PIECES = st.sampled_from(
    ["SELECT", " ", "\n", "'", "''", "\\", "`", '"', "(", ")", ";", "--", "/*", "*/", "#", "$", "a", "AS", "1", "é"]
)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_refused_or_keeps_its_length_and_one_statement(text: str) -> None:
    sql = f"SELECT {text}"
    try:
        wrapped = wrap(sql)
    except QueryError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.position is not None
        assert 0 <= refused.position <= len(sql)
        assert refused.hint
        return
    inner = wrapped.removeprefix("SELECT * FROM (\n").removesuffix("\n)")
    assert len(inner) <= len(sql)
    assert all(new in (" ", old) for new, old in zip(inner, sql, strict=False))
    assert read_statement(inner).text == inner


def test_comments_become_blanks_and_strings_stay() -> None:
    assert wrap("SELECT 1 -- x").split("\n")[1] == "SELECT 1"
    assert wrap("SELECT /* a;b */ '/* c */'").split("\n")[1] == f"SELECT {' ' * 9} '/* c */'"


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("SELECT 1; SELECT 2", 8),
        ("SELECT 'a", 7),
        ("SELECT (1", 7),
        ("SELECT 1)", 8),
        ("SELECT (1]", 9),
        ("DROP TABLE events", 0),
        ("SELECT @timestamp", 7),
        ("SELECT `a\nb`", 7),
        ("WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1", 22),
    ],
)
def test_refusals_point_at_the_character(sql: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        wrap(sql)
    assert caught.value.position == position
    assert caught.value.hint


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("WITH a AS (SELECT 1) SELECT * FROM a", ("a",)),
        ("WITH `a b` AS (SELECT 1), c (x, y) AS (WITH d AS ((SELECT 2)) SELECT 1) SELECT 1", ("a b", "c", "d")),
        ("WITH a AS MATERIALIZED (SELECT 1) SELECT 1 AS b", ("a",)),
        ("SELECT CAST(a AS String), (SELECT 1) AS b FROM events WINDOW w AS (ORDER BY a)", ()),
    ],
)
def test_names_of_subqueries(sql: str, names: tuple[str, ...]) -> None:
    assert read_statement(sql).names == names


def test_the_overlay_database_is_refused() -> None:
    with pytest.raises(ValueError, match="default"):
        connection_statements(Settings(), "default")
    statements = connection_statements(Settings(query_rows=7), "siem", {"session_timezone": "'UTC'"})
    assert statements[0] == "USE siem"
    assert "max_result_rows = 7" in statements[1]
    assert "session_timezone = 'UTC'" in statements[1]
    assert statements[-1] == "SET readonly = 1"


def test_only_the_explained_text_reaches_the_engine() -> None:
    """The engine is asked to explain first; what it prints decides, and a refused text is never run."""
    asked: list[str] = []

    def execute(sql: str) -> str:
        asked.append(sql)
        return "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)"

    with pytest.raises(QueryError):
        guarded("SELECT 1", execute)
    assert asked == ["EXPLAIN AST SELECT * FROM (\nSELECT 1\n)"]


def test_a_tree_with_strange_lines_is_refused() -> None:
    with pytest.raises(QueryError):
        check("")
    with pytest.raises(QueryError):
        check("SelectQuery (children 1)\n\n\n")


@pytest.mark.parametrize(
    ("message", "text", "hint"),
    [
        (
            "Code: 159. DB::Exception: Timeout exceeded: 1. (TIMEOUT_EXCEEDED)",
            "The query took longer than allowed.",
            "narrow",
        ),
        (
            "Code: 47. DB::Exception: Unknown identifier `a`. Maybe you meant: ['ab']. In scope SELECT a. (X)",
            "Unknown identifier `a`.",
            "did you mean 'ab'?",
        ),
        ("strange", "strange.", ""),
    ],
)
def test_engine_errors_in_plain_words(message: str, text: str, hint: str) -> None:
    error = query_error(message, "SELECT a")
    assert str(error) == text
    assert error.hint.startswith(hint)
