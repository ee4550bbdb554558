"""Headers of RFC 5424 found in two steps are those that one regular expression finds."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.parse.structured_data import read_5424, structured_data

# As section 6 writes it.
ELEMENT = r'\[[^\s=\]"]{1,64}(?:\ +[^\s=\]"]{1,64}="(?:[^"\\]|\\.)*")*\ *\]'
WHOLE = rf"""(?xs)^
<(?P<priority>[0-9]{{1,3}})>(?P<version>[1-9][0-9]{{0,2}})\ +
(?P<timestamp>\S+)\ +(?P<hostname>\S+)\ +(?P<program>\S+)\ +(?P<procid>\S+)\ +(?P<msgid>\S+)\ +
(?P<sd>-|(?:{ELEMENT})+)(?:\ {{1,2}}|$)(?P<message>.*)$"""

HEADS = st.sampled_from(["<34>1 2003-10-11T22:14:15Z host app 123 ID47 ", "<1>1 - -  - - - ", "<34>0 - - - - - ", ""])
PIECES = st.sampled_from(
    [
        "-",
        "[a@1]",
        '[a@1.2.3 k="v" l="w\\"\\]"]',
        '[a k="]"]',
        '[x y[z="1"]',
        " ",
        "  ",
        "m",
        "[",
        "]",
        '="',
        '"',
        "\\",
        "\n",
        "ü",
        f'[{"n" * 64} k=""]',
        f"[{'n' * 65}]",
        f'[a {"n" * 65}="v"]',
    ]
)
TEXTS = st.builds(lambda head, pieces: head + "".join(pieces), HEADS, st.lists(PIECES, max_size=6))


@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_in_two_steps_as_in_one(texts: list[str]) -> None:
    text = pl.Series("text", texts)
    whole = text.str.extract_groups(WHOLE).struct.unnest().rows(named=True)
    found = read_5424(text).rows(named=True)
    for expected, told in zip(whole, found, strict=True):
        assert (told["version"] is None) == (expected["version"] is None)
        if expected["version"] is not None:
            assert told == expected


def test_names_and_escapes() -> None:
    data = pl.Series(['[a@1.2.3 k="v" l="\\"\\]\\\\"][b k=""]', None, "[c]"])
    assert {series.name: series.to_list() for series in structured_data(data)} == {
        "sd.a@1.k": ["v", None, None],
        "sd.a@1.l": ['"]\\', None, None],
        "sd.b.k": ["", None, None],
    }
