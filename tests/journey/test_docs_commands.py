"""Pages → what their commands do: each example that a page calls tried is run as it stands, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.tree import ROOT, text_of
from tests.journey.senders import logger, needs_rsyslog, rsyslog
from tests.journey.serving import Served, serving, until

SENDING = Path("docs/how-to/send-logs.md")
TUTORIAL = Path("docs/tutorial/first-ten-minutes.md")
EXPLANATION = Path("docs/explanation/log-management-and-siem.md")

MARKED = re.compile(
    r"<!-- (tried|answered)(?: by rsyslog)?(?:, (?:found|comes) by: (.+?))? -->\n```(\w*)\n(.*?)```", re.DOTALL
)
ANSWER = re.compile(r"\A\s*```csv\n(.*?)```", re.DOTALL)
SPOKEN = "192.0.2.10"
"""The address at which pages reach miharu."""


class Example(NamedTuple):
    """A block of a page: how what it sends is found, its language, its text, and the answer the page gives."""

    found_by: str
    language: str
    text: str
    answer: str


def examples(page: Path) -> list[Example]:
    text = text_of(page)
    found = []
    for match in MARKED.finditer(text):
        answer = ANSWER.match(text[match.end() :])
        found.append(Example(match[2] or "", match[3], match[4], answer[1] if answer else ""))
    return found


def sends(page: Path, *languages: str) -> list[Example]:
    return [example for example in examples(page) if example.found_by and example.language in languages]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def with_ports(text: str, served: Served) -> str:
    """Put the addresses of the running system in the place of those that pages name."""
    syslog = "syslog_udp" if re.search(r'--udp|protocol="udp"', text) else "syslog_tcp"
    ports = {"8601": served.port("http"), "5514": served.port(syslog)}
    text = re.sub(r"\b(8601|5514)\b", lambda match: str(ports[match[1]]), text)
    return text.replace(SPOKEN, "127.0.0.1")


def call(words: list[str], **environment: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_of_a_sender_is_marked():
    text = text_of(SENDING).partition("## From documentation")[0].partition("## Tried")[2]
    blocks = [
        block for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) if "destination d_miharu" not in block
    ]
    assert [example.text for example in examples(SENDING)] == blocks
    assert len(blocks) > 10


@pytest.mark.mission("S1")
@pytest.mark.parametrize(
    "example", [*sends(SENDING, "", "python"), *sends(TUTORIAL, "")], ids=lambda example: example.found_by
)
def test_what_an_example_sends_is_found(example: Example, served: Served):
    given = {"MIHARU": "127.0.0.1", "TOKEN": served.token("intake")}
    runner = [sys.executable] if example.language == "python" else ["bash", "-eo", "pipefail"]
    call([*runner, "-c", with_ports(example.text, served)], **given)
    until(lambda: served.events(example.found_by), what=example.found_by)


@needs_rsyslog
@pytest.mark.parametrize("example", sends(SENDING, "rsyslog"), ids=lambda example: example.found_by)
def test_what_rsyslog_sends_is_found(example: Example, served: Served, tmp_path: Path):
    user = "rsyslog-" + example.found_by
    action = with_ports(example.text, served).replace("TOKEN", served.token("intake"))
    with rsyslog(tmp_path, action) as place:
        logger(place, [f"Failed password for {user} from 203.0.113.9 port 4025 ssh2"])
        (event,) = until(lambda: served.events(f"user.name : {user} and input.type : {example.found_by}"), what=user)
    assert (event["event.dataset"], event["process.name"]) == ("system.auth", "sshd")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import a small sample day; return the data folder."""
    folder = tmp_path_factory.mktemp("day")
    call([sys.executable, "-m", "bench.day", str(folder / "logs"), "--events", "5000"], PYTHONPATH=str(ROOT))
    call(
        [str(Path(sys.executable).with_name("miharu")), "--data", str(folder / "data"), "import", str(folder / "logs")]
    )
    return folder / "data"


@pytest.mark.mission("S171")
def test_the_same_day_as_logs_and_as_alerts(day: Path):
    pairs = [(example.text, example.answer) for example in examples(EXPLANATION)]
    assert len(pairs) == text_of(EXPLANATION).count("```csv")
    miharu = f'miharu() {{ "{Path(sys.executable).with_name("miharu")}" --data "{day}" "$@"; }}\n'
    for command, answer in pairs:
        assert call(["bash", "-eo", "pipefail", "-c", miharu + command], LC_ALL="C") == answer
