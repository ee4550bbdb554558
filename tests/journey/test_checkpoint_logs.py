"""Check Point's security log → events, as a gateway sends it by syslog and as the appliance shows and saves it.

From documentation (http://www.checkpoint.com/smb/help/utm1/8.1/8897.htm and the Log Exporter's guide): the line of an
appliance is in words, with the ends of a connection as `Src:`, `SPort:`, `Dst:`, `DPort:` and the number of its
protocol as `IPP:`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.journey.reading import events_of, write_files

FLOW = "Src:192.0.2.15 SPort:40112 Dst:203.0.113.80 DPort:{port} IPP:6 Rule:5 Interface:LAN"

ACTIONS: dict[str, tuple[str, str]] = {
    "Accepted": ("Packet Accepted, Outbound " + FLOW.format(port=443), "443"),
    "Decrypted": ("Packet Decrypted, Inbound " + FLOW.format(port=22), "22"),
    "Dropped": ("Packet Dropped, Inbound " + FLOW.format(port=23), "23"),
    "Encrypted": ("Packet Encrypted, Outbound " + FLOW.format(port=3389), "3389"),
    "Rejected": ("Packet Rejected, Outbound " + FLOW.format(port=135), "135"),
    "Monitored": ("Packet Monitored, Inbound " + FLOW.format(port=445), "445"),
    "URL Allowed": ("URL Allowed " + FLOW.format(port=80) + " URL:http://www.example.com/a", "80"),
    "URL Filtered": ("URL Filtered " + FLOW.format(port=80) + " URL:http://games.example.com/b", "80"),
    "Virus Detected": ("Virus Detected " + FLOW.format(port=110) + " Virus:EICAR", "110"),
    "Potential Spam Stamped": ("Potential Spam Stamped " + FLOW.format(port=25) + " From:a@example.com", "25"),
    "Potential Spam Detected": ("Potential Spam Detected " + FLOW.format(port=25) + " From:b@example.com", "25"),
    "Mail Allowed": ("Mail Allowed " + FLOW.format(port=25) + " From:c@example.com", "25"),
    "Blocked by VStream Antivirus": ("Blocked by VStream Antivirus, Inbound " + FLOW.format(port=21), "21"),
}
"""The thirteen actions of the security log: the line by syslog, and the port that it is about."""

SUSPICIOUS = "Packet Accepted, Inbound " + FLOW.format(port=53) + " Reason:SmartDefense"

EXPECTED = [
    pytest.param(
        "Accepted", ("accepted", ["network"], "success", "green"), marks=pytest.mark.mission("S150"), id="accepted"
    ),
    pytest.param(
        "Decrypted", ("decrypted", ["network"], "success", "green"), marks=pytest.mark.mission("S151"), id="decrypted"
    ),
    pytest.param(
        "Dropped", ("dropped", ["network"], "failure", "red"), marks=pytest.mark.mission("S152"), id="dropped"
    ),
    pytest.param(
        "Encrypted", ("encrypted", ["network"], "success", "green"), marks=pytest.mark.mission("S153"), id="encrypted"
    ),
    pytest.param(
        "Rejected", ("rejected", ["network"], "failure", "red"), marks=pytest.mark.mission("S154"), id="rejected"
    ),
    pytest.param(
        "Monitored",
        ("monitored", ["intrusion_detection", "network"], "success", "orange"),
        marks=pytest.mark.mission("S155"),
        id="monitored",
    ),
    pytest.param(
        "URL Allowed",
        ("url-allowed", ["web", "network"], "success", "green"),
        marks=pytest.mark.mission("S156"),
        id="url-allowed",
    ),
    pytest.param(
        "URL Filtered",
        ("url-filtered", ["web", "network"], "failure", "red"),
        marks=pytest.mark.mission("S157"),
        id="url-filtered",
    ),
    pytest.param(
        "Virus Detected",
        ("virus-detected", ["malware", "network"], "failure", "red"),
        marks=pytest.mark.mission("S158"),
        id="virus",
    ),
    pytest.param(
        "Potential Spam Stamped",
        ("spam-stamped", ["email"], "success", "orange"),
        marks=pytest.mark.mission("S159"),
        id="spam-stamped",
    ),
    pytest.param(
        "Potential Spam Detected",
        ("spam-detected", ["email"], "failure", "red"),
        marks=pytest.mark.mission("S160"),
        id="spam-detected",
    ),
    pytest.param(
        "Mail Allowed",
        ("mail-allowed", ["email"], "success", "green"),
        marks=pytest.mark.mission("S161"),
        id="mail-allowed",
    ),
    pytest.param(
        "Blocked by VStream Antivirus",
        ("blocked-by-antivirus", ["malware", "network"], "failure", "red"),
        marks=pytest.mark.mission("S162"),
        id="blocked-by-antivirus",
    ),
]

GATEWAY = {
    "syslog": '<134>1 2025-06-14T08:15:02Z smart1 CheckPoint 4711 - [action:"Drop"; ifdir:"inbound"; ifname:"eth1"; '
    'loguid:"{0x1,0x2,0x3,0x4}"; origin:"192.0.2.1"; time:"1749888902"; dst:"192.0.2.80"; '
    'product:"VPN-1 & FireWall-1"; proto:"6"; rule_name:"Cleanup"; s_port:"40112"; service:"3389"; '
    'src:"203.0.113.9"; ]',
    "cef": "Jun 14 08:15:02 smart1 CEF:0|Check Point|VPN-1 & FireWall-1|Check Point|Log|Log|Unknown|act=Drop "
    "deviceDirection=0 rt=1749888902000 spt=40112 dpt=3389 cs2Label=Rule Name cs2=Cleanup ifname=eth1 "
    "loguid={0x1,0x2,0x3,0x4} origin=192.0.2.1 dst=192.0.2.80 product=VPN-1 & FireWall-1 proto=6 src=203.0.113.9",
    "leef": "Jun 14 08:15:02 smart1 LEEF:2.0|Check Point|VPN-1 & FireWall-1|1.0|Drop|cat=VPN-1 & FireWall-1\t"
    "devTime=1749888902\tsrcPort=40112\taction=Drop\tifdir=inbound\tifname=eth1\torigin=192.0.2.1\tdst=192.0.2.80\t"
    "proto=6\trule_name=Cleanup\tservice=3389\tsrc=203.0.113.9",
    "json": '{"action":"Drop","ifdir":"inbound","ifname":"eth1","loguid":"{0x1,0x2,0x3,0x4}","origin":"192.0.2.1",'
    '"time":"1749888902","dst":"192.0.2.80","product":"VPN-1 & FireWall-1","proto":"6","rule_name":"Cleanup",'
    '"s_port":"40112","service":"3389","src":"203.0.113.9"}',
    "semicolons": "Jun 14 08:15:02 smart1 Checkpoint: 14Jun2025  8:15:02 drop   192.0.2.1 >eth1 rule: 9; "
    "rule_name: Cleanup; src: 203.0.113.9; dst: 192.0.2.80; proto: tcp; product: VPN-1 & FireWall-1; service: 3389; "
    "s_port: 40112;",
    "bars": "Jun 14 08:15:02 smart1 time=1749888902|hostname=smart1|product=VPN-1 & "
    "FireWall-1|action=Drop|ifdir=inbound|"
    "ifname=eth1|loguid={0x1,0x2,0x3,0x4}|origin=192.0.2.1|dst=192.0.2.80|proto=6|rule_name=Cleanup|s_port=40112|"
    "service=3389|src=203.0.113.9|",
}
"""One dropped connection, in each form in which a gateway's management may pass it on."""


def table() -> str:
    """The security log as the portal saves it."""
    rows = [
        f"{number},14:Jun:2025,08:15:{number:02d},Out,{action},192.0.2.15:40112,203.0.113.80:{port},TCP,5,LAN,"
        for number, (action, (_, port)) in enumerate(ACTIONS.items(), start=1)
    ]
    return "\n".join(["No,Date,Time,Dir,Act,Source,Destination,Protocol,Rule,Net,Information", *rows, ""])


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The events of a file of syslog, of a saved table, and of a gateway's record in each form."""
    folder = tmp_path_factory.mktemp("checkpoint")
    lines = [line for line, _ in ACTIONS.values()]
    files = {
        "edge.log": "".join(f"<134>Jun 14 08:15:02 edge1 {line}\n" for line in [*lines, SUSPICIOUS]),
        "edge.csv": table(),
        **{f"{name}.log": f"{line}\n" for name, line in GATEWAY.items()},
    }
    return {path.name: events for path, events in events_of(*write_files(folder, files)).items()}


def acted(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of actions: a table's header is a record too, and the last line of syslog is about a colour."""
    return [event for event in events if "event.action" in event][: len(ACTIONS)]


@pytest.mark.mission("S149")
@pytest.mark.parametrize("name", ["edge.log", "edge.csv"])
def test_the_appliance_by_syslog_and_from_its_interface(read: dict[str, list[dict[str, Any]]], name: str) -> None:
    events = acted(read[name])
    assert {event["event.dataset"] for event in events} == {"checkpoint.edge"}
    assert [event["destination.port"] for event in events] == [int(port) for _, port in ACTIONS.values()]
    assert {(event["source.ip"], event["source.port"]) for event in events} == {("192.0.2.15", 40112)}
    assert {(event["network.transport"], event["rule.id"]) for event in events} == {("tcp", "5")}
    assert {event["@timestamp"].date().isoformat() for event in events} == {"2025-06-14"}


@pytest.mark.mission("S149")
@pytest.mark.parametrize("form", list(GATEWAY))
def test_a_gateway_in_every_form_of_the_log_exporter(read: dict[str, list[dict[str, Any]]], form: str) -> None:
    (event,) = read[f"{form}.log"]
    expected = {
        "event.dataset": "checkpoint.firewall",
        "@timestamp": datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC),
        "event.action": "drop",
        "event.outcome": "failure",
        "event.type": ["connection", "denied"],
        "source.ip": "203.0.113.9",
        "source.port": 40112,
        "destination.ip": "192.0.2.80",
        "destination.port": 3389,
        "network.transport": "tcp",
        "observer.ip": ["192.0.2.1"],
        "observer.ingress.interface.name": "eth1",
        "rule.name": "Cleanup",
        "checkpoint.product": "VPN-1 & FireWall-1",
    }
    assert {name: event.get(name) for name in expected} == expected


@pytest.mark.parametrize("name", ["edge.log", "edge.csv"])
@pytest.mark.parametrize(("said", "told"), EXPECTED)
def test_action(
    read: dict[str, list[dict[str, Any]]], name: str, said: str, told: tuple[str, list[str], str, str]
) -> None:
    event = acted(read[name])[list(ACTIONS).index(said)]
    keys = ("event.action", "event.category", "event.outcome", "checkpoint.edge.color")
    assert tuple(event.get(key) for key in keys) == told


def colored(events: list[dict[str, Any]], color: str) -> set[str]:
    return {event["event.action"] for event in events if event.get("checkpoint.edge.color") == color}


@pytest.mark.mission("S163")
def test_red_is_what_was_blocked(read: dict[str, list[dict[str, Any]]]) -> None:
    for events in (read["edge.log"], read["edge.csv"]):
        assert colored(events, "red") == {
            *("dropped", "rejected", "url-filtered", "virus-detected", "spam-detected", "blocked-by-antivirus"),
        }
        denied = {event["event.action"] for event in events if "denied" in event.get("event.type", [])}
        assert colored(events, "red") == denied


@pytest.mark.mission("S164")
def test_orange_is_what_was_suspicious_and_let_in(read: dict[str, list[dict[str, Any]]]) -> None:
    suspicious = read["edge.log"][-1]
    assert (suspicious["event.action"], suspicious["checkpoint.edge.color"]) == ("accepted", "orange")
    assert (suspicious["event.kind"], suspicious["event.outcome"]) == ("alert", "success")
    assert colored(read["edge.csv"], "orange") == {"monitored", "spam-stamped"}


@pytest.mark.mission("S165")
def test_green_is_what_was_accepted(read: dict[str, list[dict[str, Any]]]) -> None:
    for events in (acted(read["edge.log"]), read["edge.csv"]):
        assert colored(events, "green") == {"accepted", "decrypted", "encrypted", "url-allowed", "mail-allowed"}
