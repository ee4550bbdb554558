from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from miharu.catalog import load_fields, read_logsources
from miharu.catalog.vocabulary import EACH
from miharu.core.chunk import Fields
from miharu.core.errors import ContentError
from miharu.normalise import CONVERSIONS, Normaliser
from miharu.normalise.translating import _PARTS, translated
from tests.unit.parse.record_frames import records

RIGHTS = {"0x1": "read", "0x2": "write", "0x3": "both", "0x80000000": "all"}
CODES = {"%%1": "one", "%%2": "two"}
SOURCE = """
id: acme.door
title: t
vendor: v
product: p
recognise: {container: [line]}
map:
  rights: {to: user.roles, table: rights, each: bits}
when:
  - {if: {kind: named}, map: {code: {to: event.reason, table: codes}, codes: {to: tags, table: codes, each: items}}}
leftovers: {prefix: door}
tests: []
"""


def words(table: dict[str, str], each: str, *values: str | None) -> list[object]:
    frame = pl.DataFrame({"v": values}, schema={"v": pl.String})
    return frame.select(translated(pl.col("v"), table, each)).to_series().to_list()


def test_bits_of_hexadecimal_and_decimal_numbers() -> None:
    assert words(RIGHTS, "bits", "0x2", "1", "0x80000003") == [["write"], ["read"], ["read", "write", "both", "all"]]


@pytest.mark.parametrize("value", ["0x0", "-", "", "%%1", "0x10", None, "0xffffffffffffffffff", "-1", "1_1"])
def test_a_value_without_a_known_bit_has_no_words(value: str | None) -> None:
    assert words(RIGHTS, "bits", value, "0x1") == [None, ["read"]]


def test_items_are_parted_by_blanks_and_commas_and_unknown_ones_left_out() -> None:
    values = ("%%1\n\t\t\t\t%%2", "%%2, %%1,%%9", "%%9", "", None)
    assert words(CODES, "items", *values) == [["one", "two"], ["two", "one"], None, None, None]


def test_a_star_in_a_key_stands_for_anything_between() -> None:
    table = {"S-*-512": "admins", "S-1-512": "local", "S-1": "one"}
    assert words(table, "items", "S-1-2-512 S-1-512 S-1 S--512 S-1-2-5120") == [["admins", "local", "one"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "O:BAG:SYD:PAI(A;OICI;FA;;;WD)(D;;GRSD;;;S-1-5-21-1-2-3-512)",
            ["Everyone: allowed (full)", "Admins: D (GR, SD)"],
        ),
        ("S:(AU;SAFA;0x1f01ff;;;S-1-5-99)", ["S-1-5-99: audited (0x1f01ff)"]),
        ("D:(OA;;CR;1131f6ad-9c07-11d1-f79f-00c04fc2dcd2;;BA)", ["BA: OA (CR)"]),
        ("D:(A;;FA;;", None),
        ("-", None),
    ],
)
def test_entries_of_a_security_descriptor(text: str, expected: list[str] | None) -> None:
    table = {"type A": "allowed", "type AU": "audited", "right FA": "full", "sid WD": "Everyone", "sid *-512": "Admins"}
    assert words(table, "entries", text) == [expected]


def test_every_part_has_its_reader() -> None:
    assert tuple(_PARTS) == EACH


def test_many_values_are_translated_in_their_order() -> None:
    values = [["%%1", "%%2", None][row % 3] for row in range(3000)]
    assert words(CODES, "items", *values) == [["one"], ["two"], None] * 1000
    assert words(CODES, "", *values) == ["one", "two", None] * 1000


def test_a_word_does_not_stand_for_the_code(tmp_path: Path) -> None:
    path = tmp_path / "door.yml"
    path.write_text(SOURCE)
    source = read_logsources([(path, path.name)], load_fields(), frozenset({"codes", "rights"}))
    door = Normaliser(source, load_fields(), "UTC", {"codes": CODES, "rights": RIGHTS})
    columns = {"kind": ["named", "other"], "code": ["%%1", "%%1"], "codes": ["%%2", "%%2"], "rights": ["0x2", "?"]}
    frame = records([b"a", b"b"]).with_columns(pl.Series(name, values) for name, values in columns.items())
    named, other = door.run([Fields("acme.door", frame)], datetime(2025, 6, 16, tzinfo=UTC)).to_dicts()
    assert (named["event.reason"], named["tags"], named["user.roles"]) == ("one", ["two"], ["write"])
    assert (other["event.reason"], other["tags"], other["user.roles"]) == (None, None, None)
    kept = {f"door.{name}": values[0] for name, values in columns.items()}
    assert json.loads(named["fields"]) == kept
    assert json.loads(other["fields"]) == kept | {"door.kind": "other", "door.rights": "?"}


@pytest.mark.parametrize(
    ("good", "bad", "key"),
    [
        ("table: rights", "table: right", "map.rights.table"),
        ("each: bits", "each: bit", "map.rights.each"),
        ("table: rights, each: bits", "each: bits", "map.rights.each"),
        ("table: rights", "table: rights, convert: text", "map.rights.table"),
        ("to: user.roles", "to: user.name", "map.rights.to"),
    ],
)
def test_faults_of_a_table_are_told(tmp_path: Path, good: str, bad: str, key: str) -> None:
    path = tmp_path / "door.yml"
    path.write_text(SOURCE.replace(good, bad))
    with pytest.raises(ContentError) as error:
        read_logsources([(path, path.name)], load_fields(), frozenset({"codes", "rights"}))
    assert [issue.key for issue in error.value.issues] == [key]


def test_words_of_a_text_become_a_list() -> None:
    frame = pl.DataFrame({"v": ["SeDebugPrivilege\n\t\t\tSeBackupPrivilege", "SeTcbPrivilege", "a, b", "-", " ", None]})
    found = frame.select(CONVERSIONS["word_list"](pl.col("v"))).to_series().to_list()
    assert found == [["SeDebugPrivilege", "SeBackupPrivilege"], ["SeTcbPrivilege"], ["a", "b"], None, None, None]
