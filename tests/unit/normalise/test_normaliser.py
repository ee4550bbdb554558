from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from miharu.catalog import LogSource, load_fields, read_logsources
from miharu.core.chunk import Fields
from miharu.core.columns import REQUIRED_COLUMNS
from miharu.normalise import Normaliser
from miharu.normalise.normaliser import gather_frames
from tests.unit.parse.record_frames import REFERENCE, records

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
FIELDS = load_fields()

DOOR = r"""
id: acme.door
title: t
vendor: v
product: p
recognise: {container: [line]}
time: {fields: [when], formats: [iso8601]}
map:
  who: user.name
  address: [source.ip, source.address]
  port: source.port
  groups: user.roles
  lid: event.code
  seen: event.start
  open: process.interactive
  weight: event.risk_score
  old: host.name
  new: host.name
set:
  event.category: [session]
  event.action: general
  event.severity: 3
when:
  - {if: {code: [1, 2]}, set: {event.action: low, event.outcome: success}}
  - {if: {code: 2, who: {exists: true}}, set: {event.action: named}, map: {who: user.target.name}}
  - {if: {note: {contains: alarm}}, set: {event.kind: alert}}
lookup:
  - {field: code, table: colours, to: event.reason}
leftovers: {prefix: door, drop: [secret]}
tests: []
"""


@pytest.fixture
def door(tmp_path: Path) -> Normaliser:
    return Normaliser(sources(tmp_path, DOOR), FIELDS, "UTC", {"colours": {"1": "red"}})


def sources(tmp_path: Path, *texts: str) -> list[LogSource]:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.yml"
        path.write_text(text)
        paths.append((path, path.name))
    return read_logsources(paths, FIELDS, frozenset({"colours"}))


def frame(**columns: list[object]) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    return records([b"raw %d" % row for row in range(height)]).with_columns(
        pl.Series(name, values, strict=False) for name, values in columns.items()
    )


def events(normaliser: Normaliser, *frames: pl.DataFrame) -> list[dict[str, object]]:
    batch = normaliser.run([Fields("acme.door", one) for one in frames], CREATED)
    return [{key: value for key, value in row.items() if value is not None} for row in batch.to_dicts()]


def test_batch_has_the_required_columns_in_order(door: Normaliser) -> None:
    batch = door.run([Fields("acme.door", frame(who=["bob"]))], CREATED)
    assert batch.columns[: len(REQUIRED_COLUMNS) + 1] == ["record.row", *REQUIRED_COLUMNS]
    assert batch.columns[-1] == "fields"
    row = batch.row(0, named=True)
    assert row["@timestamp"] == REFERENCE
    assert row["event.created"] == CREATED
    assert row["event.original"] == b"raw 0"
    assert row["event.dataset"] == "acme.door"
    assert row["ecs.version"] == FIELDS.version
    assert batch.schema["log.offset"] == pl.UInt64


def test_no_fields_give_an_empty_batch(door: Normaliser) -> None:
    batch = door.run([], CREATED)
    assert batch.is_empty()
    assert set(REQUIRED_COLUMNS) < set(batch.columns)


def test_columns_have_the_types_of_the_schema(door: Normaliser) -> None:
    columns = frame(
        address=["192.0.2.1"],
        port=["443"],
        groups=["staff"],
        lid=[7],
        seen=["2025-06-14T10:15:02+02:00"],
        open=["true"],
        weight=["1.5"],
    )
    batch = door.run([Fields("acme.door", columns)], CREATED)
    for name in batch.columns:
        if name in FIELDS and name not in REQUIRED_COLUMNS:
            assert batch.schema[name] == FIELDS.dtype(name), name
    row = batch.row(0, named=True)
    assert row["source.port"] == 443
    assert row["user.roles"] == ["staff"]
    assert row["event.code"] == "7"
    assert row["event.start"] == datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC)
    assert row["process.interactive"] is True
    assert row["event.risk_score"] == 1.5


def test_what_does_not_fit_its_field_is_kept_among_the_leftovers(door: Normaliser) -> None:
    found = events(door, frame(address=["192.0.2.1", "printer"], port=["443", "https"], other=["x", None]))
    assert found[0]["source.ip"] == "192.0.2.1"
    assert json.loads(str(found[0]["fields"])) == {"door.other": "x"}
    assert "source.ip" not in found[1]
    assert found[1]["source.address"] == "printer"
    assert json.loads(str(found[1]["fields"])) == {"door.port": "https"}


def test_what_is_to_be_kept_stays_under_its_own_name_too(tmp_path: Path) -> None:
    keeping = DOOR.replace("drop: [secret]", "keep: [who, open]")
    (found,) = events(
        Normaliser(sources(tmp_path, keeping), FIELDS, "UTC", {"colours": {}}), frame(who=["bob"], lid=["7"])
    )
    assert found["user.name"] == "bob"
    assert json.loads(str(found["fields"])) == {"door.who": "bob"}


def test_leftovers_are_exact_json_without_nulls(door: Normaliser) -> None:
    odd = 'q"uo\\te\n\x01ü'
    found = events(
        door,
        frame(
            a=[odd, None, None],
            b=[1, 2, None],
            c=[True, True, True],
            d=[[1.5, 2.0], None, None],
            secret=["s", "s", "s"],
        ),
    )
    assert [json.loads(str(event["fields"])) for event in found] == [
        {"door.a": odd, "door.b": 1, "door.c": True, "door.d": [1.5, 2.0]},
        {"door.b": 2, "door.c": True},
        {"door.c": True},
    ]


def test_time_is_read_and_not_left_over_and_bad_time_is_kept(door: Normaliser) -> None:
    good, bad = events(door, frame(when=["2025-06-14T08:15:02Z", "soon"]))
    assert good["@timestamp"] == datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC)
    assert bad["@timestamp"] == REFERENCE
    assert json.loads(str(bad["fields"])) == {"door.when": "soon"}
    (only,) = events(door, frame(when=["2025-06-14T08:15:02Z"]))
    assert "fields" not in only


def test_what_wins_where_several_speak(door: Normaliser) -> None:
    found = events(
        door, frame(code=[None, "1", "2", "2"], who=["a", "b", "c", None], old=["o", "o", None, None], new=["n"] * 4)
    )
    assert [event["event.action"] for event in found] == ["general", "low", "named", "low"]
    assert [event.get("event.outcome") for event in found] == [None, "success", "success", "success"]
    assert [event.get("user.target.name") for event in found] == [None, None, "c", None]
    assert [event.get("user.name") for event in found] == ["a", "b", "c", None]
    assert [event["host.name"] for event in found] == ["o", "o", "n", "n"]
    assert [event.get("event.reason") for event in found] == [None, "red", None, None]


def test_conditions_on_columns_of_many_values(door: Normaliser) -> None:
    notes = [f"note {number} {'alarm' if number % 3 == 0 else ''}" for number in range(1000)]
    found = events(door, frame(note=notes, code=[str(number) for number in range(1000)]))
    assert [event["event.kind"] == "alert" for event in found] == [number % 3 == 0 for number in range(1000)]
    assert [event["event.action"] for event in found[:4]] == ["general", "low", "low", "general"]


def test_rows_of_many_frames_come_back_in_order(door: Normaliser) -> None:
    whole = frame(who=[f"u{row}" for row in range(50)])
    parts = [whole.slice(30, 20).with_columns(x=pl.lit(1)), whole.slice(0, 10), whole.slice(10, 20)]
    found = events(door, *parts)
    assert [event["user.name"] for event in found] == [f"u{row}" for row in range(50)]


def test_tags_of_the_record_are_kept(door: Normaliser) -> None:
    tagged = frame(who=["a", "b"]).with_columns(pl.Series("record.tags", [["invalid_utf8"], None]))
    assert [event.get("tags") for event in events(door, tagged)] == [["invalid_utf8"], None]


def test_related_and_network_fields_are_filled_alike(door: Normaliser) -> None:
    found = events(door, frame(address=["192.0.2.1", "2001:db8::1", None], who=["bob", None, None]))
    assert [event.get("related.ip") for event in found] == [["192.0.2.1"], ["2001:db8::1"], None]
    assert [event.get("related.user") for event in found] == [["bob"], None, None]
    assert all(event["event.kind"] == "event" for event in found)


ADOPT = r"""
id: acme.door
title: t
vendor: v
product: p
recognise: {container: [json]}
leftovers: {prefix: json, adopt: true}
tests: []
"""


def test_adopted_names_go_to_their_field_if_they_fit(tmp_path: Path) -> None:
    normaliser = Normaliser(sources(tmp_path, ADOPT), FIELDS, "UTC", {})
    columns = {
        "source.ip": ["192.0.2.1", "nowhere"],
        "event.dataset": ["mine", "mine"],
        "event.category": [["web"], None],
        "process.pid": [7, 8],
        "related.ip": [["192.0.2.7"], None],
        "labels": ["x", "y"],
    }
    found = events(normaliser, frame(**columns))  # type: ignore[arg-type]
    assert found[0]["source.ip"] == "192.0.2.1"
    assert found[0]["event.dataset"] == "acme.door"
    assert found[0]["event.category"] == ["web"]
    assert found[0]["process.pid"] == 7
    assert found[0]["related.ip"] == ["192.0.2.7", "192.0.2.1"]
    assert json.loads(str(found[0]["fields"])) == {"json.event.dataset": "mine", "json.labels": "x"}
    assert json.loads(str(found[1]["fields"])) == {
        "json.event.dataset": "mine",
        "json.labels": "y",
        "json.source.ip": "nowhere",
    }


def test_small_frames_are_stacked_and_wide_ones_kept_apart() -> None:
    same = [pl.DataFrame({"b": [1], "a": ["x"]}), pl.DataFrame({"a": ["y"], "b": [2]})]
    assert [one.height for one in gather_frames(same)] == [2]
    wide = [pl.DataFrame({f"{block}.{number}": [1] for number in range(300)}) for block in range(3)]
    assert [one.width for one in gather_frames(wide)] == [300, 300, 300]
    clash = [pl.DataFrame({"a": ["x"]}), pl.DataFrame({"a": [1]})]
    assert [one.height for one in gather_frames(clash)] == [1, 1]
    assert [one.height for one in gather_frames([pl.DataFrame({"a": [1] * 2000}), pl.DataFrame({"b": [1]})])] == [
        2000,
        1,
    ]
