"""Files of logins are told by content, cut at records, and read as the system's own tools read them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import SourceFile, expand
from tests.unit.sources.login_writer import BEGUN, Login, faillog, lastlog, logins, refused

KEY = "0123456789abcdef" * 2
CREATED = datetime(2025, 6, 16, tzinfo=UTC)

Event = dict[str, object]


@pytest.fixture(scope="module")
def stages() -> tuple[Parser, Normaliser]:
    sources = [source for source in load_logsources() if source.id.startswith(("linux.", "generic."))]
    return Parser(sources), Normaliser(sources, load_fields())


def opened(path: Path, data: bytes) -> SourceFile:
    path.write_bytes(data)
    (file,) = expand([path])
    return file


def events(file: SourceFile, stages: tuple[Parser, Normaliser]) -> list[Event]:
    parser, normaliser = stages
    made = [
        normaliser.run(parser.read(chunk.format, chunk.records).fields, CREATED).to_dicts()
        for chunk in file.chunks(KEY)
        if chunk.records.height
    ]
    return [{name: value for name, value in row.items() if value is not None} for rows in made for row in rows]


@pytest.mark.parametrize("size", [384, 400])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.mission("S99")
def test_wtmp_of_every_machine(tmp_path: Path, stages: tuple[Parser, Normaliser], size: int, order: str):
    meant = logins(7, 300)
    file = opened(tmp_path / "wtmp.1", b"".join(login.packed(size, order) for login in meant))
    found = events(file, stages)
    assert (file.format, len(found)) == ("utmp", len(meant))
    for login, event in zip(meant, found, strict=True):
        assert event["@timestamp"] == datetime.fromtimestamp(login.seconds, UTC).replace(microsecond=login.micros)
        assert event["event.original"] == login.packed(size, order)
        assert event.get("user.terminal") == login.line
        if login.type in {7, 8}:
            assert event["process.pid"] == login.pid
            assert event["event.action"] == ("login" if login.type == 7 else "logout")
            assert event.get("user.name", "") == login.user
            assert event.get("source.ip", "") == login.address
            assert event.get("source.address", "") == login.host
    assert [event["event.action"] for event in found[:3]] == ["boot", "runlevel_changed", "login_prompt"]
    assert found[0]["host.os.kernel"] == "6.1.0-25-amd64"
    assert not any("user.name" in event for event in found[:3])


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_the_length_of_records_is_told_from_few(tmp_path: Path, count: int):
    for size in (384, 400):
        file = opened(tmp_path / "x", b"".join(login.packed(size) for login in logins(3, count)))
        raws = [raw for chunk in file.chunks(KEY) for raw in chunk.records["record.raw"]]
        assert [len(raw) for raw in raws] == [size] * count


@pytest.mark.mission("S99")
def test_refused_logins(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    meant = refused(5, 200)
    found = events(opened(tmp_path / "anything", b"".join(login.packed() for login in meant)), stages)
    assert {(event["event.action"], event["event.outcome"]) for event in found} == {("failed_login", "failure")}
    assert [(event["user.name"], event["source.ip"]) for event in found] == [(one.user, one.address) for one in meant]
    # A program that writes btmp as it writes wtmp: the file's name tells.
    (event,) = events(opened(tmp_path / "btmp-20250601", Login(7, 9, "tty1", "", "eve").packed()), stages)
    assert (event["event.action"], event["event.outcome"]) == ("failed_login", "failure")


@pytest.mark.skipif(shutil.which("utmpdump") is None, reason="utmpdump (util-linux) is not installed")
def test_wtmp_as_utmpdump_reads_it(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    meant = [login for login in logins(11, 200) if login.user.isascii()]
    file = opened(tmp_path / "wtmp", b"".join(login.packed() for login in meant))
    done = subprocess.run(["utmpdump", tmp_path / "wtmp"], capture_output=True, text=True, check=True)
    lines = [re.findall(r"\[([^]]*)\]", line) for line in done.stdout.splitlines()]
    found = events(file, stages)
    assert len(lines) == len(found) == len(meant)
    for line, event in zip(lines, found, strict=True):
        kind, pid, _, user, terminal, host, address, time = [cell.strip() for cell in line]
        if kind not in {"7", "8"}:
            continue
        assert event["process.pid"] == int(pid)
        assert event.get("user.name", "") == user
        assert event["user.terminal"] == terminal
        assert event.get("source.address", "") == host
        assert event.get("source.ip", "0.0.0.0") == address
        assert event["@timestamp"] == datetime.fromisoformat(time.replace(",", "."))


@pytest.mark.skipif(shutil.which("lastb") is None, reason="lastb (util-linux) is not installed")
def test_btmp_as_lastb_reads_it(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    file = opened(tmp_path / "btmp", b"".join(login.packed() for login in refused(2, 50)))
    command = ["lastb", "-w", "-i", "--time-format", "iso", "-f", tmp_path / "btmp"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"})
    told = [line.split()[:4] for line in done.stdout.splitlines() if "ssh:notty" in line]
    ours = [
        [
            event["user.name"],
            event["user.terminal"],
            event["source.ip"],
            f"{event['@timestamp']:%Y-%m-%dT%H:%M:%S}+00:00",
        ]
        for event in reversed(events(file, stages))
    ]
    assert told == ours


@pytest.mark.parametrize("size", [292, 296])
@pytest.mark.mission("S99")
def test_lastlog(tmp_path: Path, stages: tuple[Parser, Normaliser], size: int):
    entries = {
        0: (BEGUN, "tty1", ""),
        33: (BEGUN + 5, "pts/1", "192.0.2.7"),
        1000: (BEGUN + 9, "pts/2", "h.example.com"),
    }
    found = events(opened(tmp_path / "x", lastlog(entries, 1001, size)), stages)
    assert [(event["user.id"], event["user.terminal"]) for event in found] == [
        ("0", "tty1"), ("33", "pts/1"), ("1000", "pts/2"),
    ]  # fmt: skip
    assert [event.get("source.ip") for event in found] == [None, "192.0.2.7", None]
    assert found[2]["source.domain"] == "h.example.com"
    assert found[1]["@timestamp"] == datetime.fromtimestamp(BEGUN + 5, UTC)


def test_a_lastlog_whose_first_users_never_logged_in_is_told_by_its_name(tmp_path: Path):
    data = lastlog({1000: (BEGUN, "pts/1", "192.0.2.7")}, 1001)
    assert [opened(tmp_path / name, data).format for name in ("lastlog", "other")] == ["lastlog", "lines"]


@pytest.mark.parametrize("size", [24, 32])
@pytest.mark.mission("S99")
def test_faillog(tmp_path: Path, stages: tuple[Parser, Normaliser], size: int):
    entries = {0: (3, 5, "tty1", BEGUN), 7: (0, 0, "/dev/tty2", BEGUN + 1)}
    found = events(opened(tmp_path / "x", faillog(entries, 50, size)), stages)
    assert [(event["user.id"], event["linux.faillog.count"]) for event in found] == [("0", 3), ("7", 0)]
    assert [event.get("event.outcome") for event in found] == ["failure", None]
    assert found[0]["linux.faillog.maximum"] == 5


@pytest.mark.skipif(
    shutil.which("lastlog") is None or os.geteuid() != 0,
    reason="needs lastlog (login), and root",
)
def test_lastlog_and_faillog_as_the_tools_read_them(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n")
    (tmp_path / "var/log").mkdir(parents=True)
    last = opened(tmp_path / "var/log/lastlog", lastlog({1000: (BEGUN, "pts/1", "192.0.2.7")}, 1001))
    failed = opened(tmp_path / "var/log/faillog", faillog({0: (3, 5, "tty1", BEGUN)}, 10))
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    told = {
        tool: subprocess.run([tool, "-R", tmp_path], capture_output=True, text=True, check=True, env=environment).stdout
        for tool in ("lastlog", "faillog")
    }
    (one,), (other,) = events(last, stages), events(failed, stages)
    line = next(line for line in told["lastlog"].splitlines() if line.startswith("alice")).split()
    assert line[1:3] == [one["user.terminal"], one["source.ip"]]
    assert " ".join(line[3:7]) == f"{one['@timestamp']:%a %b %d %H:%M:%S}"
    row = next(line for line in told["faillog"].splitlines() if line.startswith("root")).split()
    assert row[1:3] == [str(other["linux.faillog.count"]), str(other["linux.faillog.maximum"])]
    assert row[-1] == other["user.terminal"]


def test_a_file_that_breaks_off_keeps_its_end(tmp_path: Path):
    whole = b"".join(login.packed() for login in logins(1, 10))
    file = opened(tmp_path / "wtmp", whole + whole[:100])
    chunks = list(file.chunks(KEY))
    assert [chunk.records.height for chunk in chunks] == [10, 0]
    (reject,) = chunks[1].rejects.to_dicts()
    assert (reject["reject.reason"], reject["reject.raw"]) == ("login_record", whole[:100])
    assert "100 bytes into a record of 384" in reject["reject.detail"]
    # It moves no position on: once the file is whole, the record is read.
    grown = opened(tmp_path / "wtmp", whole + whole[:384])
    (chunk,) = grown.chunks(KEY, chunks[1].end)
    assert (chunk.begin, chunk.records["record.raw"].to_list()) == (len(whole), [whole[:384]])


def test_the_same_positions_give_the_same_records(tmp_path: Path):
    file = opened(tmp_path / "lastlog", lastlog({uid: (BEGUN + uid, "pts/1", "") for uid in range(0, 900, 7)}, 1000))
    chunks = list(file.chunks(KEY, rows=10))
    assert len(chunks) == 13
    for chunk in chunks:
        (again,) = file.chunks(KEY, chunk.begin, chunk.end, rows=1000)
        assert (again.begin, again.end) == (chunk.begin, chunk.end)
        assert again.records.equals(chunk.records)


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 40,
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0" * 200,
        b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff" + bytes(800),
        b"\0" * 4096,
        b"\x01\0\0\0" * 500,
        "text in UTF-16\r\n".encode("utf-16-le") * 60,
        b"SQLite format 3\0" + bytes(2000),
    ],
)
def test_other_binary_files_are_not_taken_for_logins(tmp_path: Path, data: bytes):
    assert opened(tmp_path / "file", data).format in {"lines", "json"}


def test_cleared_records_are_records(tmp_path: Path, stages: tuple[Parser, Normaliser]):
    """Tools that hide a login fill its record with zeros."""
    login = Login(7, 9, "pts/1", "", "eve").packed()
    found = events(opened(tmp_path / "wtmp", login + bytes(384) + login), stages)
    assert [event["event.action"] for event in found] == ["login", "empty", "login"]
