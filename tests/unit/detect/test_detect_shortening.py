"""Regular expressions lose what they need not find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.detect.shortening import shortened

pytestmark = pytest.mark.mission("S22")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"-k\s\w{1,64}(?:\s?(?:-p|-s))?", r"-k\s\w"),
        (r"(?i)ab+c*", r"(?i)ab"),
        (r"ab{2,5}", r"ab{2,5}"),
        (r"a(b|c)*?", "a"),
        (r"x[^\]a]?", "x"),
        (r"a+$", r"a+$"),
        (r"a\b?", r"a\b?"),
        ("a|bc?", "a|bc?"),
        ("a?", "a?"),
        (r"(a)(?=b)c?", r"(a)(?=b)c?"),
        (r"(a)\1?", r"(a)\1?"),
        (r"a\x41?", "a"),
        (r"a\u0041?", r"a\u0041?"),
        (r"\(a\)?", r"\(a"),
        ("a{,3}", "a{,3}"),
        ("a++", "a++"),
    ],
)
def test_what_may_be_missing_at_the_end_is_dropped(pattern: str, expected: str) -> None:
    assert shortened(pattern) == expected


ATOMS = st.sampled_from(["a", "b", r"\s", r"\w", ".", "[ab]", "[^a]", r"\(", "^", "$", r"\b", r"[\]b]"])
QUANTIFIERS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,2}", "{0,1}", "*?", "+?", "{1,}"])


def repeated(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Sequences of items, each with a quantifier that may stand there."""
    item = st.builds(lambda text, how: text if text in {"^", "$", r"\b"} else text + how, items, QUANTIFIERS)
    return st.lists(item, min_size=1, max_size=4).map("".join)


def groups(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    inner = repeated(items)
    return st.one_of(st.builds("(?:{}|{})".format, inner, inner), inner.map("({})".format))


PATTERNS = repeated(st.recursive(ATOMS, groups, max_leaves=4))


@given(PATTERNS, st.lists(st.text("ab (]\n", max_size=8), min_size=1, max_size=12))
def test_it_is_found_in_the_same_texts(pattern: str, texts: list[str]) -> None:
    found, short = re.compile(pattern), re.compile(shortened(pattern))
    assert [found.search(text) is None for text in texts] == [short.search(text) is None for text in texts]
