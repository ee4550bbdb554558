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

KINDS = ("dce_rpc", "kerberos", "rdp", "x509", "ssh", "ntp", "smtp", "modbus", "software", "pe")
OWN = ("event.id", "event.original", "event.created", "log.offset", "log.file.path", "record.row", "event.ingested")
TIMES = ("ts", "from", "till", "_write_ts", "ref_time", "org_time", "rec_time", "xmt_time", "compile_ts")
"""Fields of Zeek's type `time`, which JSON writes in another way; `ts` becomes the event's time in both."""
KNOWN = ("dce_rpc", "kerberos", "rdp", "x509")
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
            found += [event for event in batch.events.to_dicts() if not event["event.original"].startswith(b"#")]
    return [plain(event) for event in found]


def plain(event: dict[str, Any]) -> dict[str, Any]:
    left = json.loads(event.pop(LEFTOVERS) or "{}")
    event = {name: value for name, value in event.items() if value is not None and name not in OWN}
    kept = {name.partition(".")[2]: value for name, value in left.items()}
    times = {"certificate.not_valid_before", "certificate.not_valid_after", *TIMES}
    # TSV writes six decimals of a duration, and an empty text like an empty list.
    if "event.duration" in event:
        event["event.duration"] = round(event["event.duration"] / 1000)
    return event | {LEFTOVERS: {name: value for name, value in kept.items() if name not in times and value != ""}}


def text(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, default=str)


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_tsv_give_the_same_events(corpora: Path, reader: Reader, kind: str) -> None:
    folder = corpora / "zeek" / "zed-sample-data"
    tsv = events(reader, folder / "zeek-default" / f"{kind}.log.gz")
    js = events(reader, folder / "zeek-json" / f"{kind}.json.gz")
    assert len(tsv) == len(js) > 0
    if kind in KNOWN:
        assert {event["event.dataset"] for event in tsv} == {f"zeek.{kind}"}
        assert sorted(map(text, tsv)) == sorted(map(text, js))
    else:
        assert {event["event.dataset"] for event in tsv} <= {f"zeek.{kind}", "generic.delimited"}
