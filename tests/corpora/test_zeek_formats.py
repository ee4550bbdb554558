"""The same capture as JSON and as TSV with headers gives the same events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import LEFTOVERS
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.pipeline.reading import Reader
from miharu.sources import expand

KINDS = {
    "dce_rpc": "zeek.dce_rpc",
    "kerberos": "zeek.kerberos",
    "modbus": "zeek.session",
    "ntp": "zeek.session",
    "pe": "zeek.log",
    "rdp": "zeek.rdp",
    "smtp": "zeek.session",
    "software": "zeek.inventory",
    "ssh": "zeek.session",
    "x509": "zeek.x509",
}
OWN = ("event.id", "event.original", "event.created", "log.offset", "log.file.path", "record.row", "event.ingested")
DIGITS = 6
"""Decimals that TSV writes of a length of time."""
SOURCES = load_logsources()


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Parser(SOURCES, "UTC"), Normaliser(SOURCES, load_fields(), "UTC"))


def events(reader: Reader, path: Path) -> list[dict[str, Any]]:
    """Return the events of the file that are no directives of its header."""
    found: list[dict[str, Any]] = []
    for file in expand([path]):
        for chunk in file.chunks("0" * 32):
            batch = reader.read([chunk], datetime(2025, 1, 1, tzinfo=UTC))
            assert batch.rejects.is_empty()
            read = batch.events.to_dicts()
            assert {event["event.module"] for event in read} == {"zeek"}
            found += [event for event in read if not event["event.original"].startswith(b"#")]
    return [plain(event) for event in found]


def plain(event: dict[str, Any]) -> dict[str, Any]:
    left = json.loads(event.pop(LEFTOVERS) or "{}")
    event = {name: value for name, value in event.items() if value is not None and name not in OWN}
    return event | {LEFTOVERS: {name: rounded(value) for name, value in left.items()}}


def rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def text(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, default=str)


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_tsv_give_the_same_events(corpora: Path, reader: Reader, kind: str) -> None:
    folder = corpora / "zeek" / "zed-sample-data"
    tsv = events(reader, folder / "zeek-default" / f"{kind}.log.gz")
    js = events(reader, folder / "zeek-json" / f"{kind}.json.gz")
    assert {event["event.dataset"] for event in tsv} == {KINDS[kind]}
    assert len(tsv) == len(js) > 0
    assert sorted(map(text, tsv)) == sorted(map(text, js))
