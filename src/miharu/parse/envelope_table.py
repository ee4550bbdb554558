"""Column names of a frame of JSON records → the envelope that the records are, None where they are none.

An envelope is a JSON object made by a program on the way, around the record that matters: `ENVELOPES` says by
which keys each is told and where the inner record, its time and its host lie. A new one is a line there.

* HEC: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector
* journald: https://systemd.io/JOURNAL_EXPORT_FORMATS
* syslog-ng: https://syslog-ng.github.io/admin-guide (template function `format-json`)
* rsyslog: https://www.rsyslog.com/doc (omelasticsearch, property `jsonmesg`)
* Log Analytics (table Syslog): https://learn.microsoft.com/azure/azure-monitor/reference/tables/syslog
* GELF: https://go2docs.graylog.org (GELF payload specification)
* Docker: https://docs.docker.com/engine/logging/drivers/json-file
* Beats, Elastic Agent, Logstash: https://www.elastic.co/docs/reference/ecs
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

NAMED: Final = 0
"""Opened only for a log source that knows the inner record, or a Windows event."""

HEADED: Final = 1
"""Opened also for an inner record that a syslog header or JSON shows to be one."""

ANYTHING: Final = 2
"""Opened whatever the inner record is."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where things lie; of several columns the first with a value counts.

    `line` holds the inner record as text, or `inside` names an object that is it. Of each group of `marks` one
    name must be there (`x.` stands for an object `x`). Records with no names but those of `known` are trusted with
    ANYTHING, and an object in them may be opened; others are `trust`ed, or no such envelope (`only`). `tag` is
    `program[pid]:`. What has no place is kept under `prefix`; an empty one means that names are ECS names.
    `syslog`: an inner record without a header is the message of a syslog record. `plain`: documents that
    somebody has read already, with fields of their own, stay closed. `numbered`: a line that is no text is given by
    the numbers of its bytes.
    """

    name: str
    line: tuple[str, ...]
    marks: tuple[tuple[str, ...], ...]
    trust: int = ANYTHING
    known: frozenset[str] = frozenset()
    only: bool = False
    inside: str = ""
    time: tuple[str, ...] = ()
    zone: str = ""
    host: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    tag: str = ""
    pid: tuple[str, ...] = ()
    facility: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    prefix: str = ""
    syslog: bool = False
    plain: bool = False
    numbered: bool = False


ENVELOPES: Final[tuple[Envelope, ...]] = (
    Envelope(
        "journald",
        line=("MESSAGE",),
        marks=(("SYSLOG_IDENTIFIER", "_HOSTNAME", "_TRANSPORT", "_SYSTEMD_UNIT", "__REALTIME_TIMESTAMP"),),
        time=("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "date", "@timestamp"),
        host=("_HOSTNAME",),
        program=("SYSLOG_IDENTIFIER", "_COMM"),
        pid=("SYSLOG_PID", "_PID"),
        facility=("SYSLOG_FACILITY",),
        severity=("PRIORITY",),
        drop=("_SOURCE_REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP"),
        prefix="journald.",
        syslog=True,
        numbered=True,
    ),
    Envelope(
        "syslog-ng",
        line=("MESSAGE", "MSG"),
        marks=(("PROGRAM", "HOST"),),
        time=("ISODATE", "R_ISODATE", "UNIXTIME", "DATE", "STAMP", "@timestamp"),
        host=("HOST", "FULLHOST", "HOST_FROM"),
        program=("PROGRAM",),
        pid=("PID",),
        facility=("FACILITY",),
        severity=("PRIORITY", "LEVEL", "SEVERITY"),
        drop=("LEGACY_MSGHDR",),
        prefix="syslog-ng.",
        syslog=True,
    ),
    Envelope(
        "rsyslog",
        line=("rawmsg", "message", "msg"),
        marks=(("syslogtag", "programname", "app-name", "timereported", "fromhost", "sysloghost", "syslogfacility"),),
        time=("timereported", "@timestamp", "timestamp", "timegenerated"),
        host=("hostname", "sysloghost", "host", "source", "fromhost"),
        program=("programname", "app-name"),
        tag="syslogtag",
        pid=("procid",),
        facility=("facility", "syslogfacility", "syslogfacility-text"),
        severity=("severity", "syslogseverity", "priority", "syslogpriority", "syslogseverity-text"),
        drop=("timegenerated",),
        prefix="rsyslog.",
        syslog=True,
    ),
    Envelope(
        "sentinel",
        line=("SyslogMessage",),
        marks=(("ProcessName", "Facility", "SeverityLevel", "Computer", "HostName"),),
        time=("EventTime", "EventTime [UTC]", "TimeGenerated", "TimeGenerated [UTC]"),
        host=("HostName", "Computer"),
        program=("ProcessName",),
        pid=("ProcessID",),
        facility=("Facility",),
        severity=("SeverityLevel",),
        prefix="sentinel.",
        syslog=True,
    ),
    Envelope(
        "gelf",
        line=("full_message", "short_message"),
        marks=(("short_message",), ("version", "host")),
        time=("timestamp",),
        host=("host",),
        program=("_program", "_app_name", "_application_name", "_SYSLOG_IDENTIFIER"),
        pid=("_pid", "_process_id"),
        severity=("level",),
        drop=("version",),
        prefix="gelf.",
    ),
    Envelope(
        "hec",
        line=("event",),
        marks=(("event", "event."),),
        known=frozenset({"time", "host", "source", "sourcetype", "index", "event", "event.", "fields."}),
        only=True,
        inside="event.",
        time=("time",),
        host=("host",),
        prefix="splunk.hec.",
    ),
    Envelope(
        "docker",
        line=("log",),
        marks=(("stream", "date", "time", "kubernetes.", "container_name", "container_id", "tag"),),
        trust=HEADED,
        known=frozenset({
            *("log", "stream", "time", "attrs.", "date", "_p", "logtag", "tag", "source", "partial_message"),
            *("container_name", "container_id", "kubernetes.", "docker.", "@timestamp"),
        }),
        time=("time", "@timestamp", "date"),
        prefix="docker.",
    ),
    Envelope(
        "beats",
        line=("event.original", "message"),
        marks=(
            ("@timestamp",),
            ("agent.", "input.", "log.", "host", "host.", "beat.", "@version", "@metadata.", "path", "tags", "event."),
        ),
        trust=HEADED,
        time=("@timestamp",),
        host=("host.name", "host.hostname", "hostname", "beat.hostname", "logsource", "host", "agent.hostname"),
        program=("log.syslog.appname", "process.program", "syslog.identifier", "program", "process.name"),
        pid=("log.syslog.procid", "pid", "process.pid"),
        facility=("log.syslog.facility.code", "syslog.facility"),
        severity=("log.syslog.severity.code", "event.severity"),
        plain=True,
    ),
    Envelope(
        "fluent",
        line=("message", "MESSAGE", "log"),
        marks=(("date", "fluentd_time", "fluent_tag", "kubernetes.", "container_name"),),
        trust=HEADED,
        time=("@timestamp", "date", "time", "timestamp"),
        host=("hostname", "host"),
        prefix="fluent.",
        plain=True,
    ),
)  # fmt: skip
"""Asked in this order."""

SYSLOG: Final = Envelope(
    "syslog",
    line=("message",),
    marks=(),
    trust=NAMED,
    time=("timestamp",),
    zone="timezone",
    host=("hostname",),
    program=("program",),
    pid=("pid",),
    facility=("facility",),
    severity=("severity",),
    drop=("priority", "version"),
    prefix="syslog.",
)
"""A line with a syslog header whose message is itself a JSON record."""

_LINES: Final = frozenset(name for envelope in ENVELOPES for name in envelope.line)
_INSIDE: Final = tuple(envelope.inside for envelope in ENVELOPES if envelope.inside)
_ACTS: Final = frozenset({"event.category", "event.action", "event.outcome"})
_ACTORS: Final = frozenset({
    *("source.", "destination.", "client.", "server.", "user.", "process.", "file.", "url.", "http.", "dns."),
    *("network.", "rule.", "registry.", "dll.", "tls.", "email.", "threat.", "observer.", "user_agent."),
})  # fmt: skip
_PARSED: Final = 3
"""So many ECS fields of its own show that somebody has read the record already."""


def may_be_envelope(columns: Collection[str]) -> bool:
    """Return whether records with some of these columns can be an envelope at all."""
    return not _LINES.isdisjoint(columns) or any(name.startswith(_INSIDE) for name in columns)


def envelope_of(names: frozenset[str]) -> tuple[Envelope, bool] | None:
    """Return the envelope of records with exactly these names, and whether it may have all of them."""
    objects = frozenset(name.partition(".")[0] + "." for name in names if "." in name)
    for envelope in ENVELOPES:
        if _is(envelope, names, objects):
            whole = bool(envelope.known) and _holds_all(envelope.known, names)
            if whole or not (envelope.only or names.isdisjoint(envelope.line)):
                return envelope, whole
    return None


def _is(envelope: Envelope, names: frozenset[str], objects: frozenset[str]) -> bool:
    if names.isdisjoint(envelope.line) and envelope.inside not in objects:
        return False
    for group in envelope.marks:
        if names.isdisjoint(group) and objects.isdisjoint(group):
            return False
    return not (envelope.plain and _was_parsed(envelope, names))


def _was_parsed(envelope: Envelope, names: frozenset[str]) -> bool:
    if not names.isdisjoint(_ACTS):
        return True
    own = names.difference(envelope.program, envelope.pid, envelope.line)
    return sum(name.partition(".")[0] + "." in _ACTORS for name in own if "." in name) >= _PARSED


def _holds_all(known: frozenset[str], names: frozenset[str]) -> bool:
    return all(name in known or name.partition(".")[0] + "." in known for name in names if name not in known)
