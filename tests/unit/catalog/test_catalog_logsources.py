from __future__ import annotations

from pathlib import Path

import pytest

from miharu.catalog import (
    CONTAINERS,
    CONVERSIONS,
    TIME_FORMATS,
    Condition,
    FieldMapping,
    LogSource,
    load_fields,
    load_logsources,
    read_logsources,
)
from miharu.catalog.vocabulary import READERS
from miharu.core.errors import ContentError
from miharu.normalise import CONVERSIONS as CONVERSION_TABLE
from miharu.normalise import TIME_FORMATS as FORMAT_TABLE
from miharu.parse import READERS as READER_TABLE

GOOD = r"""
id: acme.door
title: Acme door
vendor: Acme
product: door
priority: 20
recognise:
  container: [syslog, line]
  where:
    - {field: message, contains: door, starts: [the, a]}
read:
  - {reader: regex, field: message, by: code, patterns: {"1|2": '^x(?P<who>.+)$', "3": {open: '^o (?P<who>.+)$'}}}
time: {fields: [when], formats: [iso8601, '%d.%m.%Y']}
map:
  who: {to: user.name, convert: lowercase}
  address: [source.ip, source.address]
set: {event.category: [session]}
when:
  - {if: {code: [1, 2], who: {exists: true}}, set: {event.outcome: success}}
leftovers: {prefix: acme.door, drop: [code]}
tests:
  - {record: the door, expect: {user.name: bob}}
  - {record: a window, refuse: true}
"""


def load(tmp_path: Path, *texts: str) -> list[LogSource]:
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.yml"
        path.write_text(text)
        paths.append((path, path.name))
    return read_logsources(paths, load_fields(), frozenset({"colours"}))


def faults(tmp_path: Path, *texts: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ContentError) as error:
        load(tmp_path, *texts)
    return [(issue.line, issue.key, issue.hint) for issue in error.value.issues]


def test_there_may_be_other_ways_to_be_recognised(tmp_path: Path) -> None:
    other = "  or:\n    - where: [{field: record.path, contains: door.log}]\nread:"
    (source,) = load(tmp_path, GOOD.replace("read:", other, 1))
    assert source.recognise.others == ((Condition("record.path", "contains", ("door.log",)),),)
    assert faults(tmp_path, GOOD.replace("read:", other.replace("where", "were"), 1)) == [
        (12, "recognise.or[0].were", "did you mean 'where'?"),
        (12, "recognise.or[0].where", ""),
    ]


def test_a_good_file_becomes_typed_parts(tmp_path: Path) -> None:
    (source,) = load(tmp_path, GOOD)
    assert source.id == "acme.door"
    assert source.recognise.containers == ("syslog", "line")
    assert set(source.recognise.where) == {
        Condition("message", "contains", ("door",)),
        Condition("message", "starts", ("the", "a")),
    }
    assert source.maps == (
        FieldMapping("who", ("user.name",), "lowercase"),
        FieldMapping("address", ("source.ip", "source.address")),
    )
    assert source.set == {"event.category": ("session",)}
    assert source.when[0].conditions == (Condition("code", "in", ("1", "2")), Condition("who", "exists", ("true",)))
    assert set(source.read[0].patterns) == {"1", "2", "3"}
    assert source.read[0].patterns["3"][0].name == "open"
    assert [sample.refuse for sample in source.tests] == [False, True]
    assert source.tests[0].line == 22


FAULTS = [
    ("priority: 20", "priority: soon", (6, "priority", "")),
    ("vendor: Acme", "vender: Acme", (4, "vender", "did you mean 'vendor'?")),
    ("[syslog, line]", "[sylog]", (8, "recognise.container", "did you mean 'syslog'?")),
    ("contains: door", "contain: door", (10, "recognise.where[0].contain", "did you mean 'contains'?")),
    ("reader: regex", "reader: regexp", (12, "read[0].reader", "did you mean 'regex'?")),
    ("^x(?P<who>.+)$", "^x(?P<who>.+$", (12, "read[0].patterns.1|2", "unclosed group")),
    (
        "^x(?P<who>.+)$",
        "^x(?=a)(?P<who>.+)$",
        (
            12,
            "read[0].patterns.1|2",
            "look-around, including look-ahead and look-behind, is not supported",
        ),
    ),
    ("[iso8601,", "[iso8061,", (13, "time.formats", "did you mean 'iso8601'?")),
    ("to: user.name,", "to: user.nam,", (15, "map.who.to", "did you mean 'user.name'?")),
    ("convert: lowercase", "convert: lowercas", (15, "map.who.convert", "did you mean 'lowercase'?")),
    ("[source.ip,", "[source.geo.location,", (16, "map.address", "")),
    ("[session]", "[sesion]", (17, "set.event.category", "did you mean 'session'?")),
    ("event.outcome: success", "source.port: many", (19, "when[0].set.source.port", "")),
    ("who: {exists: true}", "who: {exists: perhaps}", (19, "when[0].if.who.exists", "")),
    ("{prefix: acme.door, drop", "{drop", (20, "leftovers.prefix", "")),
    (
        "expect: {user.name: bob}",
        "expect: {user.nam: bob}",
        (22, "tests[0].expect.user.nam", "did you mean 'user.name'?"),
    ),
    (", refuse: true", "", (23, "tests[1].expect", "")),
]


@pytest.mark.parametrize(("good", "bad", "fault"), FAULTS)
def test_a_fault_is_told_with_line_key_and_hint(
    tmp_path: Path, good: str, bad: str, fault: tuple[int, str, str]
) -> None:
    text = GOOD.replace(good, bad, 1).lstrip("\n")
    assert text != GOOD.lstrip("\n")
    line, key, hint = fault
    assert (line - 1, key, hint) in faults(tmp_path, text)


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    first = GOOD.replace("vendor: Acme", "vender: Acme").replace("to: user.name", "to: user.nam")
    found = faults(tmp_path, first, "id: [", GOOD)
    assert len({line for line, _, _ in found}) > 2
    assert any(key == "map.who.to" for _, key, _ in found)
    assert any(key == "vendor" for _, key, _ in found)


def test_two_files_may_not_share_an_id(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD, GOOD) == [(2, "id", "")]


def test_a_key_may_not_come_twice(tmp_path: Path) -> None:
    assert (4, "title", "") in faults(tmp_path, GOOD.replace("title: Acme door", "title: A\ntitle: B"))


def test_lookup_table_must_exist(tmp_path: Path) -> None:
    good = GOOD + "lookup:\n  - {field: colour, table: colours, to: event.action}\n"
    assert load(tmp_path, good)[0].lookup[0].table == "colours"
    assert (25, "lookup[0].table", "did you mean 'colours'?") in faults(tmp_path, good.replace("colours", "colors"))


def test_vocabulary_and_tables_name_the_same_things() -> None:
    assert set(CONVERSIONS) == set(CONVERSION_TABLE)
    assert set(TIME_FORMATS) == set(FORMAT_TABLE)
    assert set(READERS) == set(READER_TABLE)


def test_every_container_has_a_source_for_the_unknown() -> None:
    sources = load_logsources()
    for container in CONTAINERS:
        assert any(container in one.recognise.containers and not one.recognise.where for one in sources), container
