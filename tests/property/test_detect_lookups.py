"""What tables and columns answer is what the plain definition of each test says."""

from __future__ import annotations

from typing import Final

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.detect.judging import Judge
from miharu.detect.literals import Lined
from miharu.detect.lookups import FieldLookup
from miharu.detect.model import ValueTest

_OCTETS: Final = st.sampled_from(["0", "1", "9", "10", "01", "127", "255", "256", "1000", "x", ""])
_DOTTED: Final = st.lists(_OCTETS, min_size=3, max_size=5).map(".".join)
_SIXES: Final = st.sampled_from(
    ["::", "::1", "2001:db8::7", "2001:DB8:0::7", "::ffff:10.1.9.255", "fe80::1%eth0", "1:2", ":", "10:1.9.255"]
)
_NUMBERS: Final = st.sampled_from(
    ["0", "5", "05", "+5", "-5", "5.0", "5e0", "5E+0", "50e-1", "1e3", "1000", "5.", ".5", "5 ", "\u0665", "1e999"]
)
_WORDS: Final = st.sampled_from(
    ["", "Straße", "STRASSE", "straße", "ﬁn", "FIN", "Cmd.EXE", "cmd.exe", "İ", "i̇", "K", "k"]
)
_TEXTS: Final = st.one_of(_DOTTED, _SIXES, _NUMBERS, _WORDS, st.text(max_size=6))
_NETWORKS: Final = st.sampled_from(
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.9.255/32", "127.0.0.0/8", "9.0.0.0/9", "::/0", "2001:db8::/32", "::ffff:0:0/96"]
)
_TESTS: Final = st.one_of(
    st.builds(lambda text, cased: ValueTest("equals", text, cased=cased), _TEXTS, st.booleans()),
    st.builds(lambda text: ValueTest("number", text), _NUMBERS),
    st.builds(lambda text: ValueTest("cidr", text), _NETWORKS),
    st.builds(lambda text: ValueTest("lt", text), st.sampled_from(["5", "1000"])),
    st.builds(lambda: ValueTest("exists", "")),
)


@given(st.lists(_TESTS, min_size=1, max_size=8), st.lists(_TEXTS, max_size=40))
def test_a_lookup_finds_what_the_plain_definition_holds(tests: list[ValueTest], texts: list[str]) -> None:
    judge = Judge()
    wanted = {
        (place, number)
        for place, text in enumerate(texts)
        for number, test in enumerate(tests)
        if test.op == "exists" or judge.holds_for(test, text)
    }
    column = pl.Series(texts, dtype=pl.String)
    found = FieldLookup(dict(enumerate(tests)), None).find(Lined(column), column)
    pairs = [pair for places, numbers in found for pair in zip(places.tolist(), numbers.tolist(), strict=True)]
    assert set(pairs) == wanted
    assert len(pairs) == len(wanted)
