"""A journal's export is cut at its entries, whatever their values hold, and read as the journal's JSON is."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import Limits, SourceFile, expand

KEY = "0123456789abcdef" * 2
CREATED = datetime(2025, 6, 16, tzinfo=UTC)

Entry = dict[str, str | bytes]
Event = dict[str, object]


def exported(entry: Entry) -> bytes:
    """Return an entry as the format's page says: by its length where a value holds a line's end or is no text."""
    made = b""
    for name, value in entry.items():
        raw = value.encode() if isinstance(value, str) else value
        if isinstance(value, str) and "\n" not in value:
            made += name.encode() + b"=" + raw + b"\n"
        else:
            made += name.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
    return made + b"\n"


def entries(seed: int, count: int) -> list[Entry]:
    """Return entries of several programs, some with values that must be given by their length."""
    rng = random.Random(seed)
    made: list[Entry] = []
    for number in range(count):
        entry: Entry = {
            "__CURSOR": f"s=1;i={number:x}",
            "__REALTIME_TIMESTAMP": str(1_749_888_900_000_000 + 1000 * number),
            "PRIORITY": "6",
            "_HOSTNAME": "web1",
            "SYSLOG_IDENTIFIER": rng.choice(["sshd", "frobd", "kernel"]),
            "_PID": str(rng.randrange(1, 9999)),
        }
        if entry["SYSLOG_IDENTIFIER"] == "kernel":
            del entry["_PID"]
        entry["MESSAGE"] = {
            "sshd": "Accepted password for alice from 192.0.2.10 port 50122 ssh2",
            "frobd": rng.choice(["one line", "two\nlines\n\nMESSAGE=x\n\n__CURSOR=y", "=\n=", b"\xff\xfe no text"]),
            "kernel": "usb 1-1: USB disconnect, device number 7",
        }[str(entry["SYSLOG_IDENTIFIER"])]
        made.append(entry)
    return made


@pytest.fixture(scope="module")
def stages() -> tuple[Parser, Normaliser]:
    sources = [one for one in load_logsources() if one.id.startswith(("linux.", "system.", "generic."))]
    return Parser(sources), Normaliser(sources, load_fields())


def opened(path: Path, data: bytes, limits: Limits | None = None) -> SourceFile:
    path.write_bytes(data)
    (file,) = expand([path], limits or Limits())
    return file


def events(file: SourceFile, stages: tuple[Parser, Normaliser]) -> list[Event]:
    parser, normaliser = stages
    made = [
        normaliser.run(parser.read(chunk.format, chunk.records).fields, CREATED).to_dicts()
        for chunk in file.chunks(KEY)
        if chunk.records.height
    ]
    return [{name: value for name, value in row.items() if value is not None} for rows in made for row in rows]


def test_entries_are_cut_whatever_they_hold(tmp_path: Path):
    meant = entries(1, 300)
    file = opened(tmp_path / "journal", b"".join(map(exported, meant)))
    chunks = list(file.chunks(KEY, rows=7))
    raws = [raw for chunk in chunks for raw in chunk.records["record.raw"]]
    assert file.format == "journal"
    assert raws == [exported(entry)[:-2] for entry in meant]
    for chunk in chunks[::5]:
        (again,) = file.chunks(KEY, chunk.begin, chunk.end, rows=1000)
        assert again.records.equals(chunk.records)
    assert not any(chunk.rejects.height for chunk in chunks)


@pytest.mark.mission("S93")
def test_an_export_means_what_the_json_means(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    meant = [entry for entry in entries(2, 200) if isinstance(entry["MESSAGE"], str)]
    export = events(opened(tmp_path / "a.export", b"".join(map(exported, meant))), stages)
    lines = "".join(json.dumps(entry) + "\n" for entry in meant)
    other = events(opened(tmp_path / "a.json", lines.encode()), stages)
    own = {"event.id", "event.original", "log.file.path", "log.offset", "event.created"}
    same = [[{n: v for n, v in event.items() if n not in own} for event in one] for one in (export, other)]
    assert same[0] == same[1]
    assert {event["event.dataset"] for event in export} == {"system.auth", "system.syslog", "linux.kernel"}
    logins = [event for event in export if event["event.dataset"] == "system.auth"]
    assert {(event["user.name"], event["source.ip"], event["host.name"]) for event in logins} == {
        ("alice", "192.0.2.10", "web1")
    }


def test_the_time_is_the_journals(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    found = events(opened(tmp_path / "x", b"".join(map(exported, entries(3, 5)))), stages)
    assert found[3]["@timestamp"] == datetime(2025, 6, 14, 8, 15, 0, 3000, tzinfo=UTC)


def test_a_value_that_is_no_text_is_kept(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    meant = {"__CURSOR": "s=1", "_HOSTNAME": "web1", "SYSLOG_IDENTIFIER": "frobd", "MESSAGE": b"caf\xe9"}
    (event,) = events(opened(tmp_path / "x", exported(meant)), stages)
    assert (event["event.original"], event["message"]) == (exported(meant)[:-2], "café")


def test_json_gives_a_value_that_is_no_text_by_its_bytes(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    base = {"_HOSTNAME": "web1", "SYSLOG_IDENTIFIER": "frobd", "PRIORITY": "6"}
    told: list[object] = [list(b"caf\xe9"), list("two\nlines é".encode()), "[1, 2]", "[104,105]", "[10,300]"]
    lines = "".join(json.dumps({**base, "MESSAGE": one}) + "\n" for one in told)
    found = events(opened(tmp_path / "x", lines.encode()), stages)
    assert [event["message"] for event in found] == ["café", "two\nlines é", "[1, 2]", "[104,105]", "[10,300]"]
    (alone,) = events(opened(tmp_path / "x", json.dumps({**base, "MESSAGE": told[0]}).encode()), stages)
    assert alone["message"] == "café"


@pytest.mark.parametrize("lost", [1, 2, 9, 40])
def test_an_export_that_breaks_off(tmp_path: Path, lost: int):
    first, last = exported(entries(4, 1)[0]), exported({"__CURSOR": "s=2", "MESSAGE": "a\nb" * 30})
    file = opened(tmp_path / "x", first + last[:-lost])
    records = [raw for chunk in file.chunks(KEY) for raw in chunk.records["record.raw"]]
    rejects = [row for chunk in file.chunks(KEY) for row in chunk.rejects.to_dicts()]
    if lost == 1:  # only the empty line is missing
        assert (len(records), rejects) == (2, [])
        return
    assert (len(records), [row["reject.reason"] for row in rejects]) == (1, ["journal_entry"])
    assert rejects[0]["reject.raw"] == last[:-lost]


def test_an_entry_without_an_end_is_bounded(tmp_path: Path):
    data = b"__CURSOR=a\nMESSAGE=" + b"x" * 3_000_000
    file = opened(tmp_path / "x", data, Limits(record=1_000_000))
    rejects = [row for chunk in file.chunks(KEY) for row in chunk.rejects.to_dicts()]
    assert {row["reject.reason"] for row in rejects} == {"too_long", "journal_entry"} - (
        {"journal_entry"} if len(rejects) == 1 else set()
    )
    assert sum(len(row["reject.raw"]) for row in rejects) == len(data)


@pytest.mark.parametrize("data", [b"__CURSOR=x", b"CURSOR=a\nMESSAGE=b\n", b"__CURSOR=a\nlower=b\n"])
def test_what_is_no_export(tmp_path: Path, data: bytes):
    assert opened(tmp_path / "x", data).format == "lines"
