"""Whatever bytes come, the JSON reader returns each record once and gives back what was written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from miharu.core.columns import is_taken
from miharu.parse.json_shapes import read_json
from tests.unit.parse.windows_samples import records

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), max_size=6)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def rows_of(raws: list[bytes]) -> tuple[dict[int, dict[str, Any]], set[int]]:
    frames, rejects = read_json(records(*raws))
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    found = {row["record.row"]: row for row in rows}
    assert len(found) == len(rows)
    return found, set(rejects["record.row"])


@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"{", b"{}", b'{"a":1}', b'{"a":{"b":1}}', b"[1]", b"nul", b"null", b'"\\ud800"']),
        max_size=12,
    )
)
def test_every_record_once_whatever_the_bytes(raws: list[bytes]) -> None:
    found, rejected = rows_of(raws)
    assert not found.keys() & rejected
    assert found.keys() | rejected == set(range(len(raws)))


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=1, max_size=8))
def test_objects_are_never_rejected(events: list[dict[str, Any]]) -> None:
    found, rejected = rows_of([json.dumps(event).encode() for event in events])
    assert not rejected
    assert len(found) == len(events)


@given(st.lists(st.dictionaries(NAMES, SCALARS, max_size=5), min_size=1, max_size=8))
def test_scalars_come_back_as_they_are_or_as_text(events: list[dict[str, Any]]) -> None:
    found, _ = rows_of([json.dumps(event).encode() for event in events])
    for at, event in enumerate(events):
        values = {
            f"json.{name}" if is_taken(name) else name: value for name, value in event.items() if value is not None
        }
        row = {name: value for name, value in found[at].items() if value is not None and not name.startswith("record.")}
        assert row.keys() == values.keys()
        for name, value in values.items():
            text = value if isinstance(value, str) else json.dumps(value)
            assert row[name] == text or (row[name] == value and type(row[name]) is type(value))


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=6), st.randoms())
def test_order_of_records_does_not_matter(events: list[dict[str, Any]], random: Any) -> None:
    raws = [json.dumps(event).encode() for event in events]
    order = list(range(len(raws)))
    random.shuffle(order)
    straight, _ = rows_of(raws)
    shuffled, _ = rows_of([raws[at] for at in order])
    for position, at in enumerate(order):
        assert values_of(straight[at]) == values_of(shuffled[position])


def values_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None and not name.startswith("record.")}
