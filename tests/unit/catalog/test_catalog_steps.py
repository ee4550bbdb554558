"""What a log source may say of joined lines, readers' options and reserved fields, and how faults in it are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.catalog import CONTAINERS, READERS, Join, LogSource, load_fields, read_logsources
from miharu.catalog.loading import JOIN_KEYS, OPTION_KEYS
from miharu.catalog.vocabulary import ESCAPES
from miharu.core.columns import RECORD_HEADER
from miharu.core.errors import ContentError

BASE = r"""
id: acme.door
title: Acme door
vendor: Acme
product: door
recognise: {container: [line], where: [{field: message, contains: door}]}
"""
REST = """
leftovers: {prefix: acme.door}
tests:
  - {record: the door, header: "a,b", expect: {user.name: bob}}
  - {record: a window, refuse: true}
"""


def load(tmp_path: Path, text: str) -> LogSource:
    path = tmp_path / "door.yml"
    path.write_text(BASE + text + REST)
    return read_logsources([(path, path.name)], load_fields(), frozenset())[0]


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ContentError) as error:
        load(tmp_path, text)
    return [issue.key for issue in error.value.issues]


def test_joins_and_headers_are_read(tmp_path: Path) -> None:
    source = load(tmp_path, "joins: [{start: '^a', continues: '^ '}, {start: '^b', quotes: '\"', first: x}]")
    assert source.joins == (Join("^a", continues="^ "), Join("^b", quotes='"', first="x"))
    assert source.tests[0].header == "a,b"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("joins: [{continues: a}]", "joins[0].start"),
        ("joins: [{start: '(a'}]", "joins[0].start"),
        ("joins: [{start: a, quotes: ab}]", "joins[0].quotes"),
        ("joins: [{start: a, ends: b}]", "joins[0].ends"),
        ("read: [{reader: delimited, field: message}]", "read[0].columns"),
        ("read: [{reader: cef, field: message, columns: [a]}]", "read[0].columns"),
        ("read: [{reader: cef, field: message, quote: x}]", "read[0].quote"),
        ("read: [{reader: keyvalue, field: message, separator: ', '}]", "read[0].separator"),
        ("read: [{reader: keyvalue, field: message, escape: none}]", "read[0].escape"),
        ("read: [{reader: keyvalue, field: message, values: all}]", "read[0].values"),
        ("read: [{reader: keyvalue, field: message, keys: '('}]", "read[0].keys"),
        ("map: {number: event.id}", "map.number"),
        ("set: {event.dataset: x}", "set.event.dataset"),
    ],
)
def test_faults_are_told_with_their_key(tmp_path: Path, text: str, key: str) -> None:
    assert key in faults(tmp_path, text)


def test_columns_may_be_one_list_or_several(tmp_path: Path) -> None:
    one = load(tmp_path, "read: [{reader: delimited, field: message, columns: [a, b], separator: ';', quote: ''}]")
    assert one.read[0].columns == (("a", "b"),)
    assert one.read[0].options == {"separator": ";", "quote": ""}
    assert load(tmp_path, "read: [{reader: delimited, field: message, columns: [[a, b], [a]]}]").read[0].columns == (
        ("a", "b"),
        ("a",),
    )


def test_the_reference_page_names_every_word() -> None:
    page = Path("docs/reference/log-source-readers.md").read_text(encoding="utf-8")
    words = {*CONTAINERS, *READERS, *JOIN_KEYS, *OPTION_KEYS, *ESCAPES, RECORD_HEADER}
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []
