"""Senders that people have: every record arrives once, from the right source, with the right time."""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch, helpers

from tests.journey.senders import loggen, logger, needs_loggen, needs_rsyslog, rsyslog
from tests.journey.serving import Served, serving, until

COUNT = 600


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def failures(mark: str) -> list[str]:
    return [
        f"Failed password for {mark} from 203.0.113.{number % 200} port {1024 + number} ssh2" for number in range(COUNT)
    ]


def arrived(served: Served, mark: str, count: int = COUNT) -> list[dict[str, object]]:
    """Wait for all events of a mark and return them."""
    where = f"`user.name` = '{mark}'"
    until(lambda: served.count(where) >= count, 60, f"{count} events of {mark}")
    assert served.count(where) == count
    rows: list[dict[str, object]] = served.sql(
        "SELECT `@timestamp` AS time, `event.dataset` AS dataset, `host.name` AS host, `process.name` AS program, "
        f"`source.ip` AS ip, `source.port` AS port, `input.type` AS channel FROM events WHERE {where} ORDER BY port"
    )
    return rows


def instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


NEW = 'template="RSYSLOG_SyslogProtocol23Format"'
FORWARDS = {
    "tcp-octet": ("syslog-tcp", 'protocol="tcp" port="{syslog_tcp}" TCP_Framing="octet-counted" ' + NEW),
    "tcp-newline": ("syslog-tcp", 'protocol="tcp" port="{syslog_tcp}" template="RSYSLOG_ForwardFormat"'),
    "udp": ("syslog-udp", 'protocol="udp" port="{syslog_udp}" ' + NEW),
}


@needs_rsyslog
@pytest.mark.mission("S1", "S14")
@pytest.mark.parametrize("way", FORWARDS)
def test_rsyslog_forwards(way: str, served: Served, tmp_path: Path):
    channel, options = FORWARDS[way]
    ports = {name: served.port(name) for name in ("syslog_tcp", "syslog_udp")}
    mark = f"user-{way}"
    with rsyslog(tmp_path, f'*.* action(type="omfwd" target="127.0.0.1" {options.format(**ports)})') as place:
        logger(place, failures(mark))
        rows = arrived(served, mark)
    check_against_rsyslog(rows, tmp_path / "seen.log", channel)


@needs_rsyslog
def test_rsyslog_writes_to_elasticsearch(served: Served, tmp_path: Path):
    template = (
        'template(name="doc" type="list" option.jsonf="on") {\n'
        'property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")\n'
        'property(outname="host" name="hostname" format="jsonf")\n'
        'property(outname="syslogtag" name="syslogtag" format="jsonf")\n'
        'property(outname="programname" name="programname" format="jsonf")\n'
        'property(outname="message" name="msg" format="jsonf")\n}\n'
    )
    action = (
        f'*.* action(type="omelasticsearch" server="127.0.0.1" serverport="{served.port("http")}" '
        'template="doc" searchIndex="logs" searchType="" bulkmode="on" uid="rsyslog" '
        f'pwd="{served.token("intake")}" errorfile="{tmp_path}/errors")'
    )
    with rsyslog(tmp_path, 'module(load="omelasticsearch")\n' + template + action) as place:
        logger(place, failures("user-elastic"))
        rows = arrived(served, "user-elastic")
    check_against_rsyslog(rows, tmp_path / "seen.log", "http-bulk")
    assert not (tmp_path / "errors").exists() or not (tmp_path / "errors").read_text()


def check_against_rsyslog(rows: list[dict[str, object]], seen: Path, channel: str) -> None:
    """Compare events with what rsyslog itself wrote down of the same messages."""
    known = {}
    for line in seen.read_text().splitlines():
        time, host, message = line.split("\t")
        found = re.search(r"from (\S+) port (\d+)", message)
        if found:
            known[int(found[2])] = (datetime.fromisoformat(time), host, found[1])
    assert len(known) == COUNT
    for row in rows:
        time, host, address = known[int(str(row["port"]))]
        assert instant(row["time"]) == time.astimezone(UTC), row
        assert (row["host"], row["ip"]) == (host, address)
        assert (row["dataset"], row["program"], row["channel"]) == ("system.auth", "sshd", channel)


WAYS = {
    "3164-newline": (["--stream"], "syslog-tcp"),
    "5424-octet": (["--stream", "--syslog-proto"], "syslog-tcp"),
    "5424-newline": (["--stream", "--syslog-proto", "--no-framing"], "syslog-tcp"),
    "udp": (["--dgram"], "syslog-udp"),
}


@needs_loggen
@pytest.mark.parametrize("way", WAYS)
def test_loggen(way: str, served: Served):
    options, channel = WAYS[way]
    before = served.count(f"`input.type` = '{channel}'")
    port = served.port(channel.replace("-", "_"))
    process = loggen("--inet", *options, "--number", "3000", "--rate", "6000", "--size", "300", "127.0.0.1", str(port))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    where = f"`input.type` = '{channel}'"
    until(lambda: served.count(where) >= before + 3000, 60)
    rows = served.sql(
        "SELECT extract(`event.original`, 'seq: ([0-9]+)') AS seq, `process.name` AS program, "
        f"`@timestamp` AS time, `event.created` AS created FROM events WHERE {where} AND "
        "`event.original` LIKE '%PADD%' ORDER BY created DESC, seq"
    )
    assert len({row["seq"] for row in rows}) == 3000
    for row in rows:
        assert str(row["program"]).startswith("prg")
        assert abs(instant(row["time"]) - instant(row["created"])) < timedelta(minutes=1)


def test_elasticsearch_client(served: Served):
    begin = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    documents = [
        {
            "_index": "logs",
            "_id": f"doc-{number}",
            "_source": {
                "@timestamp": (begin + timedelta(seconds=number)).isoformat(),
                "host": {"name": "web02"},
                "message": "Mar  4 05:06:07 web02 sshd[99]: Failed password for es-user from 192.0.2.9 "
                f"port {1024 + number} ssh2",
            },
        }
        for number in range(COUNT)
    ]
    with Elasticsearch(served.intake, api_key=("miharu", served.token("intake")), retry_on_timeout=False) as client:
        assert client.info()["tagline"] == "You Know, for Search"
        assert helpers.bulk(client, documents, chunk_size=200) == (COUNT, [])
        # The same documents in other requests are the same records: they have ids.
        assert helpers.bulk(client, documents, chunk_size=150) == (COUNT, [])
    rows = arrived(served, "es-user")
    assert {(row["dataset"], row["host"], row["program"]) for row in rows} == {("system.auth", "web02", "sshd")}
    assert {instant(row["time"]) for row in rows} == {begin}


def test_splunk_handler(served: Served):
    from splunk_handler import SplunkHandler  # noqa: PLC0415 - it starts a thread when it is made

    handler = SplunkHandler(
        host="127.0.0.1",
        port=served.port("http"),
        token=served.token("intake"),
        index="main",
        protocol="http",
        hostname="app01",
        sourcetype="syslog",
        verify=False,
        flush_interval=1.0,
        force_keep_ahead=True,
    )
    log = logging.getLogger("tests.splunk")
    log.propagate = False
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        for line in failures("splunk-user"):
            log.info("<38>Mar  4 05:06:08 app01 sshd[5]: %s", line)
    finally:
        log.removeHandler(handler)
        handler.close()
    rows = arrived(served, "splunk-user")
    assert {(row["dataset"], row["host"], row["channel"]) for row in rows} == {("system.auth", "app01", "http-hec")}
    assert {instant(row["time"]).replace(year=2026) for row in rows} == {datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)}


@pytest.mark.parametrize("options", [["--udp", "--rfc3164"], ["--tcp", "--rfc5424"], ["--tcp", "--octet-count"]])
def test_logger(options: list[str], served: Served):
    mark = "logger" + "".join(options).replace("-", "")
    port = served.port("syslog_udp" if "--udp" in options else "syslog_tcp")
    subprocess.run(
        ["logger", "--server", "127.0.0.1", "--port", str(port), *options, "--tag", "sshd",
         f"Failed password for {mark} from 192.0.2.4 port 22 ssh2"],
        check=True,
        timeout=20,
    )  # fmt: skip
    (row,) = arrived(served, mark, 1)
    assert (row["dataset"], row["ip"]) == ("system.auth", "192.0.2.4")
    assert abs(instant(row["time"]) - datetime.now(UTC)) < timedelta(minutes=1)
