"""Every file of the corpora is read: counts equal independent ones, and nothing is lost."""

import csv
import json
from pathlib import Path

import pytest

from miharu.sources import expand

KEY = "0" * 32
DAMAGED = "sample_with_a_bad_chunk_magic.evtx"


def read(file):
    chunks = list(file.chunks(KEY))
    raws = [raw for chunk in chunks for raw in chunk.records["record.raw"]]
    return raws, [reason for chunk in chunks for reason in chunk.rejects["reject.reason"]]


def count_independently(data):
    """Return how many records text has: items, documents or lines that are not blank."""
    text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin-1")
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list):
        return len(value)
    if isinstance(value, dict):
        return len(value["Records"]) if list(value) == ["Records"] else None
    return sum(1 for line in text.replace("\r", "\n").split("\n") if line.strip(" \t\n\r\x0b\x0c"))


@pytest.mark.mission("S10")
def test_windows_event_logs_hold_the_events_their_index_counts(corpora):
    total = 0
    for index in sorted((corpora / "windows-evtx").glob("*.index.csv")):
        with index.open(newline="") as handle:
            expected = {row["path"]: int(row["events"]) for row in csv.DictReader(handle)}
        archive = index.with_name(index.name.replace(".index.csv", ".tar.gz"))
        for file in expand([archive]):
            if file.format != "evtx":
                continue
            name = file.path.partition("!")[2].partition("/")[2]
            chunks = list(file.chunks(KEY, rows=500))
            ids = [value for chunk in chunks for value in chunk.records["record.id"]]
            assert len(set(ids)) == len(ids)
            if name == DAMAGED:
                assert len(ids) >= expected[name]
                assert any(len(chunk.rejects) for chunk in chunks)
            else:
                assert len(ids) == expected[name], file.path
                assert not any(len(chunk.rejects) for chunk in chunks)
            total += 1
            del expected[name]
        assert not expected
    assert total > 200


@pytest.mark.mission("S10")
def test_every_file_is_read_and_counted(corpora):
    counted = files = 0
    for file in expand([corpora]):
        files += 1
        raws, rejects = read(file)
        assert raws or rejects or file.scan().size < 4, file.path
        assert file.problem is None
        assert all(reason in ("binary", "evtx_record") for reason in rejects), file.path
        if "!" in file.path or file.format == "evtx" or rejects or file.path.endswith((".gz", ".xml")):
            continue
        expected = count_independently(Path(file.path).read_bytes())
        if expected is None:
            continue
        if file.format == "lines" or file.path.endswith("expected.json"):
            assert len(raws) == expected, file.path
            counted += 1
    assert files > 2000
    assert counted > 500


def test_items_of_json_files_are_those_json_reads(corpora):
    seen = 0
    for path in sorted(corpora.rglob("*.json")):
        (file,) = expand([path])
        if file.format != "json":
            continue
        raws, rejects = read(file)
        assert rejects == []
        decoder, text, values = json.JSONDecoder(), path.read_text("utf-8-sig"), []
        while text := text.lstrip():
            value, end = decoder.raw_decode(text)
            values += value if isinstance(value, list) else value.get("Records", [value])
            text = text[end:]
        assert [json.loads(raw) for raw in raws] == values, path
        seen += 1
    assert seen > 100


def test_windows_event_xml_files_are_one_record_each(corpora):
    paths = sorted((corpora / "windows-wef-rendered-xml").glob("*.xml"))
    assert len(paths) > 5
    for path in paths:
        (file,) = expand([path])
        raws, rejects = read(file)
        assert (len(raws), rejects) == (1, []), path


def test_reading_twice_gives_the_same(corpora):
    for name in ("evtx-crate-samples", "winlogbeat-evtx-xml"):
        for file in expand([corpora / "windows-evtx" / f"{name}.tar.gz"]):
            for chunk in file.chunks(KEY, rows=300):
                (again,) = file.chunks(KEY, chunk.begin, chunk.end, rows=300)
                assert again.records.equals(chunk.records)
                assert again.rejects.equals(chunk.rejects)
