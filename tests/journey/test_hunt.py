"""A hunt finds what live work would have found, once, whatever stops it; what is said about rules applies to it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from miharu.catalog import load_sigma_mapping
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet, only_rules
from miharu.pipeline import (
    Hunter,
    HuntKeeper,
    Importer,
    Lake,
    LiveStages,
    Question,
    hunting,
    huntplan,
    load_ruleset,
    make_reader,
    open_lake,
    read_condition,
    read_vitals,
)
from miharu.store import State
from tests.house.tree import ROOT
from tests.journey.importing import Place, auth_lines
from tests.journey.serving import serving, until

ROWS = 40
PATH = "/../../etc/passwd"
STEPS = ("written", "stored", "committed", "written/store")
REFUSED = "bf9d8762-798e-5481-9fc9-1dc130a10140"
LONG = timedelta(days=36_500)


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return load_ruleset(Settings(data=tmp_path_factory.mktemp("compiled")))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for host in ("web01", "web02", "db"):
        (folder / f"{host}.log").write_bytes(auth_lines(150, first=len(host) * 5_000).replace(b"web01", host.encode()))
    (folder / "access.log").write_text(
        "".join(
            f'198.51.100.{number % 4} - - [01/Mar/2026:00:{number:02d}:00 +0000] "GET {PATH} HTTP/1.1" 200 5\n'
            for number in range(60)
        )
    )
    return folder


@pytest.fixture(scope="module")
def live(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What an import that judged everything left behind."""
    place = Place(tmp_path_factory.mktemp("live"))
    place.take(logs)
    contents = place.contents()
    assert len(contents["findings"]) > 450  # type: ignore[arg-type]
    return contents


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huntplan, "PIECE_ROWS", ROWS)


def unjudged(data: Path, logs: Path, ruleset: RuleSet) -> Place:
    """A folder whose events no rule has judged."""
    settings = Settings(data=data)
    with open_lake(settings) as lake:
        report = Importer(make_reader(settings), Detector(only_rules(ruleset, ())), lake, settings).run([logs])
    assert (report.total("events"), report.findings) == (510, 0)
    return Place(data)


def hunt(place: Place, ruleset: RuleSet, **question: Any) -> tuple[int, int, int]:
    told = {"begin": None, "end": None, "key": "everything", **question}
    with open_lake(place.settings()) as lake:
        report = Hunter(lake, place.settings()).hunt(Question(ruleset, **told))
    assert report.finished
    return report.events, report.findings, report.alerts


def test_a_hunt_finds_what_live_work_finds_and_nothing_twice(
    tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet
):
    place = unjudged(tmp_path, logs, ruleset)
    events, findings, alerts = hunt(place, ruleset)
    assert (events, findings, alerts) == (510, len(live["findings"]), len(live["alerts"]))  # type: ignore[arg-type]
    assert place.contents() == live
    assert hunt(place, ruleset) == (510, 0, 0)
    place.take(logs)
    assert place.contents() == live


def test_a_hunt_after_live_work_adds_nothing(tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet):
    place = Place(tmp_path)
    place.take(logs)
    assert hunt(place, ruleset)[1:] == (0, 0)
    assert place.contents() == live


def test_a_span_is_judged_and_nothing_beside_it(tmp_path: Path, logs: Path, ruleset: RuleSet):
    place = unjudged(tmp_path, logs, ruleset)
    begin = datetime(2026, 3, 1, 0, 10, tzinfo=UTC)
    events = hunt(place, ruleset, begin=begin, end=begin + timedelta(minutes=5), key="some")[0]
    assert 0 < events < 510
    found = place.ask("SELECT min(`@timestamp`), max(`@timestamp`) FROM findings").row(0)
    assert begin <= found[0] <= found[1] < begin + timedelta(minutes=5)


def test_looking_stores_nothing(tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet):
    place = unjudged(tmp_path, logs, ruleset)
    before = place.contents()
    with open_lake(place.settings()) as lake:
        report = Hunter(lake, place.settings()).look(Question(ruleset, None, None, "everything"))
        assert lake.state.hunts.latest(1) == []
    assert (report.findings, report.alerts) == (len(live["findings"]), 0)  # type: ignore[arg-type]
    assert place.contents() == before


def test_one_hunt_at_a_time(tmp_path: Path, ruleset: RuleSet):
    place = Place(tmp_path)

    class Watcher:
        def planned(self, events: int, rules: int, seconds: float) -> None:
            with pytest.raises(OperatorError, match="another hunt through"):
                hunt(place, ruleset, key="other")

        def advanced(self, events: int, findings: int) -> None: ...

    with open_lake(place.settings()) as lake:
        Hunter(lake, place.settings()).hunt(Question(ruleset, None, None, "x"), Watcher())


def start(place: Place, step: str = "never", number: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.journey.crashing_hunt", str(place.data), str(ROWS), step, str(number)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_hunt_killed_at_each_step_goes_on(
    step: str, tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet
):
    place = unjudged(tmp_path, logs, ruleset)
    for number in (1, 3):
        process = start(place, step, number)
        process.communicate(timeout=120)
        assert process.returncode != 0
    with State.open(place.data) as state:
        (stopped,) = state.hunts.unfinished()
        assert stopped.done > 0
    hunt(place, ruleset)
    assert place.contents() == live
    with State.open(place.data) as state:
        (done,) = state.hunts.latest(5)
        assert (done.id, done.state, done.events, done.findings) == (
            stopped.id,
            "done",
            510,
            len(live["findings"]),  # type: ignore[arg-type]
        )


@pytest.mark.timeout(600)
def test_a_hunt_killed_at_random_moments_goes_on(tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet):
    chance = random.Random(20261124)
    whole = unjudged(tmp_path / "whole", logs, ruleset)
    began = time.monotonic()
    undisturbed = start(whole)
    undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0
    seconds = time.monotonic() - began
    kills = 0
    for life in range(3):
        place = unjudged(tmp_path / f"life-{life}", logs, ruleset)
        for _ in range(4):
            process = start(place)
            try:
                process.communicate(timeout=chance.uniform(0.4, 0.95) * seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
        hunt(place, ruleset)
        assert place.contents() == live
    assert kills > 1


def test_what_a_stopped_hunt_wrote_down_is_stored_by_any_other(tmp_path: Path, logs: Path, ruleset: RuleSet):
    place = unjudged(tmp_path, logs, ruleset)
    start(place, "written", 1).communicate(timeout=120)
    assert place.ask("SELECT count() FROM findings").item() == 0
    hunt(place, only_rules(ruleset, ()), key="nothing")
    count = place.ask("SELECT count() FROM findings").item()
    with open_lake(place.settings()) as lake:
        assert count == sum(alert.count for alert in lake.state.list_alerts()) > 0


def test_exceptions_hide_from_hunts_and_what_they_hid_comes_to_light(
    tmp_path: Path, logs: Path, live: dict[str, object], ruleset: RuleSet
):
    place = unjudged(tmp_path, logs, ruleset)
    rule = ruleset.find(REFUSED)
    assert rule is not None
    with open_lake(place.settings()) as lake:
        draft = read_condition("host.name : web01", rule, load_sigma_mapping(), lake.store.column_names("events"))
        lake.state.overlays.add_exception(replace(draft, name="web01", reason="test", who="me"))
    hunt(place, ruleset)
    hidden = "SELECT count() FROM findings WHERE `finding.hidden_by` != ''"
    assert place.ask(hidden).item() == 150
    with open_lake(place.settings()) as lake:
        shown = [alert.entity for alert in lake.state.list_alerts(rule_id=REFUSED)]
        assert shown
        assert not any("web01" in entity for entity in shown)
    assert hunt(place, ruleset)[1:] == (0, 0)
    with State.open(place.data) as state:
        state.overlays.end_exception("web01")
    assert hunt(place, ruleset)[1] == 150
    assert place.ask(hidden).item() == 0
    assert place.contents() == live


@dataclass
class Current:
    """Stages that a test changes."""

    current: Any


@contextmanager
def keeping(settings: Settings, stages: Current) -> Iterator[HuntKeeper]:
    keeper = HuntKeeper(settings, stages)  # type: ignore[arg-type]
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


def own_rule(folder: Path, title: str = "Anything refused") -> None:
    told = {
        "title": title,
        "id": "0b6c7f0e-9e0a-4b39-8d5a-25f4c9f0a001",
        "level": "high",
        "logsource": {"product": "linux", "service": "sshd"},
        "detection": {"words": ["Failed password"], "condition": "words"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.yml").write_text(yaml.safe_dump(told))


def test_a_new_rule_hunts_back_beside_live_work(tmp_path: Path, logs: Path):
    settings = Settings(data=tmp_path, hunt_back=LONG)
    Place(tmp_path).take(logs)
    before = Place(tmp_path).ask("SELECT count() FROM findings").item()
    stages = Current(LiveStages(settings).current)

    def own() -> int:
        return int(Place(tmp_path).ask("SELECT count() FROM findings WHERE startsWith(`rule.id`, '0b6c7f0e')").item())

    with keeping(settings, stages) as keeper:
        with State.open(tmp_path) as state:
            until(lambda: len(state.hunts.seen_rules()) == len(stages.current.ruleset.rules))
        time.sleep(1.5)
        assert keeper.finished == 0
        own_rule(tmp_path / "rules" / "mine")
        stages.current = LiveStages(settings).current
        until(lambda: keeper.finished == 1, 60)
        assert own() == 450
        own_rule(tmp_path / "rules" / "mine", "Something was refused")
        stages.current = LiveStages(settings).current
        until(lambda: keeper.finished == 2, 60)
    assert own() == 450
    assert Place(tmp_path).ask("SELECT count() FROM findings").item() == before + 450


@pytest.fixture
def under_way(tmp_path: Path, ruleset: RuleSet) -> Iterator[tuple[Lake, str]]:
    """Twenty events of a batch that a worker is storing, and its token."""
    (tmp_path / "a.log").write_bytes(auth_lines(20))
    settings = Settings(data=tmp_path / "data")
    with open_lake(settings) as lake:
        Importer(make_reader(settings), Detector(only_rules(ruleset, ())), lake, settings).run([tmp_path / "a.log"])
        created = lake.store.query("SELECT DISTINCT `event.created` FROM events").item()
        batch = lake.state.begin_live("worker", (0, 0), (0, 9), created)
        yield lake, batch.token


def test_a_hunt_waits_for_what_is_being_stored(tmp_path: Path, ruleset: RuleSet, under_way: tuple[Lake, str]):
    lake, token = under_way
    threading.Timer(1.0, lambda: finish(tmp_path / "data", token)).start()
    began = time.monotonic()
    report = Hunter(lake, Settings(data=tmp_path / "data")).hunt(Question(ruleset, None, None, "x"))
    assert time.monotonic() - began > 0.9
    assert (report.events, report.findings) == (20, 20)


def test_a_hunt_leaves_out_what_is_stored_too_long(
    tmp_path: Path, ruleset: RuleSet, under_way: tuple[Lake, str], monkeypatch: pytest.MonkeyPatch
):
    lake, token = under_way
    monkeypatch.setattr(hunting, "_PATIENCE_SECONDS", 0.3)
    question = Question(ruleset, None, None, "x")
    hunter = Hunter(lake, Settings(data=tmp_path / "data"))
    assert hunter.hunt(question).events == 0
    finish(tmp_path / "data", token)
    assert hunter.hunt(question).events == 20


def finish(data: Path, token: str) -> None:
    with State.open(data) as state, state.transaction() as transaction:
        transaction.finish_live("worker", token)


def miharu(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from miharu.cli import main; main()", "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def answer(data: Path, *words: str) -> dict[str, Any]:
    done = miharu(data, "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return found


def test_what_is_said_about_rules_survives_a_new_import(tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch):
    data, source = tmp_path / "data", tmp_path / "mine"
    monkeypatch.setenv("MIHARU_HUNT_BACK", "P36500D")
    answer(data, "import", str(logs / "web01.log"))
    own_rule(source)
    original = (source / "own.yml").read_bytes()
    imported = answer(data, "rules", "import", str(source))
    assert [each["findings"] for each in imported["hunts"]] == [150]
    answer(data, "rules", "set-level", "0b6c7f0e", "low")
    answer(data, "rules", "except", "0b6c7f0e", "--when", "host.name : web02", "--reason", "test", "--until", "now+1d")
    answer(data, "rules", "disable", REFUSED)
    assert (data / "rules" / "mine" / "own.yml").read_bytes() == original
    own_rule(source, "Refused")
    again = answer(data, "rules", "import", str(source))
    assert [each["findings"] for each in again["hunts"]] == [0]
    assert (data / "rules" / "mine" / "own.yml").read_bytes() == (source / "own.yml").read_bytes() != original
    answer(data, "import", str(logs / "web02.log"), str(logs / "db.log"))
    found = Place(data).ask(
        "SELECT `rule.id`, `rule.level`, `finding.hidden_by` != '' AS hidden, count() AS n FROM findings "
        "WHERE entity NOT LIKE '%web01%' GROUP BY ALL ORDER BY hidden"
    )
    assert found.select("rule.level", "hidden", "n").rows() == [("low", 0, 150), ("low", 1, 150)]
    told = answer(data, "rules", "exceptions")
    assert (told["holds"], told["hidden"]) == (True, 150)
    rows = [orjson.loads(line) for line in miharu(data, "--json", "rules", "list").stdout.splitlines()]
    assert {row["id"]: (row["on"], row["level"]) for row in rows}[REFUSED][0] == "no"
    enabled = answer(data, "rules", "enable", REFUSED)
    assert [each["findings"] for each in enabled["hunts"]] == [300]


def test_a_running_system_takes_rules_and_exceptions_up(tmp_path: Path, logs: Path):
    data, source = tmp_path / "data", tmp_path / "mine"
    answer(data, "import", str(logs / "web01.log"))
    own_rule(source)
    with serving(data, hunt_back="P36500D") as served:
        until(lambda: read_vitals(data)["worker"].state == "running")
        assert answer(data, "rules", "import", str(source))["hunts"] == []
        until(lambda: read_vitals(data)["worker"].counters.get("hunts"), 60)
        own = "SELECT count() AS n FROM findings WHERE startsWith(`rule.id`, '0b6c7f0e') AND "
        assert served.sql(f"{own} `finding.hidden_by` = ''")[0]["n"] == 150
        answer(data, "rules", "except", "0b6c7f0e", "--when", "source.ip : 203.0.113.0/24", "--reason", "test")
        with socket.create_connection(("127.0.0.1", served.port("syslog_tcp")), timeout=10) as peer:
            peer.sendall(auth_lines(10, first=40_000))
        until(lambda: served.sql(f"{own} `finding.hidden_by` != ''")[0]["n"] == 10)
        assert served.sql(f"{own} `finding.hidden_by` = ''")[0]["n"] == 150
    with State.open(data) as state:
        assert sum(alert.count for alert in state.list_alerts(rule_id="0b6c7f0e-9e0a-4b39-8d5a-25f4c9f0a001")) == 150
