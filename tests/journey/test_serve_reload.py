"""Rules and log sources that are changed while the system runs apply to what comes next, without a restart."""

from __future__ import annotations

import itertools
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from miharu.catalog import content_root
from miharu.pipeline import read_vitals
from tests.journey import loading
from tests.journey.loading import HttpSender
from tests.journey.serving import Served, serving, until

RULE = """title: Word {word} Is Said
id: {id}
status: test
description: A rule of a test.
logsource:
  product: linux
detection:
  said:
    message|contains: {word}
  condition: said
level: high
"""
_NUMBERS = itertools.count()
IDS = {
    "mentsuyu": "0d3ac3d6-2c1d-4f60-9a70-6e3a51c4a001",
    "tonkatsu": "0d3ac3d6-2c1d-4f60-9a70-6e3a51c4a002",
    "dashi": "0d3ac3d6-2c1d-4f60-9a70-6e3a51c4a003",
}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("copied") / "content"
    shutil.copytree(content_root(), copy)
    return copy


@pytest.fixture(scope="module")
def served(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("reloaded"), content=str(content), live_seconds="0.1") as running:
        yield running


def send(served: Served, *lines: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port("syslog_tcp"))) as out:
        out.sendall("".join(f"{line}\n" for line in lines).encode())


def said(word: str, number: int) -> str:
    return f"<38>Mar  1 12:00:00 web01 sshd[9]: error: {word} number-{word}-{number}"


def alerts(served: Served, word: str) -> list[str]:
    with served.api() as api:
        answer = api.get("/alerts", params={"rule": IDS[word]})
    assert answer.status_code == 200
    return [alert["id"] for alert in answer.json()["alerts"]]


def found(served: Served, word: str, number: int) -> int:
    """Return how many findings a word's rule has of the record with this number."""
    (row,) = served.sql(
        f"SELECT count() AS n FROM findings WHERE `rule.id` = '{IDS[word]}' AND `event.id` IN "
        f"(SELECT `event.id` FROM events WHERE endsWith(`event.original`, 'number-{word}-{number}'))"
    )
    return int(row["n"])


def reloads(served: Served) -> int:
    return read_vitals(served.data)["worker"].counters["reloads"]


def write(place: Path, text: str | bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)


def alerted(served: Served, word: str, first: int = 0) -> bool:
    """Say a word again and again until an alert tells of it."""
    sent = iter(range(first, 1000))

    def once() -> bool:
        send(served, said(word, next(sent)))
        return bool(alerts(served, word))

    return until(once, 20, f"an alert of {word}")


def test_a_new_rule_applies_to_what_comes_after(served: Served):
    pid, before = served.part_pid("worker"), reloads(served)
    send(served, said("mentsuyu", 0))
    until(lambda: loading.stored(served, "number-mentsuyu-0") == 1)
    write(served.data / "rules" / "mine" / "word.yml", RULE.format(word="mentsuyu", id=IDS["mentsuyu"]))
    until(lambda: reloads(served) > before)
    assert not alerts(served, "mentsuyu"), "what was stored before is not judged again"
    assert alerted(served, "mentsuyu", 1)
    assert found(served, "mentsuyu", 0) == 0
    assert served.part_pid("worker") == pid
    with served.api() as api:
        assert api.get(f"/rules/{IDS['mentsuyu']}").status_code == 200


def test_values_of_a_placeholder_apply_when_they_are_written(served: Served):
    rule = RULE.replace("message|contains: {word}", "message|contains|expand: '%Broths%'")
    before = reloads(served)
    write(served.data / "rules" / "mine" / "open.yml", rule.format(word="dashi", id=IDS["dashi"]))
    until(lambda: reloads(served) > before)
    before = reloads(served)
    write(served.data / "placeholders" / "Broths.txt", "dashi\n")
    until(lambda: reloads(served) > before)
    assert alerted(served, "dashi")


@pytest.mark.parametrize(
    "broken",
    [
        "title: [no end",
        b"\xff\xfe\x00 no text",
        "a: " * 3000,
        "- " * 3000,
        "title: Nothing\nid: 0d3ac3d6-2c1d-4f60-9a70-6e3a51c4a0ff\ndetection: 7\n",
    ],
    ids=["unfinished", "no-text", "odd", "deep", "wrong"],
)
def test_a_broken_rule_is_reported_and_the_others_stay(broken: str | bytes, served: Served):
    pid = served.part_pid("worker")
    good = served.data / "rules" / "good" / "word.yml"
    bad = served.data / "rules" / "bad" / "broken.yml"
    write(good, RULE.format(word="tonkatsu", id=IDS["tonkatsu"]))
    before = len(served.log())
    write(bad, broken)
    try:
        until(lambda: any("broken.yml" in str(line) for line in served.log()[before:]), what="the fault is said")
        number = next(_NUMBERS)
        send(served, said("tonkatsu", number))
        until(lambda: found(served, "tonkatsu", number) == 1, what="the other rules stay")
        assert served.part_pid("worker") == pid
    finally:
        before = reloads(served)
        bad.unlink()
        until(lambda: reloads(served) > before)
    until(lambda: loading.health(served)["status"] == "ok")


def test_a_changed_log_source_applies_and_a_broken_one_does_not(served: Served, content: Path):
    pid = served.part_pid("worker")
    source = content / "logsources" / "generic" / "generic.json.yml"
    shipped = source.read_text()
    assert module_of(served) == "generic"

    source.write_text(shipped.replace("priority: 1000\n", "priority: 1000\nset: {event.module: kitchen}\n"))
    until(lambda: module_of(served) == "kitchen", what="the changed source applies")

    refused = loading.actions(served)["content-refused"]
    source.write_text(shipped.replace("priority: 1000", "priority: many"))
    until(lambda: loading.actions(served)["content-refused"] > refused)
    (said,) = [line for line in served.log() if "priority" in str(line.get("error.message"))][-1:]
    assert "generic.json.yml" in said["error.message"]
    until(lambda: loading.health(served)["status"] == "trouble")
    assert module_of(served) == "kitchen", "the source before it stays"

    source.write_text(shipped)
    until(lambda: module_of(served) == "generic", what="the shipped source applies")
    until(lambda: loading.health(served)["status"] == "ok")
    assert served.part_pid("worker") == pid


def module_of(served: Served) -> object:
    """Send a record and return the module of the event it becomes."""
    sender = HttpSender.of(served, f"kitchen-{next(_NUMBERS)}-", batch=1)
    with httpx.Client(base_url=served.intake, auth=("", served.token("intake"))) as client:
        assert sender.once(client)
    until(lambda: loading.stored(served, sender.mark))
    found = served.sql(f"SELECT * FROM events WHERE position(`event.original`, '{sender.mark}') > 0")
    return found[0].get("event.module")
