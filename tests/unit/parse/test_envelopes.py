"""A record in an envelope becomes what it would have become as a line of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl
import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import RECORD_REFERENCE, RECORD_ROW, RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.parse.envelope_table import ENVELOPES, envelope_of
from miharu.parse.unwrapping import MAX_LEVELS
from tests.unit.parse.record_frames import REFERENCE, records

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
SOURCES = load_logsources()
LINES = {
    f"{source.id}:{sample.line}": (sample.record.rstrip("\n"), sample.reference or REFERENCE)
    for source in SOURCES
    for sample in source.tests
    if not sample.refuse and sample.format == "lines"
}
OWN = ("event.id", "event.created", "ecs.version", "log.offset", "event.original")

SENT = datetime(2025, 6, 14, 8, 16, 40, 250_000, tzinfo=UTC)
EPOCH = SENT.timestamp()
ISO = "2025-06-14T08:16:40.250Z"
SAID = "Failed password for root from 192.0.2.9 port 40022 ssh2"
SSHD = f"Jun 14 08:15:02 web1 sshd[77]: {SAID}"
ASA = (
    "<164>Jun 14 2025 08:15:02 fw1 : %ASA-4-106023: Deny tcp src outside:198.51.100.23/40313 dst dmz:192.0.2.80/22 "
    'by access-group "outside_in" [0x0, 0x0]'
)
LOGON = {
    "SourceName": "Microsoft-Windows-Security-Auditing",
    "Channel": "Security",
    "Hostname": "ws07.example.com",
    "EventID": 4625,
    "TimeCreated": "2025-06-14T08:15:02.5Z",
    "TargetUserName": "alice",
}


@cache
def parser() -> Parser:
    return Parser(SOURCES, "UTC")


@cache
def normaliser() -> Normaliser:
    return Normaliser(SOURCES, load_fields(), "UTC")


def events(raws: list[bytes], references: datetime | Sequence[datetime] = REFERENCE) -> list[dict[str, Any]]:
    """Return the events of records, without what the house fills in; `fields` opened."""
    when = [references] * len(raws) if isinstance(references, datetime) else references
    frame = records(raws).with_columns(pl.Series(RECORD_REFERENCE, when, RECORD_SCHEMA[RECORD_REFERENCE]))
    parsed = parser().read("json", frame)
    assert parsed.rejects.is_empty()
    found = []
    for event in normaliser().run(parsed.fields, CREATED).to_dicts():
        assert event["event.original"] == raws[event.pop(RECORD_ROW)]
        event["fields"] = json.loads(event["fields"] or "{}")
        found.append({name: value for name, value in event.items() if value is not None and name not in OWN})
    return found


def event_of(document: object, reference: datetime = REFERENCE) -> dict[str, Any]:
    (event,) = events([json.dumps(document).encode()], reference)
    return event


def bare(line: str, reference: datetime = REFERENCE) -> dict[str, Any]:
    (event,) = events([line.encode()], reference)
    return event


def hec(event: object, **more: object) -> dict[str, object]:
    return {"time": EPOCH, "host": "relay", "sourcetype": "any", "event": event} | more


def beats(message: str, **more: object) -> dict[str, object]:
    return {
        "@timestamp": ISO,
        "message": message,
        "host": {"name": "relay"},
        "agent": {"type": "filebeat", "name": "relay"},
        "log": {"file": {"path": "/var/log/remote.log"}, "offset": 12},
        "input": {"type": "filestream"},
        "ecs": {"version": "8.0.0"},
    } | more


def docker(line: str) -> dict[str, object]:
    return {"log": line + "\n", "stream": "stdout", "time": "2025-06-14T08:16:40.250123456Z"}


@cache
def alone_and_wrapped(module: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the event of each line of text, or of each document of one module, and of the same in an envelope."""
    names = [name for name in LINES if module_of(name) == module]
    lines, references = zip(*(LINES[name] for name in names), strict=True)
    wrapped = [{"time": time.timestamp(), "event": line} for line, time in zip(lines, references, strict=True)]
    alone = events([line.encode() for line in lines], references)
    return dict(
        zip(
            names,
            zip(alone, events([json.dumps(one).encode() for one in wrapped], references), strict=True),
            strict=True,
        )
    )


def module_of(name: str) -> str:
    """Return what a line is read together with: only so many names of JSON are told apart in a batch."""
    return name.partition(".")[0] if "{" in LINES[name][0] else ""


@pytest.mark.parametrize("name", LINES)
def test_sample_of_every_source_in_an_envelope(name: str) -> None:
    """In a trusted envelope whose time is when the line was seen, nothing but what the envelope adds is different."""
    alone, wrapped = alone_and_wrapped(module_of(name))[name]
    assert wrapped == alone


SHAPES: list[tuple[str, Callable[[str], dict[str, object]]]] = [
    ("hec", hec),
    ("hec-text-time", lambda line: hec(line, time=str(EPOCH))),
    ("beats", beats),
    ("logstash", lambda line: {"@timestamp": ISO, "@version": "1", "message": line, "host": "relay", "path": "/x.log"}),
    ("beats-original", lambda line: beats("cut", event={"original": line})),
    ("docker", docker),
    ("fluent-bit-log", lambda line: {"date": EPOCH, "log": line, "kubernetes": {"pod_name": "p"}}),
    ("fluent-bit-message", lambda line: {"date": EPOCH, "message": line}),
    ("gelf", lambda line: {"version": "1.1", "host": "relay", "short_message": line, "timestamp": EPOCH}),
    ("rsyslog-raw", lambda line: {"rawmsg": line, "timereported": ISO, "fromhost": "relay"}),
]


@pytest.mark.parametrize("wrap", [pytest.param(wrap, id=name) for name, wrap in SHAPES])
@pytest.mark.parametrize("line", [SSHD, ASA], ids=["sshd", "asa"])
def test_shape_keeps_source_time_and_host_of_the_line(wrap: Callable[[str], dict[str, object]], line: str) -> None:
    alone = bare(line)
    wrapped = event_of(wrap(line))
    kept, said = wrapped.pop("fields"), alone.pop("fields")
    assert wrapped.items() >= alone.items()
    assert kept.items() >= said.items()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {
                "MESSAGE": SAID,
                "SYSLOG_IDENTIFIER": "sshd",
                "_HOSTNAME": "web5",
                "_PID": "12",
                "PRIORITY": "6",
                "SYSLOG_FACILITY": "10",
                "__REALTIME_TIMESTAMP": str(round(EPOCH * 10**6)),
                "_TRANSPORT": "syslog",
            },
            {"host.name": "web5", "process.pid": 12, "log.syslog.priority": 86},
            id="journald",
        ),
        pytest.param(
            {
                "PROGRAM": "sshd",
                "HOST": "web4",
                "MESSAGE": SAID,
                "ISODATE": "2025-06-14T10:16:40.250+02:00",
                "PID": "55",
                "FACILITY": "auth",
                "PRIORITY": "info",
            },
            {"host.name": "web4", "process.pid": 55, "log.syslog.priority": 38},
            id="syslog-ng",
        ),
        pytest.param(
            {
                "@timestamp": "2025-06-14T10:16:40.250+02:00",
                "host": "web3",
                "severity": "info",
                "facility": "authpriv",
                "syslogtag": "sshd[99]:",
                "message": " " + SAID,
            },
            {"host.name": "web3", "process.pid": 99, "log.syslog.priority": 86},
            id="rsyslog-tag",
        ),
        pytest.param(
            {
                "msg": " " + SAID,
                "timereported": ISO,
                "hostname": "web3",
                "syslogtag": "sshd[99]:",
                "pri": "86",
                "syslogfacility": "10",
                "syslogseverity": "6",
                "programname": "sshd",
                "procid": "99",
                "fromhost": "relay",
            },
            {"host.name": "web3", "process.pid": 99, "log.syslog.severity.code": 6},
            id="rsyslog-jsonmesg",
        ),
        pytest.param(
            {
                "version": "1.1",
                "host": "web6",
                "short_message": SAID,
                "timestamp": EPOCH,
                "level": 6,
                "_program": "sshd",
                "_pid": 7,
            },
            {"host.name": "web6", "process.pid": 7, "log.syslog.severity.code": 6},
            id="gelf",
        ),
        pytest.param(
            {"@timestamp": ISO, "message": SAID, "program": "sshd", "pid": "8", "logsource": "web7", "host": "relay"},
            {"host.name": "web7", "process.pid": 8},
            id="logstash",
        ),
        pytest.param(
            {
                "Type": "Syslog",
                "Computer": "collector",
                "HostName": "web8",
                "EventTime": "6/14/2025, 8:16:40.250 AM",
                "Facility": "authpriv",
                "SeverityLevel": "info",
                "ProcessName": "sshd",
                "ProcessID": "9",
                "SyslogMessage": SAID,
            },
            {"host.name": "web8", "process.pid": 9, "log.syslog.priority": 86},
            id="log-analytics",
        ),
    ],
)
def test_header_taken_from_the_line_is_put_back(document: dict[str, object], expected: dict[str, object]) -> None:
    event = event_of(document)
    assert event["event.dataset"] == "system.auth"
    assert event["@timestamp"] == SENT
    assert event["message"] == SAID
    assert event["process.name"] == "sshd"
    assert event["source.ip"] == "192.0.2.9"
    assert event.items() >= expected.items()


def test_rsyslogs_standard_document_has_no_program() -> None:
    names = {"fromhost": "web2", "facility": "auth", "priority": "info", "timereported": ISO, "timegenerated": ISO}
    event = event_of({"message": " " + SAID, **names})
    assert event["event.dataset"] == "generic.syslog"
    assert (event["host.name"], event["@timestamp"], event["log.syslog.priority"]) == ("web2", SENT, 38)
    assert event["fields"] == {}


def test_stamp_without_a_year_is_read_against_the_envelope() -> None:
    old = datetime(2021, 1, 1, 0, 0, 5, tzinfo=UTC)
    event = event_of(hec("Dec 31 23:59:59 web1 sshd[77]: " + SAID, time=old.timestamp()))
    assert event["@timestamp"] == datetime(2020, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "instant"),
    [
        (EPOCH, SENT),
        (str(EPOCH), SENT),
        (round(EPOCH * 1000), SENT),
        (str(round(EPOCH * 10**6)), SENT),
        (str(round(EPOCH * 10**6)) + "000", SENT),
        (1749888000, datetime(2025, 6, 14, 8, tzinfo=UTC)),
        ("2025-06-14T10:16:40.25+02:00", SENT),
        ("2025-06-14 08:16:40,250", SENT),
        ("Jun 14 08:16:40", SENT.replace(microsecond=0)),
        (None, REFERENCE),
    ],
)
def test_envelopes_time_counts_where_the_line_tells_none(time: object, instant: datetime) -> None:
    event = event_of(hec("plain words", time=time))
    assert event["@timestamp"] == instant
    assert event["event.dataset"] == "generic.line"
    assert event["fields"] == {"splunk.hec.sourcetype": "any"}


@pytest.mark.parametrize(
    ("time", "name"),
    [("yesterday", "envelope.time"), (0, "splunk.hec.time"), (-5, "splunk.hec.time"), (1e300, "splunk.hec.time")],
)
def test_time_that_is_none_is_kept(time: object, name: str) -> None:
    event = event_of(hec("plain words", time=time))
    assert event["@timestamp"] == REFERENCE
    assert event["fields"] == {"splunk.hec.sourcetype": "any", name: time}


def test_host_of_the_envelope_fills_in_and_another_one_is_kept() -> None:
    assert event_of(hec("plain words"))["host.name"] == "relay"
    event = event_of(hec(SSHD))
    assert event["host.name"] == "web1"
    assert event["fields"]["envelope.host.name"] == "relay"
    assert "envelope.host.name" not in event_of(hec(SSHD, host="web1"))["fields"]


def test_what_hec_says_beside_is_kept() -> None:
    event = event_of(hec(SSHD, source="/var/log/auth.log", index="main", fields={"env": "prod", "n": 3}))
    assert {name: value for name, value in event["fields"].items() if name.startswith("splunk")} == {
        "splunk.hec.sourcetype": "any",
        "splunk.hec.source": "/var/log/auth.log",
        "splunk.hec.index": "main",
        "splunk.hec.fields.env": "prod",
        "splunk.hec.fields.n": 3,
    }


def test_what_beats_says_beside_keeps_its_ecs_names() -> None:
    event = event_of(beats(ASA, labels={"env": "prod"}, cloud={"region": "eu"}))
    assert event["event.dataset"] == "cisco.asa"
    assert (event["agent.type"], event["cloud.region"], event["log.file.path"]) == ("filebeat", "eu", "a.log")
    assert event["observer.hostname"] == "fw1"
    assert event["fields"] == {
        "cisco.asa.hashes": "0x0, 0x0",
        "envelope.log.file.path": "/var/log/remote.log",
        "envelope.log.offset": 12,
        "envelope.input.type": "filestream",
        "envelope.labels.env": "prod",
        "envelope.host.name": "relay",
    }


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(beats("nobody knows this"), id="unknown line"),
        pytest.param(beats("a=1 b=2"), id="pairs"),
        pytest.param(beats(SSHD, event={"category": ["authentication"]}), id="read by somebody"),
        pytest.param(beats(SSHD, source={"ip": "192.0.2.1", "port": 1}, user={"name": "x"}), id="ecs"),
        pytest.param({"@timestamp": ISO, "message": SSHD}, id="no mark of a shipper"),
        pytest.param({"event": "login", "user": "alice", "time": EPOCH}, id="more than HEC has"),
        pytest.param({"event": {"kind": "alert"}, "host": {"name": "h"}, "source": {"ip": "192.0.2.1"}}, id="objects"),
        pytest.param({"event": [SSHD], "time": EPOCH}, id="a list"),
        pytest.param({"event": 5, "host": {"name": "h"}}, id="host is an object"),
        pytest.param({"log": "words", "level": "info", "date": EPOCH}, id="a key of its own"),
        pytest.param({"message": "hello", "level": "info"}, id="any program"),
        pytest.param({"message": "", "@timestamp": ISO, "host": "h"}, id="nothing inside"),
    ],
)
def test_document_that_is_none_stays_what_it_is(document: dict[str, object]) -> None:
    event = event_of(document)
    assert event["event.dataset"] == "generic.json"
    assert not [name for name in event["fields"] if not name.startswith("json.")]


def test_windows_events_stay_windows_events() -> None:
    document = beats("An account failed to log on.", winlog={"channel": "Security", "event_id": 4625})
    assert event_of(document)["event.dataset"] == "windows.security"


@pytest.mark.parametrize("inner", [LOGON, json.dumps(LOGON)], ids=["object", "text"])
def test_windows_event_in_hec(inner: object) -> None:
    event = event_of(hec(inner))
    alone = event_of(LOGON)
    assert event.pop("fields").items() >= {"splunk.hec.sourcetype": "any"}.items()
    alone.pop("fields")
    assert event == alone


def test_object_in_hec_is_a_json_record() -> None:
    event = event_of(hec({"user": {"name": "bob"}, "n": 1, "record.raw": "x"}))
    assert (event["event.dataset"], event["user.name"], event["host.name"]) == ("generic.json", "bob", "relay")
    assert event["@timestamp"] == SENT
    assert event["fields"]["json.n"] == 1
    assert event["fields"]["splunk.hec.sourcetype"] == "any"


@pytest.mark.parametrize("cookie", ["", "@cee: ", "@cee:"])
def test_json_in_a_syslog_line_is_opened_for_who_knows_it(cookie: str) -> None:
    line = f"<13>Jun 14 08:15:02 ws1 agent[4]: {cookie}{json.dumps(LOGON)}"
    for event in (bare(line), event_of(hec(line))):
        assert event["event.dataset"] == "windows.security"
        assert event["host.name"] == "ws07.example.com"
        assert (event["process.name"], event["log.syslog.facility.code"]) == ("agent", 1)
    unknown = "<13>Jun 14 08:15:02 ws1 agent[4]: " + json.dumps({"a": 1})
    assert (bare(unknown)["event.dataset"], bare(unknown)["message"]) == ("system.syslog", '{"a": 1}')


@pytest.mark.parametrize("depth", range(1, MAX_LEVELS + 3))
def test_envelopes_in_envelopes_are_opened_to_a_depth(depth: int) -> None:
    inner: object = SSHD
    for level in range(depth):
        inner = {"time": EPOCH, "index": f"i{level}", "event": inner if isinstance(inner, str) else json.dumps(inner)}
    event = event_of(inner)
    assert event["event.dataset"] == ("system.auth" if depth <= MAX_LEVELS else "generic.json")
    assert event["fields"]["splunk.hec.index"] == f"i{max(0, depth - MAX_LEVELS)}"


def test_inner_record_that_is_cut_is_a_line() -> None:
    event = event_of(docker('{"cut": "in the midd'))
    assert (event["event.dataset"], event["message"]) == ("docker.container_logs", '{"cut": "in the midd')
    assert event_of(beats('{"cut": "in the midd'))["event.dataset"] == "generic.json"


def test_neighbours_of_every_shape_change_nothing() -> None:
    documents: list[object] = [wrap(line) for _, wrap in SHAPES for line in (SSHD, ASA, "words", "a=1 b=2")]
    documents += [hec(LOGON), hec({"n": 1}), beats("words", extra=1), {"log": "x", "stream": "y", "own": 1}, {"a": 1}]
    documents += [hec(hec(SSHD)), hec(json.dumps(beats(SSHD))), {"log": SSHD, "stream": "y", "own": 1}]
    raws = [json.dumps(document).encode() for document in documents]
    together = events(raws)
    assert len(together) == len(raws)
    assert together == [events([raw])[0] for raw in raws]


def test_every_envelope_of_the_table_is_told_by_its_own_names() -> None:
    for envelope in ENVELOPES:
        names = {envelope.line[0], *(group[0].replace(".", ".x") for group in envelope.marks)}
        found = envelope_of(frozenset(names))
        assert found is not None, envelope.name
        assert found[0].name == envelope.name


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        ({"set.event.kind": "alert"}, "json.set.event.kind", "alert"),
        ({"set.no_field": "x"}, "json.set.no_field", "x"),
        ({"when.0": True}, "json.when.0", True),
        ({"form": "x"}, "json.form", "x"),
        ({"record.adopted.user.name": "root"}, "json.json.record.adopted.user.name", "root"),
    ],
)
def test_names_like_our_own_columns_do_nothing(raw: dict[str, object], field: str, value: object) -> None:
    event = event_of(raw)
    assert event["event.kind"] == "event"
    assert event["fields"] == {field: value}
    assert "no_field" not in event
    assert "user.name" not in event


def test_pairs_named_like_our_own_columns_do_nothing() -> None:
    event = bare("record.tags=x record.adopted.user.name=root record.raw=y")
    assert "tags" not in event
    assert "user.name" not in event
    assert event["fields"]["kv.sent.record.tags"] == "x"


def test_list_where_a_time_should_be_is_kept() -> None:
    event = event_of({"@timestamp": ["2025-06-14T08:15:02Z", "x"], "n": 1})
    assert event["@timestamp"] == REFERENCE
    assert event["fields"] == {"json.@timestamp": ["2025-06-14T08:15:02Z", "x"], "json.n": 1}
