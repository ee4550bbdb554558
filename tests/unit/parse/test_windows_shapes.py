"""Windows events from JSON in canonical columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from miharu.parse.json_shapes import read_json
from miharu.parse.windows_names import canonical_names, dialect_of
from miharu.parse.windows_shapes import flatten_windows
from tests.unit.parse import windows_samples as samples
from tests.unit.parse.windows_samples import records


def flat(*events: dict[str, Any] | str, timezone: str = "UTC") -> list[dict[str, Any]]:
    raws = [event if isinstance(event, str) else json.dumps(event) for event in events]
    frames, _ = read_json(records(*raws))
    windows, others = flatten_windows(frames, timezone)
    assert not others
    rows = {row["record.row"]: row for frame in windows for row in frame.iter_rows(named=True)}
    return [
        {name: value for name, value in rows[at].items() if value is not None and not name.startswith("record.")}
        for at in range(len(raws))
    ]


def tree(data: Any = None, *, event: Any = 1, channel: str = "Application", user_data: Any = None) -> dict[str, Any]:
    system = {"Provider": {"#attributes": {"Name": "Example"}}, "EventID": event, "Channel": channel}
    return {"Event": {"System": system, "EventData": data, "UserData": user_data}}


def test_other_json_is_left_alone() -> None:
    frames, _ = read_json(records('{"EventID":1}', '{"Channel":"Security"}', '{"a":1}', '{"winlogs":{"channel":1}}'))
    windows, others = flatten_windows(frames)
    assert not windows
    assert sum(frame.height for frame in others) == 4


@pytest.mark.parametrize(
    ("names", "dialect"),
    [
        ({"EventID", "Channel", "x"}, "flat"),
        ({"EventID", "Channel", "EventTime"}, "nxlog"),
        ({"winlog.channel"}, "winlogbeat"),
        ({"win.system.eventID"}, "wazuh"),
        ({"data.win.system.eventID", "rule.id"}, "wazuh"),
        ({"Event.System.EventID"}, "event"),
        ({"System.EventID.#text"}, "event"),
        ({"Event.SystemX"}, None),
    ],
)
def test_dialects(names: set[str], dialect: str | None) -> None:
    assert dialect_of(names) == dialect


def test_a_frame_for_each_channel() -> None:
    raws = [samples.evtx(samples.SYSMON), samples.evtx(samples.LOGON), samples.evtx(samples.SYSMON)]
    frames, _ = read_json(records(*raws))
    windows, _ = flatten_windows(frames)
    assert sorted(frame.height for frame in windows) == [1, 2]
    assert all(frame["System.Channel"].n_unique() == 1 for frame in windows)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"Data": {"#text": ["one", "two"]}}, {"param1": "one", "param2": "two", "Data": "one\ntwo"}),
        ({"Data": {"#text": "one"}}, {"param1": "one", "Data": "one"}),
        ({"Data": ["one", "two"]}, {"param1": "one", "param2": "two", "Data": "one\ntwo"}),
        ({"Data": "one"}, {"param1": "one", "Data": "one"}),
        ({"param1": "one", "param2": "two"}, {"param1": "one", "param2": "two", "Data": "one\ntwo"}),
        ({"Data": [{"@Name": "A", "#text": "x"}, {"@Name": "B", "#text": "y"}]}, {"A": "x", "B": "y"}),
        (
            {"Data": [{"#attributes": {"Name": "A"}, "#text": "x"}, {"#text": "y"}]},
            {"A": "x", "param1": "y", "Data": "y"},
        ),
        ({"A": 1, "B": True, "C": 1.5, "D": ["x", "y"]}, {"A": "1", "B": "true", "C": "1.5", "D": "x, y"}),
        (
            {"LogonGuid": "0A1B2C3D-0001-684D-0100-00000000FF00"},
            {"LogonGuid": "{0a1b2c3d-0001-684d-0100-00000000ff00}"},
        ),
        ({"LogonGuid": "-", "Binary": None}, {"LogonGuid": "-"}),
    ],
)
def test_event_data(data: dict[str, Any], expected: dict[str, str]) -> None:
    (event,) = flat(tree(data))
    found = {name.removeprefix("EventData."): value for name, value in event.items() if name.startswith("EventData.")}
    assert found == expected


def test_user_data_is_event_data_too() -> None:
    inner = {"#attributes": {"xmlns": "urn:example"}, "User": "alice", "Where": {"Host": "ws07"}}
    (event,) = flat(tree({"User": "kept"}, user_data={"Cleared": inner}))
    assert event["UserData.User"] == "alice"
    assert event["EventData.User"] == "kept"
    assert event["UserData.Where.Host"] == "ws07"
    (event,) = flat(tree(user_data={"Cleared": inner}))
    assert event["EventData.User"] == "alice"
    assert not any("xmlns" in name for name in event)


def test_event_id_with_qualifiers_stacks_with_one_without() -> None:
    first, second = flat(tree({"A": 1}), tree({"A": "x"}, event={"#attributes": {"Qualifiers": 16384}, "#text": 7045}))
    assert (first["System.EventID"], first["EventData.A"]) == ("1", "1")
    assert (second["System.EventID"], second["System.Qualifiers"], second["EventData.A"]) == ("7045", "16384", "x")


def test_nxlog_event_type_is_not_event_data() -> None:
    base = {"EventID": 13, "Channel": "X", "EventTime": "2025-06-14 10:00:00", "Severity": "WARNING"}
    own, theirs = flat(base | {"EventType": "WARNING"}, base | {"EventType": "SetValue"})
    assert "EventData.EventType" not in own
    assert theirs["EventData.EventType"] == "SetValue"
    assert own["System.Level"] == theirs["System.Level"] == "3"


def test_process_id_of_the_head_and_of_the_data() -> None:
    both = {
        "EventID": 1,
        "Channel": "X",
        "EventTime": "2025-06-14 10:00:00",
        "ExecutionProcessID": 4,
        "ProcessID": "77",
    }
    (event,) = flat(both)
    assert (event["System.ProcessID"], event["EventData.ProcessID"]) == ("4", "77")
    (event,) = flat({"EventID": 5156, "Channel": "X", "ProcessID": "77", "TimeCreated": "2025-06-14T10:00:00Z"})
    assert event["EventData.ProcessID"] == "77"


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        (-9214364837600034816, "0x8020000000000000"),
        (36028797018963968, "0x80000000000000"),
        ("-9223372036854775808", "0x8000000000000000"),
        ("0x8010000000000000", "0x8010000000000000"),
    ],
)
def test_keywords(keywords: object, expected: str) -> None:
    (event,) = flat({"EventID": 1, "Channel": "X", "Keywords": keywords})
    assert event["System.Keywords"] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"TimeCreated": "2025-06-14T08:15:02.1234567Z"}, datetime(2025, 6, 14, 8, 15, 2, 123456, tzinfo=UTC)),
        ({"TimeCreated": "2025-06-14T17:15:02.5+09:00"}, datetime(2025, 6, 14, 8, 15, 2, 500000, tzinfo=UTC)),
        ({"TimeCreated": "2025-06-14 17:15:02"}, datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC)),
        ({"EventTime": "2025-06-14T08:15:02.5Z"}, datetime(2025, 6, 14, 8, 15, 2, 500000, tzinfo=UTC)),
        ({"EventTime": "2025-06-14 17:15:02"}, datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC)),
        (
            {
                "EventTime": "2025-06-13 10:00:00",
                "EventReceivedTime": "2025-06-14 10:15:02",
                "@timestamp": "2025-06-14T14:15:04.5Z",
            },
            datetime(2025, 6, 13, 14, 0, tzinfo=UTC),
        ),
        (
            {
                "EventTime": "2025-06-14 13:45:02",
                "EventReceivedTime": "2025-06-14 13:45:03",
                "@timestamp": "2025-06-14T08:15:04.5Z",
            },
            datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC),
        ),
        ({"@timestamp": "2025-06-14T08:15:02Z"}, datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC)),
    ],
    ids=["ticks", "offset", "no zone", "zoned", "zone given", "late and west", "half hour east", "receipt only"],
)
def test_event_time(fields: dict[str, str], expected: datetime) -> None:
    (event,) = flat({"EventID": 1, "Channel": "X"} | fields, timezone="Asia/Tokyo")
    assert event["System.TimeCreated"] == expected


def test_unread_time_is_kept() -> None:
    (event,) = flat({"EventID": 1, "Channel": "X", "TimeCreated": "yesterday"})
    assert event["System.TimeCreatedText"] == "yesterday"
    assert "System.TimeCreated" not in event


def test_a_name_is_given_once() -> None:
    names = canonical_names(["Hostname", "Computer", "EventID", "record.id"], "flat")
    assert names == {"EventID": "System.EventID", "Hostname": "System.Computer", "Computer": "EventData.Computer"}


def test_schema_does_not_depend_on_neighbours() -> None:
    alone = flat(samples.evtx(samples.SYSMON))[0]
    mixed = flat(samples.nxlog(samples.SYSMON), samples.evtx(samples.SYSMON), samples.evtx(samples.LOGON))[1]
    assert mixed == alone


def test_columns_are_text() -> None:
    frames, _ = read_json(
        records(*(make(samples.SYSMON) for make in (samples.evtx, samples.nxlog, samples.winlogbeat)))
    )
    for frame in flatten_windows(frames)[0]:
        for name, dtype in frame.schema.items():
            if name.startswith(("System.", "EventData.")) and name != "System.TimeCreated":
                assert dtype == pl.String, name
