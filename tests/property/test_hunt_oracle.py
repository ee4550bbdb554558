"""Random rules over random events: a hunt through the store finds what the detector found before they were stored."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from miharu.catalog import load_sigma_mapping
from miharu.core.columns import UTC_MICROS
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet, load_rules
from miharu.pipeline import Hunter, Lake, Question, huntplan, open_lake

SYSMON = "Microsoft-Windows-Sysmon/Operational"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = (
    "",
    "a",
    "cmd.exe",
    r"C:\Windows\cmd.exe",
    "CMD /c whoami",
    "10.1.2.3",
    "2001:db8::1",
    "443",
    "Straße",
    "*",
    "-",
)
TIMES = (
    *(NOW + timedelta(minutes=20 * step) for step in range(5)),
    datetime(1969, 12, 31, 23, 30, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 10, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
PIECES = 3

words = st.sampled_from(WORDS)
maybe = st.none() | words
rows = st.fixed_dictionaries(
    {
        "@timestamp": st.sampled_from(TIMES),
        "event.dataset": st.sampled_from(["windows.sysmon"] * 4 + ["windows.security", "system.auth", "generic.line"]),
        "host.name": st.sampled_from([None, "h1", "h2", "Z"]),
        "event.code": st.sampled_from(["1", "1", "1", "3", None]),
        "winlog.channel": st.sampled_from([SYSMON, SYSMON, None]),
        "process.executable": maybe,
        "process.command_line": maybe,
        "process.args": st.none() | st.lists(words, max_size=3),
        "source.ip": st.sampled_from([None, "10.1.2.3", "2001:db8::1", "nonsense"]),
        "destination.port": st.sampled_from([None, 0, 443, 65_535]),
        "process.code_signature.trusted": st.sampled_from([None, True, False]),
        "left": st.dictionaries(st.sampled_from(["Own", "Company", "Hashes"]), words | st.lists(words), max_size=2),
        "raw": words,
    }
)
FIELDS = (
    "Image", "CommandLine", "Company", "Own", "SourceIp", "DestinationPort", "User", "Hashes", "EventID",
)  # fmt: skip
tests = st.one_of(
    st.tuples(
        st.sampled_from(["", "|contains", "|endswith", "|startswith", "|cased"]), words | st.lists(words, min_size=1)
    ),
    st.tuples(st.sampled_from(["|exists"]), st.booleans()),
    st.tuples(st.sampled_from([""]), st.none() | st.integers(0, 500)),
    st.tuples(st.sampled_from(["|cidr"]), st.sampled_from(["10.0.0.0/8", "2001:db8::/32"])),
    st.tuples(st.sampled_from(["|gte", "|lt"]), st.integers(0, 500)),
    st.tuples(st.sampled_from(["|re"]), st.sampled_from(["cmd", "^[0-9]+$", "w.oami"])),
    st.tuples(st.sampled_from(["|fieldref"]), st.sampled_from(["Image", "CommandLine", "Own"])),
)
selections = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), tests, min_size=1, max_size=2).map(
        lambda told: {f"{name}{modifier}": value for name, (modifier, value) in told.items()}
    ),
    st.lists(st.sampled_from(["whoami", "cmd", "STRASSE", "10.1"]), min_size=1, max_size=2),
)
rules = st.fixed_dictionaries(
    {
        "logsource": st.sampled_from(
            [
                {"product": "windows", "category": "process_creation"},
                {"product": "windows"},
                {"category": "network_connection", "product": "windows"},
                {"product": "linux"},
            ]
        ),
        "detection": st.fixed_dictionaries(
            {
                "one": selections,
                "two": selections,
                "condition": st.sampled_from(["one", "one and two", "one or two", "one and not two", "not one"]),
            }
        ),
    }
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    data = tmp_path_factory.mktemp("lake")
    with open_lake(Settings(data=data, store_memory_bytes=600_000_000)) as opened:
        yield opened


def batch(told: list[dict[str, Any]]) -> pl.DataFrame:
    left = [orjson.dumps({f"winlog.event_data.{k}": v for k, v in row["left"].items()}).decode() for row in told]
    typed: dict[str, Any] = {
        "process.args": pl.List(pl.String),
        "destination.port": pl.Int64,
        "process.code_signature.trusted": pl.Boolean,
    }
    plain = {
        name: pl.Series([row[name] for row in told], dtype=typed.get(name, pl.String))
        for name in told[0]
        if name not in {"@timestamp", "left", "raw"}
    }
    return pl.DataFrame(
        {
            "@timestamp": pl.Series([row["@timestamp"] for row in told], dtype=UTC_MICROS),
            "event.id": [f"{number:032x}" for number in range(len(told))],
            "event.original": [f"record {row['raw']}".encode() for row in told],
            "event.created": pl.Series([NOW] * len(told), dtype=UTC_MICROS),
            "log.file.path": ["a"] * len(told),
            "log.offset": pl.Series(range(len(told)), dtype=pl.UInt64),
            "fields": [None if text == "{}" else text for text in left],
            **plain,
        }
    )


def load(told: list[dict[str, Any]]) -> RuleSet:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "rules.yml"
        heads = [{"title": f"rule {number}", "id": f"r{number}", "level": "low"} for number in range(len(told))]
        file.write_text(yaml.safe_dump_all([{**head, **rule} for head, rule in zip(heads, told, strict=True)]))
        return load_rules([file], load_sigma_mapping(), None)


def row(**told: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("host.name", "event.code", "winlog.channel", "process.executable", "process.command_line"))
    nothing |= dict.fromkeys(("process.args", "source.ip", "destination.port", "process.code_signature.trusted"))
    return {"@timestamp": NOW, "event.dataset": "windows.sysmon", "left": {}, "raw": "a", **nothing, **told}


KEYWORD = {"logsource": {"product": "windows"}, "detection": {"one": ["whoami"], "two": ["x"], "condition": "one"}}
COMPANY = {
    "logsource": {"product": "windows"},
    "detection": {"one": {"Company": "a"}, "two": ["x"], "condition": "not one"},
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example([row(**{"process.command_line": "CMD /c whoami"})], [KEYWORD])
@example([row(left={"Company": "a"}), row(left={"Company": ["a", "-"]}), row()], [COMPANY])
@given(st.lists(rows, min_size=1, max_size=24), st.lists(rules, min_size=1, max_size=6))
def test_a_hunt_finds_what_was_found_before(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]], written: list[dict[str, Any]]
):
    monkeypatch.setattr(huntplan, "PIECE_ROWS", PIECES)
    for table in ("events", "findings", "rejects"):
        lake.store.query(f"TRUNCATE TABLE {table}")
    ruleset, events = load(written), batch(told)
    if not ruleset.rules:
        return
    live = Detector(ruleset).run(events)
    lake.store.insert("events", events, uuid.uuid4().hex)
    hunter = Hunter(lake, Settings(data=lake_data(lake)))
    report = hunter.hunt(Question(ruleset, None, None, "all"))
    found = lake.store.query("SELECT * EXCEPT (`finding.hidden_by`) FROM findings ORDER BY `finding.id`")
    columns = ["finding.id", "rule.id", "event.id", "event.dataset", "@timestamp", "entity", "matched", "rule.hash"]
    assert found.select(columns).rows() == live.sort("finding.id").select(columns).rows()
    assert report.findings == live.height
    assert hunter.hunt(Question(ruleset, None, None, "all")).findings == 0


def lake_data(lake: Lake) -> Path:
    return lake.store._places.data
