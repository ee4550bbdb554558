from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.exceptions import ComputeError

from miharu.catalog import load_logsources
from miharu.parse.leading import leading
from miharu.parse.needed import needed


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[0-9]{4}-[A-C] x", "0123-A x"),
        (r"^\[a", "[a"),
        (r"^ab+c", "abc"),
        (r"^ab?c", "ac"),
        (r"^ab?c", "ab"),
        (r"^a{2,}b", "aab"),
        (r"^a|^b", "a"),
        (r"^(?:a|b)", "b"),
        (r"^(?:[0-9]{2}-)?x", "x"),
        (r"^(?:a|bc)d", "bc"),
        (r"^a(?i:b)c", "a"),
        (r"a", ""),
        (r"^a|b", ""),
        (r"(?i)^a", ""),
        (r"^\p{L}a", ""),
        (r"^[[:alpha:]]a", ""),
        (r"^[a&&b]", ""),
    ],
)
def test_what_is_certain(pattern: str, text: str) -> None:
    found = leading(pattern)
    assert len(found) == len(text)
    assert all(chars is not None and char in chars for chars, char in zip(found, text, strict=True))


def test_what_is_not_certain_may_be_anything() -> None:
    assert leading(r"^.\Sa") == (None, None, frozenset("a"))
    assert leading(r"^[\w]a") == (None, frozenset("a"))
    assert leading(r"^[^x]b") == (None, frozenset("b"))
    assert leading(r"^a$|^bc") == (frozenset("ab"),)


PATTERNS = sorted(
    {
        pattern
        for source in load_logsources()
        for condition in source.recognise.where
        if condition.test == "matches"
        for pattern in condition.values
    }
)
SAMPLES = pl.Series(sorted({sample.record for source in load_logsources() for sample in source.tests}))


def test_no_sample_that_matches_begins_otherwise() -> None:
    assert sum(bool(leading(pattern)) for pattern in PATTERNS) > 50
    for pattern in PATTERNS:
        for text in SAMPLES.filter(SAMPLES.str.contains(pattern)):
            begins = zip(leading(pattern), text, strict=False)
            assert all(chars is None or char in chars for chars, char in begins), pattern
            assert len(text) >= len(leading(pattern)), pattern


def test_texts_that_are_needed() -> None:
    assert needed(r"^x \[INFO\]") == {"x [INFO]"}
    assert needed(r"a(?:bcd|efgh)+x") == {"bcd", "efgh"}
    assert needed(r"(?:abc)?d") == needed("(?i)abc") == needed("abc|d") == needed("[[:alpha:]]abc") == frozenset()


def test_no_sample_that_matches_lacks_what_is_needed() -> None:
    assert sum(bool(needed(pattern)) for pattern in PATTERNS) > 100
    for pattern in PATTERNS:
        if wanted := needed(pattern):
            assert SAMPLES.filter(SAMPLES.str.contains(pattern)).str.contains_any(sorted(wanted)).all(), pattern


@given(st.text("abc(|)?*+[^]", max_size=14), st.text("abc", max_size=12))
def test_a_text_that_matches_always_holds_what_is_needed(pattern: str, text: str) -> None:
    try:
        found = pl.Series([text]).str.contains(pattern)[0]
    except ComputeError:
        return
    wanted = needed(pattern)
    assert not found or not wanted or any(one in text for one in wanted)


simple = st.text("ab[0-]{2,}?*+|^$\\.()", max_size=12)


@given(simple, st.text("ab02-[].", max_size=8))
def test_a_text_that_matches_always_begins_so(pattern: str, text: str) -> None:
    try:
        found = pl.Series([text]).str.contains(pattern)[0]
    except ComputeError:
        return
    if found:
        wanted = leading(pattern)
        assert len(text) >= len(wanted)
        assert all(chars is None or char in chars for chars, char in zip(wanted, text, strict=False))
