"""Real Windows events: the same ones in two shapes give the same event; none is lost."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest
from evtx import PyEvtxParser

from miharu.catalog import load_fields, load_logsources
from miharu.core.chunk import Format
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.parse.windows_samples import records

CREATED: Final = datetime(2025, 6, 15, tzinfo=UTC)
OWN: Final = {"record.row", "event.id", "event.original", "event.created", "log.file.path", "log.offset", "fields"}


@cache
def machinery() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def normalised(kind: Format, raws: list[bytes]) -> tuple[pl.DataFrame, pl.DataFrame]:
    parser, normaliser = machinery()
    parsed = parser.read(kind, records(*raws))
    return normaliser.run(parsed.fields, CREATED), parsed.rejects


def events(kind: Format, raws: list[bytes]) -> dict[str, dict[str, Any]]:
    batch, rejects = normalised(kind, raws)
    assert rejects.is_empty()
    rows = [
        {name: _plain(value) for name, value in row.items() if value not in (None, "") and name not in OWN}
        for row in batch.iter_rows(named=True)
    ]
    return {f"{row.get('winlog.channel')}/{row.get('winlog.record_id')}": row for row in rows}


def _plain(value: Any) -> Any:
    """XML writes line ends its own way (XML 1.0, 2.11); the JSON files beside the EVTX have no blanks at the end."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.replace("\r\n", "\n").rstrip() if isinstance(value, str) else value


def evtx_records(data: bytes) -> list[bytes]:
    return [record["data"].encode() for record in PyEvtxParser(io.BytesIO(data)).records_json()]


def xml_records(data: bytes) -> list[bytes]:
    return [part.strip() for part in re.split(rb"(?=<Event[\s>])", data) if part.startswith(b"<Event")]


def documents(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        yield value
        at = end + len(text[end:]) - len(text[end:].lstrip())


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]


def test_evtx_and_xml_are_the_same_events(corpora: Path) -> None:
    files = members(corpora / "windows-evtx" / "winlogbeat-evtx-xml.tar.gz")
    pairs = [(name, f"{name.removesuffix('.evtx')}.xml") for name in files if name.endswith(".evtx")]
    assert pairs
    shared = 0
    for binary, text in pairs:
        from_evtx, from_xml = events("evtx", evtx_records(files[binary])), events("lines", xml_records(files[text]))
        for key in from_evtx.keys() & from_xml.keys():
            assert from_evtx[key] == from_xml[key], (binary, key)
            shared += 1
        assert from_evtx.keys() == from_xml.keys()
    assert shared


def test_evtx_and_json_are_the_same_events(corpora: Path) -> None:
    files = sorted((corpora / "sigma-regression").rglob("*.evtx"))
    assert files
    for path in files:
        from_evtx = events("evtx", evtx_records(path.read_bytes()))
        raws = [json.dumps(one).encode() for one in documents(path.with_suffix(".json").read_text().strip())]
        assert events("json", raws) == from_evtx, path.name


def test_rendered_xml_is_the_event_its_forwarder_made(corpora: Path) -> None:
    """A forwarder's own JSON of the same events: as a tree, and flat as NXLog has it."""
    compared = 0
    for path in sorted((corpora / "windows-wef-rendered-xml").glob("json__*.xml")):
        expected = path.with_name(path.name.removesuffix(".xml") + ".openwec-expected.json")
        (by_xml,) = events("lines", [path.read_bytes()]).values()
        (by_json,) = events("json", [expected.read_bytes()]).values()
        assert by_xml == by_json, path.name
        compared += 1
    for path in sorted((corpora / "windows-wef-rendered-xml").glob("nxlog__*.xml")):
        expected = path.with_name(path.name.removesuffix(".xml") + ".openwec-expected.json")
        (by_xml,) = events("lines", [path.read_bytes()]).values()
        (by_json,) = events("json", [expected.read_bytes()]).values()
        differing = {name for name in by_xml.keys() | by_json.keys() if by_xml.get(name) != by_json.get(name)}
        assert differing <= {"winlog.qualifiers"}, path.name
        compared += 1
    assert compared


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("event__EVENT_4689", True),
        ("event__FAILED_TO_RECOVER_RAW_CONTENT", True),
        ("event__UNRECOVERABLE_1", True),
        ("event__UNRECOVERABLE_2", False),
    ],
)
def test_damaged_xml(corpora: Path, name: str, kept: bool) -> None:  # noqa: FBT001 - a parameter of the test
    batch, rejects = normalised("lines", [(corpora / "windows-wef-rendered-xml" / f"{name}.xml").read_bytes()])
    assert (batch.height, rejects.height) == ((1, 0) if kept else (0, 1))
    if kept:
        assert batch["winlog.event_data.SubjectUserName"][0]
        assert batch["event.dataset"][0] == "windows.security"


@pytest.mark.timeout(300)
def test_no_event_is_lost_or_takes_the_time_of_its_receipt(corpora: Path) -> None:
    """Every JSON line of the captures is one event of a known channel, at a time near Sysmon's own."""
    for path in sorted((corpora / "otrf-security-datasets" / "atomic" / "windows").rglob("*.zip"))[::6]:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json") and "__MACOSX" not in name]
            for name in names:
                raws = [line for line in archive.read(name).split(b"\n") if line.strip()]
                _check_capture(f"{path.name}!{name}", raws)


def _check_capture(where: str, raws: list[bytes]) -> None:
    for begin in range(0, len(raws), 16_384):
        part = raws[begin : begin + 16_384]
        batch, rejects = normalised("json", part)
        assert batch["record.row"].to_list() + rejects["record.row"].to_list() == list(range(len(part))), where
        assert rejects.is_empty(), where
        assert batch["event.dataset"].str.starts_with("windows.").all(), where
        assert batch["event.code"].null_count() == batch["winlog.channel"].null_count() == 0, where
