"""What Cisco's devices send, by every way they send it → the questions that a firewall's log must answer.

A firewall's messages arrive by syslog, as mails, and as captured sessions of a console and of telnet; all of it is
imported into one store, which is asked.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.journey.importing import Place
from tests.journey.serving import Served, serving, until

COPIED = datetime(2025, 6, 15, tzinfo=UTC).timestamp()
SYSLOG = r"""
<166>Jun 14 2025 08:00:01 fw1 : %ASA-6-302013: Built inbound TCP connection 101 for outside:198.51.100.23/40314 (198.51.100.23/40314) to dmz:10.3.0.80/443 (192.0.2.80/443)
<166>Jun 14 2025 08:00:09 fw1 : %ASA-6-302014: Teardown TCP connection 101 for outside:198.51.100.23/40314 to dmz:10.3.0.80/443 duration 0:00:08 bytes 5321 TCP FINs
<166>Jun 14 2025 08:00:10 fw1 : %ASA-6-302013: Built outbound TCP connection 102 for outside:203.0.113.9/443 (203.0.113.9/443) to inside:10.2.0.15/51001 (192.0.2.1/34567)
<166>Jun 14 2025 09:00:10 fw1 : %ASA-6-302014: Teardown TCP connection 102 for outside:203.0.113.9/443 to inside:10.2.0.15/51001 duration 1:00:00 bytes 734003200 TCP Reset-I from inside
<166>Jun 14 2025 08:00:11 fw1 : %ASA-6-302015: Built outbound UDP connection 103 for outside:203.0.113.53/53 (203.0.113.53/53) to inside:10.2.0.16/51002 (192.0.2.1/34568)
<166>Jun 14 2025 08:00:12 fw1 : %ASA-6-302016: Teardown UDP connection 103 for outside:203.0.113.53/53 to inside:10.2.0.16/51002 duration 0:00:01 bytes 212
<166>Jun 14 2025 08:00:12 fw1 : %ASA-6-305011: Built dynamic TCP translation from inside:10.2.0.15/51001 to outside:192.0.2.1/34567
<166>Jun 14 2025 08:00:13 fw1 : %ASA-6-305011: Built dynamic UDP translation from inside:10.2.0.16/51002 to outside:192.0.2.1/34568
<166>Jun 14 2025 08:00:13 fw1 : %ASA-6-305009: Built static translation from dmz:10.3.0.80 to outside:192.0.2.80
<166>:Jun 14 08:00:14 UTC: %ASA-session-6-302021: Teardown ICMP connection for faddr 198.51.100.23/7 gaddr 192.0.2.80/0 laddr 10.3.0.80/0 type 8 code 0
<166>2025-06-14T08:00:15Z fw1 : %ASA-6-106100: access-list inside_out permitted tcp inside/10.2.0.15(51003) -> outside/203.0.113.9(23) hit-cnt 1 first hit [0x2b3c4d5e, 0x0]
<164>Jun 14 2025 08:00:16 fw1 : %ASA-4-400032: IPS:4051 UDP Snork attack from 198.51.100.66 to 192.0.2.80 on interface outside
<164>Jun 14 2025 08:00:17 fw1 : %ASA-4-733101: Host 198.51.100.66 is attacking. Current burst rate is 200 per second, max configured rate is 10; Current average rate is 9 per second, max configured rate is 5; Cumulative total count is 2001
<164>Jun 14 2025 08:00:18 fw1 : %ASA-4-338006: Dynamic Filter dropped blacklisted TCP traffic from inside:10.2.0.15/51022 (192.0.2.1/34583) to outside:203.0.113.66/443 (203.0.113.66/443), destination 203.0.113.66 resolved from dynamic list: bad.example.com, threat-level: very-high, category: Botnets
<166>Jun 14 2025 08:00:19 fw1 : %ASA-6-605005: Login permitted from 10.2.0.5/51041 to inside:10.2.0.1/ssh for user "alice"
<166>Jun 14 2025 08:00:20 fw1 : %ASA-6-605004: Login denied from 203.0.113.7/40022 to outside:192.0.2.2/https for user "admin"
<165>Jun 14 2025 08:00:21 fw1 : %ASA-5-111010: User 'alice', running 'CLI' from IP 10.2.0.5, executed 'access-list outside_in line 1 extended permit ip any any'
<166>Jun 14 2025 08:00:22 fw1 : %ASA-6-113005: AAA user authentication Rejected : reason = AAA failure : server = 10.2.0.30 : user = mallory : user IP = 203.0.113.7
<189>77: sw1: Jun 14 2025 08:00:23.250 UTC: %PARSER-5-CFGLOG_LOGGEDCMD: User:bob  logged command:no logging host 10.4.0.50
<188>78: sw1: Jun 14 2025 08:00:24.250 UTC: %SEC-6-IPACCESSLOGP: list 101 denied tcp 198.51.100.7(50124) -> 192.0.2.80(23), 1 packet
""".strip()  # noqa: E501 - lines as they are sent

DENIES = 60
MAIL = """\
From fw1@example.com Sat Jun 14 08:10:00 2025
From: fw1@example.com
To: soc@example.com
Subject: ASA Alert

<162>Jun 14 2025 08:10:00 fw1 : %ASA-2-106017: Deny IP due to Land Attack from 192.0.2.80 to 192.0.2.80

From fw1@example.com Sat Jun 14 08:10:01 2025
From: fw1@example.com
Subject: ASA Alert

<161>Jun 14 2025 08:10:01 fw1 : %ASA-1-106021: Deny TCP reverse path check from 10.9.0.1 to 192.0.2.80 on interface wan
"""
LETTER = """\
Date: Sat, 14 Jun 2025 08:11:00 +0000\r
From: fw1@example.com\r
Subject: ASA Alert\r
\r
<161>Jun 14 2025 08:11:00 fw1 : %ASA-1-104002: (Primary) Switching to STANDBY (cause: interface check)\r
"""
CONSOLE = """\
fw1> enable
Password: ********
fw1# configure terminal
fw1(config)# no logging host inside 10.4.0.50
fw1(config)# %ASA-5-111008: User 'enable_15' executed the 'no logging host inside 10.4.0.50' command.
Jun 14 2025 08:12:00: %ASA-3-710003: TCP access denied by ACL from 198.51.100.23/40335 to outside:192.0.2.2/22
fw1(config)# exit
"""
TELNET = (
    "Trying 192.0.2.2...\r\nConnected to sw1.\r\nsw1#terminal monitor\r\n"
    "sw1#%SYS-5-CONFIG_I: Configured from console by bob on vty0 (10.2.0.6)\r\n"
    "*Jun 14 2025 08:13:00.000: %LINEPROTO-5-UPDOWN: Line protocol on Interface GigabitEthernet0/2, "
    "changed state to down\r\nsw1#exit\r\n"
)


def denies() -> Iterator[str]:
    """Return a host that tries one port after the other, and one that is denied twice."""
    for number in range(DENIES):
        yield (
            f"<164>Jun 14 2025 08:05:{number:02d} fw1 : %ASA-4-106023: Deny tcp "
            f"src outside:198.51.100.99/{41000 + number} "
            f'dst dmz:192.0.2.80/{number + 1} by access-group "outside_in" [0x1a2b3c4d, 0x0]'
        )
    for minute in (3, 40):
        yield (
            f"<162>Jun 14 2025 08:{minute:02d}:00 fw1 : %ASA-2-106001: Inbound TCP connection denied from "
            "198.51.100.44/40312 to 192.0.2.80/22 flags SYN  on interface outside"
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a store with all of it."""
    logs = tmp_path_factory.mktemp("cisco")
    (logs / "fw1.log").write_text("\n".join([SYSLOG, *denies()]) + "\n")
    (logs / "alerts.mbox").write_text(MAIL)
    (logs / "alert.eml").write_bytes(LETTER.encode())
    (logs / "console.txt").write_text(CONSOLE)
    (logs / "telnet.txt").write_bytes(TELNET.encode())
    for file in logs.iterdir():
        os.utime(file, (COPIED, COPIED))
    place = Place(tmp_path_factory.mktemp("data"))
    report = place.take(logs)
    assert report.total("rejects") == 0
    return place


def ask(place: Place, what: str, where: str = "1", rest: str = "") -> list[tuple[Any, ...]]:
    """Return rows about the events of Cisco's devices."""
    return place.ask(f"SELECT {what} FROM events WHERE `event.module` = 'cisco' AND ({where}) {rest}").rows()


@pytest.mark.mission("S138")
def test_syslog_in_every_form_of_its_header(place: Place) -> None:
    found = ask(
        place,
        "`event.dataset`, `event.code`, `@timestamp`",
        "`event.code` IN ('302021', '106100', '104002', 'CFGLOG_LOGGEDCMD')",
        "ORDER BY `@timestamp`",
    )
    assert [(dataset, code, f"{time:%Y-%m-%d %H:%M:%S}") for dataset, code, time in found] == [
        ("cisco.asa", "302021", "2025-06-14 08:00:14"),
        ("cisco.asa", "106100", "2025-06-14 08:00:15"),
        ("cisco.ios", "CFGLOG_LOGGEDCMD", "2025-06-14 08:00:23"),
        ("cisco.asa", "104002", "2025-06-14 08:11:00"),
    ]


@pytest.mark.mission("S140")
@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("alerts.mbox", [("106017", "connection-denied"), ("106021", "connection-denied")]),
        ("alert.eml", [("104002", "failover-switched-to-standby")]),
        ("console.txt", [("111008", "configuration-command"), ("710003", "access-denied")]),
        ("telnet.txt", [("CONFIG_I", "configuration-changed"), ("UPDOWN", "interface-state-changed")]),
    ],
)
def test_mails_and_captured_sessions(place: Place, file: str, wanted: list[tuple[str, str]]) -> None:
    found = ask(place, "`event.code`, `event.action`", f"endsWith(`log.file.path`, '{file}')", "ORDER BY `event.code`")
    assert found == wanted
    assert ask(place, "count()", f"endsWith(`log.file.path`, '{file}') AND `message` LIKE '%\\r%'") == [(0,)]


@pytest.mark.mission("S141")
def test_allowed_connections_show_holes_in_the_policy(place: Place) -> None:
    found = ask(
        place,
        "`source.ip`, `destination.ip`, `destination.port`, `rule.name`",
        "has(`event.type`, 'allowed') AND `destination.port` = 23",
    )
    assert found == [("10.2.0.15", "203.0.113.9", 23, "inside_out")]
    let_in = ask(
        place, "`source.ip`, `destination.ip`", "has(`event.type`, 'allowed') AND `network.direction` = 'inbound'"
    )
    assert let_in == [("198.51.100.23", "10.3.0.80")]


@pytest.mark.mission("S142")
def test_denied_connections(place: Place) -> None:
    found = dict(ask(place, "`event.code`, count()", "has(`event.type`, 'denied')", "GROUP BY `event.code`"))
    assert found == {"106001": 2, "106023": DENIES, "106017": 1, "106021": 1, "710003": 1, "338006": 1} | {
        "IPACCESSLOGP": 1
    }
    assert ask(place, "count()", "has(`event.type`, 'denied') AND `event.outcome` != 'failure'") == [(0,)]


@pytest.mark.mission("S143")
def test_the_rate_of_denials_tells_who_tries_one_port_after_the_other(place: Place) -> None:
    found = ask(
        place,
        "`source.ip`, toStartOfMinute(`@timestamp`) AS minute, count() AS denied, uniqExact(`destination.port`)",
        "has(`event.type`, 'denied')",
        "GROUP BY `source.ip`, minute HAVING denied >= 30",
    )
    assert [(source, denied, ports) for source, _, denied, ports in found] == [("198.51.100.99", DENIES, DENIES)]


@pytest.mark.mission("S144")
def test_intrusion_detection(place: Place) -> None:
    found = ask(
        place,
        "`event.action`, `source.ip`, `rule.name`",
        "`event.kind` = 'alert' AND has(`event.category`, 'intrusion_detection')",
        "ORDER BY `@timestamp`",
    )
    assert found == [
        ("ids-signature-matched", "198.51.100.66", "UDP Snork attack"),
        ("threat-scan-detected", "198.51.100.66", None),
        ("botnet-traffic-dropped", "10.2.0.15", "dynamic"),
    ]


@pytest.mark.mission("S145")
def test_who_logged_on_and_what_was_changed(place: Place) -> None:
    logins = ask(
        place,
        "`user.name`, `source.ip`, `event.outcome`",
        "has(`event.category`, 'authentication')",
        "ORDER BY `@timestamp`",
    )
    assert logins == [
        ("alice", "10.2.0.5", "success"),
        ("admin", "203.0.113.7", "failure"),
        ("mallory", "203.0.113.7", "failure"),
    ]
    changes = ask(
        place,
        "`user.name`, `process.command_line`",
        "has(`event.category`, 'configuration')",
        "ORDER BY `user.name`, 2",
    )
    assert changes == [
        ("alice", "access-list outside_in line 1 extended permit ip any any"),
        ("bob", "no logging host 10.4.0.50"),
        ("bob", None),
        ("enable_15", "no logging host inside 10.4.0.50"),
    ]


@pytest.mark.mission("S146")
def test_bandwidth_by_duration_and_volume(place: Place) -> None:
    found = ask(
        place,
        "`destination.ip`, sum(`network.bytes`) AS volume, sum(`event.duration`) / 1e9 AS seconds",
        "has(`event.type`, 'end') AND `network.bytes` > 0",
        "GROUP BY `destination.ip` ORDER BY volume DESC",
    )
    assert found == [("10.2.0.15", 734_003_200, 3600.0), ("10.3.0.80", 5321, 8.0), ("10.2.0.16", 212, 1.0)]


@pytest.mark.mission("S147")
def test_use_of_protocols_and_ports(place: Place) -> None:
    found = ask(
        place,
        "`network.transport`, `destination.port`, count()",
        "`event.action` = 'connection-built'",
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )
    assert found == [("tcp", 443, 2), ("udp", 53, 1)]
    assert ask(place, "uniqExact(`network.transport`)", "`network.transport` = 'icmp'") == [(1,)]


@pytest.mark.mission("S148")
def test_which_inside_host_is_behind_a_translated_port(place: Place) -> None:
    behind = ask(
        place,
        "`source.ip`, `source.port`, `event.action`",
        "`source.nat.ip` = '192.0.2.1' AND `source.nat.port` = 34567",
        "ORDER BY `event.action`",
    )
    assert behind == [("10.2.0.15", 51001, "connection-built"), ("10.2.0.15", 51001, "translation-built")]
    static = ask(place, "`source.ip`", "`source.nat.ip` = '192.0.2.80' AND `event.action` = 'translation-built'")
    assert static == [("10.3.0.80",)]
    # From outside, the host in the demilitarised zone is the translated one.
    published = ask(
        place, "`destination.ip`, `destination.nat.ip`", "`event.code` = '302013' AND `network.direction` = 'inbound'"
    )
    assert published == [("10.3.0.80", "192.0.2.80")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("live"), live_seconds="0.1") as running:
        yield running


@pytest.mark.mission("S140")
def test_a_syslog_server_takes_messages_by_udp_and_tcp(served: Served) -> None:
    lines = SYSLOG.splitlines()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(lines[0].encode(), ("127.0.0.1", served.port("syslog_udp")))
    with socket.create_connection(("127.0.0.1", served.port("syslog_tcp"))) as tcp:
        tcp.sendall(f"{lines[11]}\n".encode())
    until(lambda: served.count("`event.dataset` = 'cisco.asa'") == 2, what="the arrival of both messages")
    assert {event["event.action"] for event in served.events()} >= {"connection-built", "ids-signature-matched"}
