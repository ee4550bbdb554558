"""The same event sent by six kinds of sender is read, and normalised, as the same event."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.parse import windows_samples as samples

CREATED: Final = datetime(2025, 6, 15, tzinfo=UTC)
NOT_COMPARED: Final = {"event.original", "event.id", "fields", "record.row"}
NOT_CARRIED: Final[dict[str, set[str]]] = {
    # No words of the rendered event.
    "evtx": {"message", "winlog.task", "winlog.opcode"},
    "plain_json": {"message", "winlog.task", "winlog.opcode"},
    "bare_xml": {"message", "winlog.task", "winlog.opcode"},
    "rendered_xml": set(),
    # XML writes a line's end as one character, XML 1.0 2.11; see `test_line_ends`.
    "winlogbeat": {"winlog.task_id", "winlog.opcode_id", "winlog.keywords"},
    "nxlog": set(),
    "wazuh": {"winlog.task", "winlog.opcode"},
}
"""Fields that a kind of sender leaves out. Winlogbeat's keywords tell audit success and failure only."""

EVENTS: Final = {"sysmon": samples.SYSMON, "logon": samples.LOGON}


def senders(event: dict[str, Any]) -> dict[str, str]:
    return {
        "rendered_xml": samples.xml(event),
        "bare_xml": samples.xml(event, rendered=False, namespace=False),
        "evtx": samples.evtx(event),
        "plain_json": samples.plain_json(event),
        "winlogbeat": samples.winlogbeat(event),
        "nxlog": samples.nxlog(event),
        "wazuh": samples.wazuh(event),
    }


@cache
def machinery() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def normalised(raw: str) -> dict[str, Any]:
    parser, normaliser = machinery()
    parsed = parser.read("lines", samples.records(raw))
    assert parsed.rejects.is_empty()
    batch = normaliser.run(parsed.fields, CREATED)
    assert batch.height == 1
    event = {name: value for name, value in batch.row(0, named=True).items() if value is not None}
    if "message" in event:
        event["message"] = event["message"].replace("\r\n", "\n")
    return {name: value for name, value in event.items() if name not in NOT_COMPARED}


@pytest.mark.parametrize("sender", list(NOT_CARRIED))
@pytest.mark.parametrize("kind", list(EVENTS))
def test_same_event(kind: str, sender: str) -> None:
    expected = normalised(senders(EVENTS[kind])["rendered_xml"])
    left_out = {name for name in NOT_CARRIED[sender] if name in expected}
    if kind == "logon":
        left_out.discard("winlog.task")  # the number of a task of the Security channel tells its words
    if (kind, sender) == ("logon", "winlogbeat"):
        left_out.discard("winlog.keywords")
    given = normalised(senders(EVENTS[kind])[sender])
    assert given == {name: value for name, value in expected.items() if name not in left_out}


def test_event_is_complete() -> None:
    event = normalised(samples.xml(samples.LOGON))
    wanted = {
        "@timestamp": datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC),
        "event.dataset": "windows.security",
        "event.action": "logon-failed",
        "event.outcome": "failure",
        "user.name": "alice",
        "source.ip": "192.0.2.15",
        "winlog.event_data.IpAddress": "::ffff:192.0.2.15",
        "winlog.logon.type": "Network",
        "winlog.logon.failure.sub_status": "wrong password",
    }
    assert {name: event.get(name) for name in wanted} == wanted


def test_bookkeeping_is_left_over() -> None:
    parser, normaliser = machinery()
    parsed = parser.read("lines", samples.records(samples.nxlog(samples.SYSMON)))
    left = normaliser.run(parsed.fields, CREATED).get_column("fields")[0]
    assert '"winlog.port":51000' in left
    assert '"winlog.SourceModuleName":"eventlog"' in left
    assert "event_data" not in left


def test_mixed_senders_in_one_chunk() -> None:
    parser, normaliser = machinery()
    raws = [raw for event in EVENTS.values() for raw in senders(event).values()]
    parsed = parser.read("lines", samples.records(*raws))
    batch = normaliser.run(parsed.fields, CREATED)
    assert batch.get_column("record.row").to_list() == list(range(len(raws)))
    for at, raw in enumerate(raws):
        alone = normalised(raw)
        row = {name: value for name, value in batch.row(at, named=True).items() if value is not None}
        if "message" in row:
            row["message"] = row["message"].replace("\r\n", "\n")
        together = {name: value for name, value in row.items() if name not in NOT_COMPARED | {"log.offset"}}
        assert together == {name: value for name, value in alone.items() if name != "log.offset"}
