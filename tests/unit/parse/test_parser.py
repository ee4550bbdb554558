from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from miharu.catalog import load_fields, load_logsources, read_logsources
from miharu.core.columns import RECORD_ROW, REJECT_SCHEMA
from miharu.parse import Parsed, Parser
from tests.unit.parse.record_frames import records

MIXED = [
    b"plain words",
    b'{"a": 1}',
    b'  {"a": {"b": "c"}}',
    b'{"a": ',
    b"Jun 14 08:15:02 web1 frobd[7]: hello",
    b"unit=1 state=open",
    "caf\u00e9".encode("latin-1"),
    b"",
    b"\xef\xbb\xbfwith a mark",
    b"<13>1 - - - - - - hi",
    b"{curly} words",
    b"[1, 2]",
]


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(load_logsources(), "UTC")


def owners(parsed: Parsed) -> dict[int, str]:
    return {row: one.source for one in parsed.fields for row in one.frame.get_column(RECORD_ROW).to_list()}


def test_mixed_file_is_recognised_line_by_line(parser: Parser) -> None:
    parsed = parser.read("lines", records(MIXED))
    assert owners(parsed) == {
        0: "generic.line",
        1: "generic.json",
        2: "generic.json",
        4: "system.syslog",
        5: "generic.keyvalue",
        6: "generic.line",
        7: "generic.line",
        8: "generic.line",
        9: "generic.syslog",
        10: "generic.line",
        11: "generic.line",
    }
    assert parsed.rejects.select("reject.reason", RECORD_ROW).rows() == [("json_invalid", 3)]
    assert parsed.rejects.get_column("reject.raw").to_list() == [MIXED[3]]
    assert dict(parsed.rejects.schema) == {
        name: dtype() if isinstance(dtype, type) else dtype for name, dtype in REJECT_SCHEMA.items()
    }


def test_bytes_stay_as_received_and_are_tagged(parser: Parser) -> None:
    parsed = parser.read("lines", records(MIXED))
    frames = [one.frame for one in parsed.fields if one.source == "generic.line"]
    rows = {row["record.row"]: row for frame in frames for row in frame.to_dicts()}
    assert rows[6]["record.raw"] == MIXED[6]
    assert rows[6]["message"] == "caf\u00e9"
    assert rows[6]["record.tags"] == ["invalid_utf8"]
    assert rows[8]["record.raw"] == MIXED[8]
    assert rows[8]["message"] == "with a mark"
    assert rows[0].get("record.tags") is None


def test_no_records_no_fields(parser: Parser) -> None:
    parsed = parser.read("lines", records([]))
    assert parsed.fields == []
    assert parsed.rejects.is_empty()


STEPS = r"""
id: acme.door
title: t
vendor: v
product: p
recognise: {container: [line], where: [{field: message, starts: door}]}
read:
  - {reader: regex, field: message, default: 'door (?P<kind>\w+)(?: (?P<rest>.*))?'}
  - reader: regex
    field: rest
    by: kind
    patterns:
      open|shut: {by_person: '^by (?P<who>\S+)$', at_hour: '^at (?P<hour>[0-9]+)$'}
    default: '^(?P<else>z.*)$'
  - {reader: keyvalue, field: else, prefix: kv.}
  - {reader: json, field: who, prefix: j.}
leftovers: {prefix: door}
tests: []
"""


def test_read_steps_add_columns_and_keep_every_row(tmp_path: Path) -> None:
    path = tmp_path / "door.yml"
    path.write_text(STEPS)
    own = read_logsources([(path, "door.yml")], load_fields(), frozenset())
    lines = [
        "door open by bob",
        "door shut at 12",
        "door open z a=1 b=2",
        "door",
        "door ajar z",
        'door shut by {"a":{"b":[1]}}',
    ]
    parsed = Parser([*own, *load_logsources()], "UTC").read("lines", records([line.encode() for line in lines]))
    rows = {
        row["record.row"]: {
            key: value
            for key, value in row.items()
            if value is not None and not key.startswith("record.") and key != "message"
        }
        for one in parsed.fields
        for row in one.frame.to_dicts()
    }
    assert rows == {
        0: {"kind": "open", "rest": "by bob", "form": "by_person", "who": "bob"},
        1: {"kind": "shut", "rest": "at 12", "form": "at_hour", "hour": "12"},
        2: {"kind": "open", "rest": "z a=1 b=2", "else": "z a=1 b=2", "kv.a": "1", "kv.b": "2"},
        3: {},
        4: {"kind": "ajar", "rest": "z", "else": "z"},
        5: {
            "kind": "shut",
            "rest": 'by {"a":{"b":[1]}}',
            "form": "by_person",
            "who": '{"a":{"b":[1]}}',
            "j.a.b": "[1]",
        },
    }
    assert {one.source for one in parsed.fields} == {"acme.door"}


def test_cost_of_many_log_sources_stays_small() -> None:
    """150 log sources that do not apply may not double the cost of a stream."""
    import dataclasses  # noqa: PLC0415 - only here
    import time  # noqa: PLC0415 - only here

    from miharu.catalog import Condition, Recognition  # noqa: PLC0415 - only here

    real = load_logsources()
    model = next(one for one in real if one.id == "cisco.asa")
    extra = [
        dataclasses.replace(
            model,
            id=f"acme.{number}",
            priority=10,
            recognise=Recognition(("syslog", "line"), (Condition("message", "contains", (f"acme{number}",)),)),
        )
        for number in range(150)
    ]
    lines = records([b"Jun 14 08:15:02 web1 frobd[7]: hello number %d" % number for number in range(4096)])
    few, many = Parser(real, "UTC"), Parser([*extra, *real], "UTC")

    def cost(parser: Parser) -> float:
        times = []
        for _ in range(4):
            start = time.process_time()
            parser.read("lines", lines)
            times.append(time.process_time() - start)
        return min(times)

    assert cost(many) < 2 * cost(few)


def test_frames_carry_the_record_columns(parser: Parser) -> None:
    for one in parser.read("lines", records(MIXED)).fields:
        assert {"record.row", "record.id", "record.raw", "record.offset", "record.path", "record.reference"} <= set(
            one.frame.columns
        )
        assert one.frame.schema["record.raw"] == pl.Binary


SAID = r"""
id: acme.gate
title: t
vendor: v
product: p
recognise: {container: [syslog, keyvalue], where: [{field: message, starts: "gate="}]}
read: [{reader: keyvalue, field: message, prefix: p.}]
leftovers: {prefix: gate}
tests: []
"""


def test_keys_of_a_line_of_pairs_are_never_taken_for_the_containers_own(tmp_path: Path) -> None:
    path = tmp_path / "gate.yml"
    path.write_text(SAID)
    own = read_logsources([(path, "gate.yml")], load_fields(), frozenset())
    lines = [
        'gate=7 hostname="example.com" who=bob',
        '<13>Jun 14 08:15:02 fw1 gate=7 hostname="example.com" who=bob',
        'gate=7,hostname="example.com, inc",who=bob',
    ]
    parsed = Parser([*own, *load_logsources()], "UTC").read("lines", records([line.encode() for line in lines]))
    assert owners(parsed) == dict.fromkeys(range(3), "acme.gate")
    rows = {row["record.row"]: row for one in parsed.fields for row in one.frame.to_dicts()}
    assert [rows[row]["p.hostname"] for row in range(3)] == ["example.com", "example.com", "example.com, inc"]
    assert [rows[row]["p.who"] for row in range(3)] == ["bob"] * 3
    assert [rows[row].get("hostname") for row in range(3)] == [None, "fw1", None]
