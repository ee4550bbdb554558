from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from miharu.catalog import content_root, load_fields, load_lookups
from miharu.core.columns import UTC_MICROS
from miharu.core.errors import ContentError


def test_schema_gives_types_arrays_and_allowed_values() -> None:
    fields = load_fields()
    assert fields.type_of("source.ip") == "ip"
    assert fields.dtype("source.ip") == pl.String
    assert fields.dtype("source.port") == pl.Int64
    assert fields.dtype("@timestamp") == UTC_MICROS
    assert fields.dtype("event.category") == pl.List(pl.String)
    assert fields.is_array("tags")
    assert not fields.is_array("source.ip")
    assert "success" in fields.allowed("event.outcome")
    assert fields.allowed("user.name") == frozenset()
    assert fields.version


def test_unknown_field_is_none_and_suggests_the_closest() -> None:
    fields = load_fields()
    assert fields.type_of("source.adress") is None
    assert fields.suggest("source.adress") == "source.address"
    assert "source.adress" not in fields


def test_schema_has_no_descriptions() -> None:
    lines = (content_root() / "ecs" / "fields.tsv").read_text().splitlines()
    assert lines[0] == "name\ttype\tarray\tallowed"
    assert max(line.count("\t") for line in lines) == 3


def content(tmp_path: Path, vendor: str) -> Path:
    (tmp_path / "ecs").mkdir()
    (tmp_path / "fields").mkdir()
    (tmp_path / "lookups").mkdir()
    (tmp_path / "ecs" / "fields.tsv").write_text("name\ttype\tarray\tallowed\nuser.name\tkeyword\t\t\n")
    (tmp_path / "ecs" / "version").write_text("0.1\n")
    (tmp_path / "fields" / "acme.yml").write_text(vendor)
    return tmp_path


def test_vendor_fields_may_be_lists(tmp_path: Path) -> None:
    fields = load_fields(content(tmp_path, "acme.level: long\nacme.words: keyword[]\n"))
    assert fields.dtype("acme.level") == pl.Int64
    assert fields.dtype("acme.words") == pl.List(pl.String)


def test_all_faults_of_vendor_fields_are_told_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(ContentError) as error:
        load_fields(content(tmp_path, "acme.level: lang\nuser.name: keyword\nacme.size: [1]\n"))
    assert [(issue.path, issue.line, issue.key) for issue in error.value.issues] == [
        ("fields/acme.yml", 1, "acme.level"),
        ("fields/acme.yml", 2, "user.name"),
        ("fields/acme.yml", 3, "acme.size"),
    ]
    assert error.value.issues[0].hint == "did you mean 'long'?"


def test_lookup_tables_are_read_and_faults_told(tmp_path: Path) -> None:
    root = content(tmp_path, "acme.level: long\n")
    (root / "lookups" / "colours.tsv").write_text("# of Acme\n1\tred\n2\tblue\n")
    assert load_lookups(root) == {"colours": {"1": "red", "2": "blue"}}
    (root / "lookups" / "colours.tsv").write_text("1\tred\n1\tblue\n3\n")
    with pytest.raises(ContentError) as error:
        load_lookups(root)
    assert [issue.line for issue in error.value.issues] == [2, 3]
