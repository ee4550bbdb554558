"""Logs of intrusion detection and network monitors → events, alerts, and answers to who called whom too often."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import text_of
from tests.journey.importing import Place

PAGE = Path("docs/how-to/network-logs.md")

ASA = "Jun 14 2025 {time} fw1 : %ASA-"
DENIED = (
    ASA
    + '4-106023: Deny tcp src inside:{ours}/{port} dst outside:{theirs}/{to} by access-group "inside_out" [0x0, 0x0]'
)
BUILT = (
    ASA + "6-302013: Built outbound TCP connection {port} for outside:{theirs}/{to} ({theirs}/{to}) "
    "to inside:{ours}/{port} (192.0.2.1/{port})"
)
RATE = (
    ASA
    + "4-733100: [ Scanning] drop rate-1 exceeded. Current burst rate is 210 per second, max configured rate is 10; "
    "Current average rate is 12 per second, max configured rate is 5; Cumulative total count is 7300"
)
LISTED = (
    ASA + "4-338002: Dynamic filter monitored blacklisted TCP traffic from inside:{ours}/{port} (192.0.2.1/{port}) to "
    "outside:{theirs}/{to} ({theirs}/{to}), destination {theirs} resolved from dynamic list: bad.example.com, "
    "threat-level: very-high, category: malware"
)
BOT, CALM, CONTROLLER, OTHER = "10.20.3.7", "10.20.3.8", "203.0.113.9", "198.51.100.80"


def connection(**more: Any) -> dict[str, Any]:
    ends = {"id.orig_h": BOT, "id.orig_p": 50123, "id.resp_h": CONTROLLER, "id.resp_p": 8443}
    return {"ts": 1749888902.5, "uid": "C1", **ends, **more}


INTEL = connection(**{
    "seen.indicator": CONTROLLER, "seen.indicator_type": "Intel::ADDR", "seen.where": "Conn::IN_RESP",
    "matched": ["Intel::ADDR"], "sources": ["list-a"],
})  # fmt: skip
SCAN = {
    "ts": 1749888902.5, "note": "Scan::Address_Scan", "msg": "10.20.3.7 scanned at least 25 unique hosts", "src": BOT,
    "p": 23, "actions": ["Notice::ACTION_LOG"], "suppress_for": 3600.0,
}  # fmt: skip
IRC = connection(nick="bot7", user="bot7", command="JOIN", value="#room")
EVE = {
    "timestamp": "2025-06-14T08:15:02.500000+0000", "flow_id": 7, "event_type": "alert", "src_ip": BOT,
    "src_port": 50123, "dest_ip": CONTROLLER, "dest_port": 8443, "proto": "TCP", "app_proto": "irc",
    "alert": {"action": "allowed", "gid": 1, "signature_id": 9000401, "rev": 1,
              "signature": "LOCAL CHAT IRC JOIN command", "category": "Misc activity", "severity": 3},
}  # fmt: skip
DROP_LIST: dict[str, Any] = json.loads(
    json.dumps(EVE).replace("LOCAL CHAT IRC JOIN command", "ET DROP Listed Traffic 7")
)


def miharu(data: Path, *words: str) -> list[dict[str, Any]]:
    command = [str(Path(sys.executable).with_name("miharu")), "--data", str(data), *words, "--format", "ndjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def day() -> Iterator[str]:
    """A day of two machines: each is denied once or twice an hour, and at eight the one tries forty hosts."""
    for hour in range(24):
        for ours in (BOT, CALM):
            yield DENIED.format(time=f"{hour:02d}:10:00", ours=ours, port=40000 + hour, theirs=OTHER, to=25)
            yield BUILT.format(time=f"{hour:02d}:11:00", ours=ours, port=41000 + hour, theirs=OTHER, to=443)
    for last in range(40):
        yield DENIED.format(time=f"08:20:{last:02d}", ours=BOT, port=42000 + last, theirs=f"203.0.113.{last}", to=23)
    yield BUILT.format(time="08:30:00", ours=CALM, port=43000, theirs=CONTROLLER, to=443)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The data folder after an import of all of it."""
    folder = tmp_path_factory.mktemp("ids")
    words = {"time": "09:15:02", "ours": CALM, "port": 50001, "theirs": CONTROLLER}
    firewall = [RATE.format(**words), LISTED.format(to=443, **words), DENIED.format(to=6667, **words)]
    near = {**IRC, "id.resp_h": "10.1.0.9"}
    logs = {
        "fw": [*day(), *firewall],
        "zeek": [json.dumps(record) for record in (INTEL, SCAN, IRC, near)],
        "eve": [json.dumps(record) for record in (EVE, DROP_LIST)],
    }
    (folder / "logs").mkdir()
    for name, lines in logs.items():
        (folder / "logs" / f"{name}.log").write_text("".join(line + "\n" for line in lines))
    place = Place(folder / "data")
    place.take(folder / "logs")
    return place


@pytest.mark.mission("S136")
def test_abnormally_many_denied_connections_are_counted(place: Place) -> None:
    counting, naming = re.findall(r"```sql\n(.*?)```", text_of(PAGE), re.DOTALL)
    (busy,) = miharu(place.data, "sql", counting)
    assert (busy["host"], busy["denied"], busy["targets"], busy["usually"]) == (BOT, 41, 42, 1)
    assert busy["hour"] == "2025-06-14 08:00:00"
    called = {row["suspicious"]: row for row in miharu(place.data, "sql", naming)}
    row = called[CONTROLLER]
    assert (row["denied"], row["others"], row["ours"]) == (2, 2, [BOT, CALM])


@pytest.mark.mission("S136")
def test_what_devices_count_themselves_becomes_an_alert(place: Place) -> None:
    assert set(rules(place)) >= {
        "Abnormally Many Connections Dropped",
        "Abnormally Many Hosts Or Ports Tried",
        "Connection With A Listed Host",
        "Host On A Threat List Contacted",
        "Traffic With A Listed Address Seen By An Intrusion Detection System",
    }


@pytest.mark.mission("S137")
def test_irc_is_seen_by_port_by_what_is_said_and_by_alerts(place: Place) -> None:
    seen = {rule: hits for rule, hits in rules(place).items() if "IRC" in rule or "Chat" in rule}
    assert seen == {
        "Chat Protocol Towards The Internet": 1,
        "IRC Spoken To The Internet On Any Port": 1,
        "IRC Seen By An Intrusion Detection System": 1,
    }
    (said,) = miharu(place.data, "search", "event.provider : irc and network.direction : outbound")
    assert (said["user.name"], said["event.action"], said["destination.port"]) == ("bot7", "JOIN", 8443)


def rules(place: Place) -> dict[str, int]:
    """Return how often each rule hit."""
    return dict(place.ask("SELECT `rule.name`, count() FROM findings GROUP BY 1").iter_rows())
