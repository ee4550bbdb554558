"""Why a rule holds for an event or not, over HTTP and by command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.journey.importing import Place
from tests.unit.serve.apicraft import World, import_lines, is_problem, settings_of, world

pytestmark = pytest.mark.mission("S8", "S20")

RULE = "11111111-2222-4333-8444-555555555555"
TEXT = """
title: Root From Afar
id: 11111111-2222-4333-8444-555555555555
logsource: {product: linux, service: sshd}
detection:
  root: {user.name: root, source.ip: [203.0.113.1, 198.51.100.9]}
  far: {process.name|expand: '%Programs%'}
  condition: root and far
level: low
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reasons")
    (folder / "rules").mkdir()
    (folder / "rules" / "afar.yml").write_text(TEXT)
    (folder / "data" / "placeholders").mkdir(parents=True)
    (folder / "data" / "placeholders" / "Programs.txt").write_text("# ours\nsshd\n")
    import_lines(folder / "data", 50)
    return folder / "data"


@pytest.fixture(scope="module")
def here(data: Path) -> Iterator[World]:
    with world(settings_of(data, rules=(data.parent / "rules",))) as opened:
        yield opened


def ids_of(data: Path, address: str) -> list[str]:
    rows = Place(data).ask(f"SELECT `event.id` AS id FROM events WHERE toString(`source.ip`) = '{address}'")
    return list(rows["id"])


def test_an_event_is_explained(here: World, data: Path):
    for address, holds in (("203.0.113.1", True), ("203.0.113.2", False)):
        told = here.json(f"/rules/{RULE}/explain", params={"event": ids_of(data, address)[0]})
        assert told["holds"] is holds
        assert told["event"]["source.ip"] == address
        tests = [node for node in leaves(told["explanation"]) if node["field"] == "source.ip"]
        assert {node["value"] for node in tests} == {address}
    is_problem(here.ask(f"/rules/{RULE}/explain", params={"event": "none"}), 404)
    is_problem(here.ask("/rules/none/explain", params={"event": "none"}), 404)


def test_the_nearest_misses(here: World):
    told = here.json(f"/rules/{RULE}/why-not", params={"limit": 5})
    assert (told["stored"], told["events"], told["matched"]) == (50, 50, 10)
    assert len(told["misses"]) == 4, "one of each address that misses"
    for miss in told["misses"]:
        assert miss["distance"] == 1
        assert miss["would_hold_with"].keys() == {"source.ip"}
        assert miss["event"]["source.ip"] != "203.0.113.1"
        assert "source.ip" in miss["failed"]
    assert here.json(f"/rules/{RULE}/why-not", params={"events": 7})["events"] == 7
    silent = here.json(f"/rules/{RULE}/why-not", params={"since": "2030-01-01T00:00:00Z"})
    assert (silent["stored"], silent["events"], silent["misses"]) == (0, 0, [])
    is_problem(here.ask("/rules/none/why-not"), 404)
    is_problem(here.ask(f"/rules/{RULE}/why-not", params={"since": "never"}), 422, "parameters")


def test_pieces_give_the_nearest_of_all(here: World, monkeypatch: pytest.MonkeyPatch):
    whole = here.json(f"/rules/{RULE}/why-not", params={"limit": 2})
    monkeypatch.setattr("miharu.pipeline.huntplan.PIECE_ROWS", 10)
    cut = here.json(f"/rules/{RULE}/why-not", params={"limit": 2})
    assert (cut["stored"], cut["events"], cut["matched"]) == (whole["stored"], whole["events"], whole["matched"])
    assert [miss["distance"] for miss in cut["misses"]] == [miss["distance"] for miss in whole["misses"]]


def test_the_commands(data: Path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from miharu.cli import main; main()", "--data", str(data), *words]
        environment = {"MIHARU_RULES": orjson.dumps([str(data.parent / "rules")]).decode(), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    event = ids_of(data, "203.0.113.2")[0]
    shown = run("rules", "explain", "Root From Afar", event)
    assert shown.returncode == 0, shown.stderr
    assert "does not hold" in shown.stdout
    assert "✗" in shown.stdout
    assert "Failed password for root" in shown.stdout
    shown = run("rules", "why-not", RULE[:8])
    assert shown.returncode == 0, shown.stderr
    assert "holds for 10" in shown.stdout
    assert "it would hold with source.ip = '203.0.113.1'" in shown.stdout
    told = orjson.loads(run("--json", "rules", "why-not", RULE[:8], "--limit", "2").stdout)
    assert (told["stored"], len(told["misses"])) == (50, 2)
    assert orjson.loads(run("--json", "rules", "explain", RULE, event).stdout)["holds"] is False
    silent = run("rules", "why-not", RULE, "--from", "2030-01-01")
    assert "could not hold" in silent.stdout
    unknown = run("rules", "explain", RULE, "nothing")
    assert unknown.returncode != 0
    assert "no stored event has the id" in unknown.stderr


def leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node["kind"] == "test":
        yield node
    for child in node.get("children", ()):
        yield from leaves(child)
