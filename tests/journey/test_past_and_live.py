"""What was imported and what comes in live lie side by side, and either way gives the same alerts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from miharu.pipeline import read_vitals
from tests.house.tree import ROOT
from tests.journey.serving import Served, serving, until

SAMPLES = ROOT / "content" / "samples"


def import_into(data: Path, *paths: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from miharu.cli import main; main()",
            "--data",
            str(data),
            "-q",
            "import",
            *map(str, paths),
        ],
        check=False,
        env=os.environ,
        timeout=120,
    )
    assert done.returncode == 0


def send(served: Served, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port("syslog_tcp"))) as connection:
        connection.sendall(data)


def alerts(served: Served) -> list[dict[str, Any]]:
    with served.api() as api:
        found: list[dict[str, Any]] = api.get("/alerts", params={"limit": 1000}).raise_for_status().json()["alerts"]
    return found


def summary(found: list[dict[str, Any]]) -> Counter[tuple[str, str, int]]:
    return Counter((each["rule_id"], str(each["entity"]), each["count"]) for each in found)


@pytest.mark.mission("S14", "S47")
def test_past_and_live_are_one(tmp_path: Path):
    with serving(tmp_path) as served:
        import_into(tmp_path, SAMPLES)
        past = alerts(served)
        assert past
        stamp = datetime.now(UTC).strftime("%b %e %H:%M:%S")
        send(served, f"<38>{stamp} web01 sshd[7]: Failed password for root from 203.0.113.99 port 4242 ssh2\n".encode())
        live = until(lambda: [each for each in alerts(served) if each not in past], what="a live alert")
        assert {each["first"][:4] for each in live} == {str(datetime.now(UTC).year)}
        assert [each for each in past if each not in alerts(served)] == []
        found = served.events("process.name : sshd and event.outcome : failure", **{"from": "2026-03-01"})
        assert {event["@timestamp"][:10] for event in found} >= {"2026-03-10", f"{datetime.now(UTC):%Y-%m-%d}"}


@pytest.mark.mission("S15")
def test_a_log_sent_live_gives_the_alerts_of_one_imported(tmp_path: Path):
    log = SAMPLES / "web01" / "auth.log"
    with serving(tmp_path / "live") as served:
        send(served, log.read_bytes())
        lines = len([line for line in log.read_bytes().splitlines() if line])
        until(lambda: read_vitals(served.data)["worker"].counters.get("records") == lines)
        assert served.count() == lines
        live = summary(alerts(served))
    with serving(tmp_path / "past") as served:
        import_into(tmp_path / "past", log)
        assert served.count() == lines
        assert summary(alerts(served)) == live
    assert live
