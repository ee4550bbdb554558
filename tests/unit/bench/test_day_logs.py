"""The sample day: the same for a seed, as large as asked, in order, told alike by every source, read by name."""

from __future__ import annotations

import ipaddress
import json
import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bench.day import story
from bench.day.__main__ import arguments, main
from bench.day.company import CONTROL
from bench.day.lines import Archive, Template
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths

EVENTS = 5_000
NETWORKS = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
READ_AS = {
    "asa.log": {"cisco.asa"},
    "auth.log": {"system.auth", "linux.cron"},
    "sysmon.json": {"windows.sysmon"},
    "winlogbeat.json": {"windows.security", "windows.system", "windows.powershell"},
    "nginx/access.log": {"nginx.access"},
    "apache2/access.log": {"apache.access"},
}
OTHERS = {"mail.log", "openvpn.log"}


def made(folder: Path, *given: str) -> dict[str, bytes]:
    main([str(folder), "--events", str(EVENTS), *given])
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def files(day: Path) -> list[Path]:
    return sorted(path for path in day.rglob("*") if path.is_file())


def log_of(path: Path, day: Path) -> str:
    return path.relative_to(day).as_posix().partition("/")[2]


def clock(line: str) -> str:
    return re.search(r"(?<!\d)\d\d:\d\d:\d\d(?!\d)", line)[0]


def lines(day: Path, host: str, log: str) -> list[str]:
    return (day / host / log).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    made(folder)
    return folder


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first, again, other = made(tmp_path / "1"), made(tmp_path / "2"), made(tmp_path / "3", "--seed", "7")
    assert first == again
    changed = [name for name in first if first[name] != other.get(name)]
    assert len(changed) > len(first) * 0.9


def test_another_date_is_another_day(tmp_path):
    texts = made(tmp_path, "--date", "2027-01-05")
    assert texts["fw01/asa.log"].startswith(b"<16")
    assert b">Jan 05 2027 " in texts["fw01/asa.log"]
    assert texts["web01/auth.log"].startswith(b"Jan  5 ")
    assert b'"@timestamp":"2027-01-05T' in texts["dc01/winlogbeat.json"]
    assert not any(b"2026-03-10" in text for text in texts.values())


@pytest.mark.parametrize(("events", "given"), [(5_000, []), (23_456, []), (5_000, ["--no-attack"])])
def test_the_size_is_what_was_asked(tmp_path, events, given):
    main([str(tmp_path), "--events", str(events), *given])
    count = sum(path.read_bytes().count(b"\n") for path in files(tmp_path))
    assert abs(count - events) <= events * 0.02


def test_every_log_is_in_the_order_of_time(day):
    for path in files(day):
        times = [clock(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert times == sorted(times), path


def test_records_of_a_windows_channel_are_numbered_in_order(day):
    for path in day.rglob("winlogbeat.json"):
        numbers = [json.loads(line)["winlog"]["record_id"] for line in path.read_text(encoding="utf-8").splitlines()]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.parametrize("step", story.STEPS, ids=lambda step: f"{step.at} {step.technique}")
def test_every_step_of_the_story_is_in_its_log(day, step):
    told = [line for line in lines(day, step.host, step.log) if clock(line) == step.at and step.trace in line]
    assert told


def test_the_story_is_told_in_order_and_printed_whole(capsys):
    times = [step.at for step in story.STEPS]
    assert times == sorted(times)
    assert [step.step for step in story.STEPS] == sorted(step.step for step in story.STEPS)
    assert {step.step for step in story.STEPS} == set(range(1, 10))
    main(["--story"])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == len(story.STEPS) + 2
    assert all(step.technique in row for step, row in zip(story.STEPS, rows[2:], strict=True))


def test_without_the_attack_nothing_of_it_is_there(tmp_path):
    texts = made(tmp_path, "--no-attack")
    whole = b"\n".join(texts.values())
    for trace in (CONTROL, "198.51.100.77", "upd.exe", story.LURE, story.SENDER, story.PLANTED, '"event_id":"1102"'):
        assert trace.encode() not in whole


def test_the_desk_and_the_firewall_tell_of_the_same_connections(day):
    seen = set()
    for path in day.rglob("sysmon.json"):
        for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if record["EventID"] == 3:
                where = f"outside:{record['DestinationIp']}/{record['DestinationPort']}"
                seen.add((record["UtcTime"][11:19], where, f"inside:{record['SourceIp']}/{record['SourcePort']}"))
    assert any(CONTROL in where for _, where, _ in seen)
    built = re.compile(r"(\d\d:\d\d:\d\d) fw01 : %ASA-6-302013: Built outbound .* for (\S+) \S+ to (inside:\S+) ")
    matches = map(built.search, lines(day, "fw01", "asa.log"))
    told = {match.groups() for match in matches if match}
    late = {(at, where, whence) for at, where, whence in told if (at, where, whence) not in seen}
    assert len(seen) > 100
    assert len(late) <= len(told) * 0.01  # a millisecond later it may be the next second
    assert {pair[1:] for pair in seen} == {pair[1:] for pair in told}


def test_a_process_has_one_number_in_both_channels(day):
    sysmon = [json.loads(line) for line in lines(day, story.DESK, "sysmon.json")]
    beat = [json.loads(line)["winlog"] for line in lines(day, story.DESK, "winlogbeat.json")]
    one = Counter((int(r["ProcessId"]), r["CommandLine"]) for r in sysmon if r["EventID"] == 1)
    audited = [record["event_data"] for record in beat if record["event_id"] == "4688"]
    assert one == Counter((int(data["NewProcessId"], 16), data["CommandLine"]) for data in audited)
    assert sum(one.values()) > 12


def test_connections_are_numbered_once_and_end_once(day):
    text = "\n".join(lines(day, "fw01", "asa.log"))
    built = re.findall(r"-30201[35]: Built \w+ \w+ connection (\d+) ", text)
    ended = re.findall(r"-30201[46]: Teardown \w+ connection (\d+) ", text)
    assert len(built) == len(set(built))
    assert sorted(built) == sorted(ended)


def test_people_work_by_day(day):
    hours = Counter()
    for line in lines(day, "intra01", "apache2/access.log"):
        hours[int(clock(line)[:2])] += 1
    assert sum(hours.values()) > 30
    assert set(hours) <= set(range(7, 19))


def test_addresses_are_documentation_or_private(day):
    text = "\n".join(path.read_text(encoding="utf-8") for path in files(day))
    found = {ipaddress.ip_address(match) for match in re.findall(r"(?<![\d./])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", text)}
    versions = {address for address in found if str(address).endswith((".0.0.0", ".0.0"))}  # Chrome/145.0.0.0
    local = {ipaddress.ip_address("127.0.0.1")}
    masks = {ipaddress.ip_address(mask) for mask in ("255.255.0.0", "255.255.255.0")}
    strange = found - versions - local - masks
    assert not [address for address in strange if not any(address in network for network in NETWORKS)]


def test_every_kind_of_line_is_read_by_name(day, tmp_path):
    assert {log_of(path, day) for path in files(day)} == set(READ_AS) | OTHERS
    settings = Settings(data=tmp_path / "data")
    read: dict[str, Counter] = {}
    when = set()
    for batch in read_paths([day], make_reader(settings), settings):
        assert batch.rejects.is_empty()
        for place, dataset in batch.events.select("log.file.path", "event.dataset").iter_rows():
            read.setdefault(log_of(Path(place), day), Counter())[dataset] += 1
        when |= set(batch.events.get_column("@timestamp").dt.date().unique())
    assert when == {date(2026, 3, 10)}
    for log, expected in READ_AS.items():
        assert set(read[log]) == expected
    assert sum(sum(counts.values()) for counts in read.values()) == EVENTS


def test_firewall_messages_are_read_into_their_fields(day, tmp_path):
    shutil.copy(day / "fw01" / "asa.log", tmp_path / "asa.log")
    settings = Settings(data=tmp_path / "data")
    batches = read_paths([tmp_path / "asa.log"], make_reader(settings), settings)
    events = pl.concat([batch.events.select("event.code", "source.ip", "destination.ip") for batch in batches])
    plain = events.filter(pl.col("event.code").is_in(["302013", "302014", "106023", "106015", "106001"]))
    assert plain.height > 1000
    assert plain.null_count().row(0) == (0, 0, 0)


def test_a_template_says_what_is_missing():
    archive = Archive(date(2026, 3, 10))
    with pytest.raises(KeyError, match="who"):
        archive.add("x.log", Template("%(clock)s %(who)s is 100% here"), "fw01", [1000])
    archive.add("x.log", Template("%(clock)s %(who)s is 100% here"), "fw01", [2000, 1000], who=np.array(["b", "a"]))
    assert archive.records == 2


def test_what_is_written_is_in_order_and_told(tmp_path):
    archive, told = Archive(date(2026, 3, 10)), []
    archive.add("x.log", Template("%(clock)s %(who)s is 100% here"), "fw01", [2000, 1000], who=np.array(["b", "a"]))
    archive.add("x.log", Template('{"at":"%(clock)s.%(ms)s","n":"%(number)d"}'), "fw01", [1500])
    assert archive.write(tmp_path, told.append) == 1
    assert told == [3]
    text = (tmp_path / "fw01" / "x.log").read_text(encoding="utf-8")
    assert text == '00:00:01 a is 100% here\n{"at":"00:00:01.500","n":88002}\n00:00:02 b is 100% here\n'


@pytest.mark.parametrize("given", [[], ["out", "--events", "10"], ["out", "--date", "tomorrow"]])
def test_wrong_usage_is_told(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        arguments(given)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err
