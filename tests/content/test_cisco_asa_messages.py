"""Messages of Cisco's firewalls, one line for each number: what they tell must stand in the event, and nothing less.

`cisco_asa_messages.jsonl` holds own lines in the form that the vendor's message guide documents, with the fields that
the message is about. Every denial that the guide numbers 106001 to 106023 is among them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from miharu.catalog import Sample, load_fields, load_logsources
from miharu.core.columns import LEFTOVERS
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.pipeline.sourcesamples import CREATED, records_of

FILE = Path(__file__).with_name("cisco_asa_messages.jsonl")
MESSAGES = [json.loads(line) for line in FILE.read_text().splitlines()]
DENIALS = {f"106{number:03d}" for number in (1, 2, 6, 7, *range(10, 19), 20, 21, 22, 23)}
ENOUGH = 200


def code(line: str) -> str:
    return line.split(":", 1)[0].rpartition("-")[2]


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """The event of each line, with what has no field of its own beside."""
    sources = [source for source in load_logsources() if source.id.startswith("cisco.")]
    lines = [f"Jun 14 2025 08:15:02 fw1 : {message['line']}" for message in MESSAGES]
    records = records_of(*(Sample(record=line, line=1) for line in lines))
    parsed = Parser(sources, "UTC").read("lines", records)
    batch = Normaliser(sources, load_fields(), "UTC").run(parsed.fields, CREATED)
    assert batch.height == len(lines)
    return [{**json.loads(event.pop(LEFTOVERS) or "{}"), **event} for event in batch.to_dicts()]


@pytest.mark.mission("S139")
def test_messages_of_many_numbers_say_what_happened(events: list[dict[str, Any]]) -> None:
    faults = []
    for message, event in zip(MESSAGES, events, strict=True):
        wanted = {"event.dataset": "cisco.asa", "event.code": code(message["line"]), **message["event"]}
        faults += [
            f"{message['line']}: {name}: {event.get(name)!r}, wanted {value!r}"
            for name, value in wanted.items()
            if event.get(name) != value
        ]
    assert not faults, "\n".join(faults)


@pytest.mark.mission("S139")
def test_all_denials_and_more_than_two_hundred_numbers_are_among_them() -> None:
    codes = {code(message["line"]) for message in MESSAGES}
    assert len(codes) > ENOUGH
    assert codes >= DENIALS
    denials = [message["event"] for message in MESSAGES if code(message["line"]) in DENIALS]
    assert all(event["event.action"] == "connection-denied" for event in denials)
    assert all(event["event.type"] == ["connection", "denied"] for event in denials)


def test_every_message_has_its_action_and_a_category() -> None:
    missing = [one["line"] for one in MESSAGES if not {"event.action", "event.category"} <= one["event"].keys()]
    assert not missing
