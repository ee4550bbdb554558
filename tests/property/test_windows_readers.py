"""Whatever comes as a Windows event, it is read or rejected, and read as the same event by every way."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given
from hypothesis import strategies as st

from miharu.parse.json_shapes import read_json
from miharu.parse.text import with_text
from miharu.parse.windows_forms import looks_like_windows_text
from miharu.parse.windows_shapes import flatten_windows
from miharu.parse.windows_text import read_windows_text
from miharu.parse.windows_xml import read_windows_xml
from tests.unit.parse import windows_samples as samples
from tests.unit.parse.windows_samples import records

TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
NAMES = st.from_regex(r"[A-Z][A-Za-z]{1,8}", fullmatch=True).filter(
    lambda name: not name.lower().endswith("guid") and name not in ("Data", "Binary")
)
DATA = st.dictionaries(NAMES, TEXTS, max_size=5)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 2**40)
    | TEXTS
    | st.lists(TEXTS, max_size=2)
    | st.dictionaries(NAMES, TEXTS, max_size=2)
)
FLAT = st.dictionaries(
    st.sampled_from(
        [
            "EventID",
            "Channel",
            "EventTime",
            "@timestamp",
            "EventType",
            "Keywords",
            "Level",
            "EventReceivedTime",
            "Version",
            "Message",
            "TimeCreated",
            "Severity",
            "StringInserts",
        ]
    )
    | NAMES,
    VALUES,
    max_size=8,
)
TREES = st.fixed_dictionaries(
    {"System": st.fixed_dictionaries({"EventID": VALUES, "Channel": VALUES, "Provider": VALUES, "Keywords": VALUES})},
    optional={"EventData": VALUES | DATA, "UserData": VALUES | DATA, "RenderingInfo": VALUES},
)
BEATS = st.fixed_dictionaries(
    {
        "winlog": st.fixed_dictionaries(
            {"channel": VALUES, "event_id": VALUES, "keywords": VALUES, "event_data": VALUES}
        ),
        "log": VALUES,
    }
)


@given(st.lists(FLAT | TREES | BEATS | TREES.map(lambda tree: {"Event": tree}), min_size=1, max_size=6))
def test_every_json_event_once_whatever_it_holds(events: list[dict[str, Any]]) -> None:
    frames, rejects = read_json(records(*(json.dumps(event) for event in events)))
    assert rejects.is_empty()
    windows, others = flatten_windows(frames)
    rows = [row for frame in (*windows, *others) for row in frame["record.row"]]
    assert sorted(rows) == list(range(len(events)))


@given(st.binary(max_size=60) | st.text(st.sampled_from("<>/&;='\"EventSysm ID1"), max_size=60).map(str.encode))
def test_every_xml_record_once_whatever_the_bytes(tail: bytes) -> None:
    raws = [tail, b"<Event>" + tail, samples.xml(samples.SYSMON)[:150].encode() + tail]
    frames, rejects = read_windows_xml(records(*raws))
    rows = [row for frame in frames for row in frame["record.row"]] + list(rejects["record.row"])
    assert sorted(rows) == [0, 1, 2]


@given(DATA)
def test_event_data_is_the_same_by_json_and_xml(data: dict[str, str]) -> None:
    tree = {"Event": {"System": {"EventID": 1, "Channel": "X"}, "EventData": data}}
    inner = "".join(f"<Data Name={quoteattr(name)}>{escape(value)}</Data>" for name, value in data.items())
    xml = f"<Event><System><EventID>1</EventID><Channel>X</Channel></System><EventData>{inner}</EventData></Event>"
    by_json = flatten_windows(read_json(records(json.dumps(tree)))[0])[0][0]
    by_xml = read_windows_xml(records(xml))[0][0]
    assert event_data(by_json.row(0, named=True)) == event_data(by_xml.row(0, named=True)) == data


def event_data(row: dict[str, Any]) -> dict[str, str]:
    return {name.removeprefix("EventData."): value for name, value in row.items() if name.startswith("EventData.")}


PIECES = st.sampled_from(
    [
        *(
            "Audit Success",
            "Information",
            "警告",
            "5/11/2018 10:29:47 AM",
            "2018-13-41 99:99",
            ",",
            "\t",
            " - ",
            "\n",
            '"',
        ),
        *("Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Sysmon", "Service Control Manager", "4624", "7036"),
        *(
            "Subject:",
            "Account Name:",
            "Security ID:",
            "サブジェクト:",
            "アカウント名:",
            "Image:",
            "MSWinEventLog",
            "#011",
        ),
        *("WinEvtLog: ", "LogName=Security", "EventCode=4625", "Message=", "AUDIT_FAILURE", "(4625)", ": ", "<13>"),
        *(
            "Jun 14 08:15:02 relay ",
            "\ufeff",
            "\x00",
            "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        ),
    ]
)


@given(st.lists(st.lists(PIECES | TEXTS, max_size=14).map("".join), min_size=1, max_size=4))
def test_every_text_once_whatever_it_holds(texts: list[str]) -> None:
    rows = with_text(records(*texts))
    frames, rest = read_windows_text(rows.filter(looks_like_windows_text(rows["record.text"])), "Europe/Berlin")
    others = rows.filter(~looks_like_windows_text(rows["record.text"]))
    found = [row for frame in (*frames, rest, others) for row in frame["record.row"]]
    assert sorted(found) == list(range(len(texts)))
    for frame in frames:
        assert not frame["System.EventID"].null_count()
