from __future__ import annotations

import polars as pl

from miharu.parse.pairs import LOOKS_LIKE_PAIRS, MAX_KEYS, REST, read_pairs


def pairs(*texts: str) -> list[dict[str, str]]:
    series = read_pairs(pl.Series(texts))
    rows = pl.DataFrame(series).to_dicts() if series else [{} for _ in texts]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def test_values_bare_and_quoted() -> None:
    assert pairs('a=1 b="x \\"y\\" z" c=\'q r\' d= e=f=g, h="open') == [
        {"a": "1", "b": 'x "y" z', "c": "q r", "d": "", "e": "f=g", "h": '"open'}
    ]


def test_rows_have_their_own_keys_and_the_first_of_two_wins() -> None:
    assert pairs("a=1 a=2", "no pairs", "b=3") == [{"a": "1"}, {}, {"b": "3"}]
    assert pairs("nothing at all") == [{}]


def test_columns_are_bounded_and_nothing_is_lost() -> None:
    text = " ".join(f"k{number}={number}" for number in range(MAX_KEYS + 20))
    (row,) = pairs(text)
    assert len(row) == MAX_KEYS + 1
    assert row[REST] == " ".join(f"k{number}={number}" for number in range(MAX_KEYS, MAX_KEYS + 20))


def test_what_looks_like_pairs() -> None:
    lines = ["a=1 b=2", 'ts="x y" level=info', "a=1", "see a=1 b=2", "if (a==1) b=2", "type=A msg=audit(1:2): x=1"]
    assert pl.Series(lines).str.contains(LOOKS_LIKE_PAIRS).to_list() == [True, True, False, False, False, True]
