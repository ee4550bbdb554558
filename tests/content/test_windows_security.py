"""Every event of the Security channel, by category of the audit policy: what is made of its documented event data.

`security_events.jsonl` holds one event a line: its number, event data in Microsoft's names, and everything the event
must say besides its head, its raw event data and, but for `"subject": false`, the account that did it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from miharu.catalog import load_fields, load_logsources, load_lookups
from miharu.core.columns import LEFTOVERS
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.pipeline.sourcesamples import CREATED, plain_events
from tests.unit.parse.windows_samples import records

FILE: Final = Path(__file__).with_name("security_events.jsonl")
EVENTS: Final[dict[int, dict[str, Any]]] = {
    event["id"]: event for event in map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
}
SUBJECT: Final = {
    "SubjectUserSid": "S-1-5-21-1111-2222-3333-1104",
    "SubjectUserName": "alice",
    "SubjectDomainName": "EXAMPLE",
    "SubjectLogonId": "0x4f2a1",
}
ACTOR: Final = {
    "user.id": "S-1-5-21-1111-2222-3333-1104",
    "user.name": "alice",
    "user.domain": "EXAMPLE",
    "winlog.logon.id": "0x4f2a1",
}
ALONE: Final = {"related.hosts": ["dc01.example.com"]}
"""Said by nearly every event; written down where an event says something else."""

HEAD: Final = (
    *("@timestamp", "event.code", "event.dataset", "event.kind", "event.module", "event.provider", "host."),
    *("log.level", "winlog.channel", "winlog.computer_name", "winlog.event_id", "winlog.keywords", "winlog.level"),
    *("winlog.opcode", "winlog.process.", "winlog.provider_", "winlog.record_id", "winlog.task_id", "winlog.version"),
)
RAW: Final = "winlog.event_data."


@cache
def machinery() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def record(
    number: int,
    data: dict[str, str],
    *,
    failure: bool = False,
    keywords: str = "",
    provider: str = "Microsoft-Windows-Security-Auditing",
) -> str:
    system = {
        "Provider": {"#attributes": {"Name": provider}},
        "EventID": number,
        "Version": 0,
        "Level": 0,
        "Task": 0,
        "Opcode": 0,
        "Keywords": keywords or ("0x8010000000000000" if failure else "0x8020000000000000"),
        "TimeCreated": {"#attributes": {"SystemTime": "2025-06-14T08:15:02.500000Z"}},
        "EventRecordID": 7000,
        "Execution": {"#attributes": {"ProcessID": 676, "ThreadID": 3100}},
        "Channel": "Security",
        "Computer": "dc01.example.com",
    }
    return json.dumps({"Event": {"System": system, "EventData": data}})


def events_of(lines: Iterable[str]) -> list[dict[str, Any]]:
    parser, normaliser = machinery()
    parsed = parser.read("lines", records(*lines))
    assert parsed.rejects.is_empty()
    batch = normaliser.run(parsed.fields, CREATED)
    return [event for _, event in plain_events(batch)]


def said(event: dict[str, Any], data: dict[str, str]) -> dict[str, Any]:
    """Return what an event says besides its head; its raw event data must be there as it was, in whatever field."""
    kept = dict(event.get(LEFTOVERS, {}))
    for name, value in data.items():
        held = event.get(RAW + name, kept.pop(RAW + name, None))
        assert isinstance(held, list) or value in (held, *event.values()), name
    own = {
        name: value
        for name, value in event.items()
        if name != LEFTOVERS
        and not name.startswith(HEAD)
        and (not name.startswith(RAW) or name.removeprefix(RAW) not in data or isinstance(value, list))
    }
    return own | ({LEFTOVERS: kept} if kept else {})


def check(numbers: Iterable[int]) -> None:
    wanted = [EVENTS[number] for number in numbers]
    data = [(SUBJECT if one.get("subject", True) else {}) | one["data"] for one in wanted]
    lines = [
        record(one["id"], values, failure=one.get("failure", False)) for one, values in zip(wanted, data, strict=True)
    ]
    for one, values, event in zip(wanted, data, events_of(lines), strict=True):
        common = ALONE | (ACTOR if one.get("subject", True) else {})
        expected = {name: value for name, value in (common | one["expect"]).items() if value is not None}
        assert said(event, values) == expected, one["id"]


@pytest.mark.mission("S77")
def test_account_logon() -> None:
    check([4649, *range(4770, 4776), 4777, 4820, 4822, 4823, 4824])


@pytest.mark.mission("S78")
def test_account_management() -> None:
    check(
        number for number in EVENTS if number != 4739 and (number in range(4722, 4768) or number in range(4780, 4800))
    )


@pytest.mark.mission("S79")
def test_directory_service_access() -> None:
    check([4661, *range(4928, 4938), *range(5136, 5140), 5141])


@pytest.mark.mission("S80")
def test_logon_and_logoff() -> None:
    check([4626, 4627, 4634, 4647, 4672, 4675, 4778, 4800, 4801, 4802, 4803, 4825, 4964, 5378, 5632, 5633, 6272, 6273])


@pytest.mark.mission("S81")
def test_object_access() -> None:
    check([4656, *range(4658, 4662), 4663, 4664, 4670, 4671, 4690, 4691, *range(4698, 4703)])
    check([*range(4868, 4901), *range(5140, 5146), *range(5146, 5157), 5158, 5159, 5168])


@pytest.mark.mission("S82")
def test_policy_change() -> None:
    check([*range(4703, 4706), 4707, *range(4713, 4719), 4739, 4817, 4819, 4826, *range(4864, 4868)])
    check([4902, *range(4904, 4914), *range(4944, 4955), 4956, 4957, 4958, 5040, 5043, 5046, 5447, 6144, 6145])


@pytest.mark.mission("S83")
def test_privilege_use() -> None:
    check([4672, 4674, 4985])


@pytest.mark.mission("S84")
def test_process_tracking() -> None:
    check([4688, *range(4692, 4697), 5712, 6416, *range(6419, 6425)])


@pytest.mark.mission("S85")
def test_system_events() -> None:
    check([1100, 1101, 1104, 1105, 1108, *range(4608, 4613), 4614, 4615, 4618, 4621, 4622])
    check([5024, 5025, *range(5027, 5036), *range(5037, 5040), *range(5056, 5072), 5376, 5377, 5379, 5381, 5382, 8191])


def test_every_event_with_event_data() -> None:
    check(EVENTS)


@pytest.mark.mission("S76")
def test_every_event_of_the_channel_is_told_in_ecs_words() -> None:
    numbers = [int(number) for number in load_lookups()["windows_security_action"]]
    assert len(numbers) > 400
    for number, event in zip(numbers, events_of(record(number, {}) for number in numbers), strict=True):
        assert event["event.code"] == str(number)
        assert {"event.action", "event.category", "event.type"} <= event.keys(), number


@pytest.mark.mission("S76")
def test_an_unknown_event_of_the_channel_is_kept_without_words() -> None:
    (event,) = events_of([record(4999, SUBJECT | {"Sum": "7"})])
    assert (event["event.dataset"], event["user.name"]) == ("windows.security", "alice")
    assert event[LEFTOVERS] == {"winlog.event_data.Sum": "7"}
    assert not {"event.action", "event.category", "event.type"} & event.keys()


@pytest.mark.parametrize(
    ("provider", "number", "action"),
    [
        ("AD FS Auditing", 1203, "federation-credentials-refused"),
        ("VSSAudit", 8222, "shadow-copy-created"),
        ("Microsoft-Windows-Security-Auditing", 8222, None),
    ],
)
def test_other_programs_write_into_the_channel(provider: str, number: int, action: str | None) -> None:
    (event,) = events_of([record(number, {}, provider=provider)])
    assert event.get("event.action") == action


@pytest.mark.parametrize(
    ("keywords", "outcome"),
    [
        ("0x8020000000000000", "success"),
        ("0x8010000000000000", "failure"),
        ("0x80a0000000000000", "success"),  # with the bit of classic events
        ("0x8090000000000000", "failure"),
        ("0x8000000000000000", None),
    ],
)
def test_keywords_tell_the_outcome(keywords: str, outcome: str | None) -> None:
    (event,) = events_of([record(4673, {}, keywords=keywords)])
    assert event.get("event.outcome") == outcome


def test_who_asked_for_a_logon_is_among_its_users() -> None:
    (event,) = events_of([record(4624, SUBJECT | {"TargetUserName": "svc-sql", "TargetDomainName": "EXAMPLE"})])
    assert (event["user.name"], sorted(event["related.user"])) == ("svc-sql", ["alice", "svc-sql"])


@pytest.mark.parametrize(
    ("kind", "mask", "words"),
    [
        ("File", "0x1", ["ReadData (or ListDirectory)"]),
        ("Key", "0x20001", ["Query key value", "READ_CONTROL"]),
        (
            "Process",
            "0x1410",
            ["Read from process memory", "Query process information", "Query limited process information"],
        ),
        ("Event", "0x120003", ["READ_CONTROL", "SYNCHRONIZE"]),
        ("File", "0x0", None),
        ("File", "-", None),
    ],
)
def test_bits_of_a_mask_are_told_by_the_kind_of_object(kind: str, mask: str, words: list[str] | None) -> None:
    (event,) = events_of([record(4663, {"ObjectType": kind, "AccessMask": mask})])
    assert event.get("winlog.event_data.AccessMaskDescription") == words


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        ("::ffff:192.0.2.15", "192.0.2.15"),
        ("::1", "::1"),
        ("2001:DB8::15", "2001:db8::15"),
        ("-", None),
        ("LOCAL", None),
        ("", None),
    ],
)
def test_forms_of_an_address(address: str, ip: str | None) -> None:
    (event,) = events_of([record(4624, {"IpAddress": address, "IpPort": "-", "TargetUserName": "-"})])
    assert event.get("source.ip") == ip
    assert event["winlog.event_data.IpAddress"] == address
    assert not {"source.port", "user.name"} & event.keys()
