"""Groups found without stepping through the tail are those that the whole expression finds."""

from __future__ import annotations

from itertools import chain

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.catalog import load_logsources
from miharu.parse.tails import Matches, search, tailed

SOURCES = load_logsources()
ALL_PATTERNS = sorted(
    {
        form.pattern
        for source in SOURCES
        for step in source.read
        for form in (*step.default, *chain.from_iterable(step.patterns.values()))
    }
)
PATTERNS = [pattern for pattern in ALL_PATTERNS if tailed(pattern)]
SAMPLES = pl.Series("text", sorted({sample.record for source in SOURCES for sample in source.tests}))


def whole(text: pl.Series, pattern: str) -> dict[str, list[str | None]]:
    return {one.name: one.to_list() for one in text.str.extract_groups(pattern).struct.unnest().get_columns()}


def held(text: pl.Series, pattern: str) -> dict[str, list[str | None]]:
    return {one.name: one.to_list() for one in search([(text, pattern)])[0].groups}


def hits(found: Matches, height: int) -> list[bool]:
    return [True] * height if found.hits is None else found.hits.to_list()


def test_every_shipped_pattern_matches_the_same_texts() -> None:
    for pattern in ALL_PATTERNS:
        (found,) = search([(SAMPLES, pattern)])
        assert hits(found, len(SAMPLES)) == SAMPLES.str.contains(pattern).to_list(), pattern
        if found.groups:
            assert held(SAMPLES, pattern) == whole(SAMPLES, pattern), pattern


def test_every_shipped_pattern_gives_the_same_groups() -> None:
    assert len(PATTERNS) > 50
    for pattern in PATTERNS:
        text = SAMPLES.filter(SAMPLES.str.contains(pattern))
        assert held(text, pattern) == whole(text, pattern), pattern


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        (r"^(?P<a>\S+) (?P<rest>.*)$", True),
        (r"(?s)^(?P<a>[^|]+)\|(?P<rest>.+)$", True),
        (r"^(?:a|b) (?P<rest>.*)$", True),
        (r"^a|b(?P<rest>.*)$", False),
        (r"^(?:a|b(?P<rest>.*)$)", False),
        (r"(?P<a>x) (?P<rest>.*)$", False),
        (r"(?m)^(?P<rest>.*)$", False),
        (r"^x(?P<rest>.*?)$", True),
        (r"^x(?P<rest>.*?)[; ]*\]?\s*$", True),
        (r"^x(?P<rest>.*?)(?: more.*)?$", True),
        (r"^x(?P<rest>.*?)(?: (?P<more>.*))?$", False),
        (r"^x(?P<rest>.*?)\s+$", False),
        (r"^x(?P<rest>.*?)\b$", False),
        (r"^x(?P<rest>.*?)(?:a|b)?$", False),
        (r"^x(?P<rest>.*)\s*$", False),
        (r"^x(?P<rest>.*)\$", False),
        (r"^x (?P<rest>[a-z]+=.*)$", True),
        (r"^x (?P<rest>(?:a|b) .*)$", True),
        (r"^x (?P<rest>a|b.*)$", False),
        (r"^x (?P<rest>(?P<key>a)=.*)$", False),
        (r"^x (?P<rest>a\.*)$", False),
        (r"^x (?P<rest>[a.*)$", False),
        (r"^x(?P<rest>.*)", False),
        (r"^[|](?P<rest>.*)$", True),
        (r"^\|(?P<rest>.*)$", True),
    ],
)
def test_only_a_last_group_that_takes_the_rest_is_cut_off(pattern: str, *, there: bool) -> None:
    assert (tailed(pattern) is not None) == there


@given(st.lists(st.text(alphabet="ab :|\n\\ü", max_size=12), min_size=1))
def test_whatever_the_texts_hold(texts: list[str]) -> None:
    for pattern in (
        r"^(?P<a>[ab]*)(?: (?P<b>a+))? ?(?P<rest>.*)$",
        r"(?s)^(?P<a>[ab]*)(?: (?P<b>a+))? ?(?P<rest>.+)$",
        r"^(?P<a>a*) ?(?P<rest>.+)$",
        r"(?s)^(?P<rest>.*)$",
        r"^(?P<a>a*)(?P<rest>.*?)[ |]*:?\s*$",
        r"(?s)^(?P<a>a*)(?P<rest>.+?)(?: .*)?$",
        r"(?i)^(?P<a>[ab]*?) ?(?P<rest>(?:A|ab)\|?.*)$",
        r"^(?P<a>a*)(?P<rest>b+.+)$",
    ):
        text = pl.Series("text", texts)
        (found,) = search([(text, pattern)])
        assert hits(found, len(texts)) == text.str.contains(pattern).to_list()
        text = text.filter(text.str.contains(pattern))
        assert held(text, pattern) == whole(text, pattern)
