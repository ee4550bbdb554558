"""Every record of every corpus file is an event or a reject: counted by other means, file by file."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import evtx
import pytest

from miharu.pipeline import open_lake
from tests.journey.importing import Place

DECODER = json.JSONDecoder()
SPACE = " \t\r\n"


def members(label: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Open archives with the standard library only."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield from members(f"{label}!{info.filename}", archive.read(info))
    elif data[:2] == b"\x1f\x8b":
        yield from members(label, gzip.decompress(data))
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield from members(f"{label}!{member.name}", stream.read())
    elif data:
        yield label, data


def documents(text: str) -> int | None:
    """Return the number of JSON documents, or of items of the one array in the one document; None if no JSON."""
    found, place = [], 0
    while True:
        while place < len(text) and text[place] in SPACE:
            place += 1
        if place == len(text):
            break
        try:
            value, place = DECODER.raw_decode(text, place)
        except ValueError:
            return None
        found.append(value)
    if not found or not all(isinstance(value, dict | list) for value in found):
        return None
    if len(found) == 1 and isinstance(found[0], list):
        return len(found[0])
    if len(found) == 1 and isinstance(found[0], dict):
        lists = [value for value in found[0].values() if isinstance(value, list) and value]
        if len(lists) == len(found[0]) == 1 and all(isinstance(item, dict) for item in lists[0]):
            return len(lists[0])
    return len(found)


def records(data: bytes) -> int | None:
    """Count the records of one file; None for binary content, whose pieces are not defined by the format."""
    if data[:8] == b"ElfFile\0":
        try:
            return len(list(evtx.PyEvtxParser(io.BytesIO(data)).records()))
        except RuntimeError:
            return None
    if data[:6] == b"ASL DB":
        return messages(data)
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        data = data.decode("utf-16").encode()
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    if text.lstrip()[:1] in {"{", "["}:
        found = documents(text)
        if found is not None:
            return found
    return lines(data)


def lines(data: bytes) -> int:
    """Count the lines of a text that hold something."""
    coding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
    text = data.decode(coding, "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return sum(1 for line in text.split("\n") if line.strip(SPACE + "\f\v"))


def messages(data: bytes) -> int:
    """Count the messages of Apple's binary log, a list: at byte 16 stands its first place, in each message the next."""
    count, place = 0, int.from_bytes(data[16:24], "big")
    while place:
        count += 1
        place = int.from_bytes(data[place + 6 : place + 14], "big")
    return count


@pytest.mark.timeout(900)
def test_every_record_of_every_file_is_an_event_or_a_reject(corpora: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "data")
    report = place.take(corpora, rows=16_384)
    told = {file.path: file for file in report.files}
    wrong: list[str] = []
    joined: dict[str, int] = {}
    counted = 0
    for path in sorted(corpora.rglob("*")):
        if not path.is_file():
            continue
        for label, data in members(str(path), path.read_bytes()):
            file = told.get(label)
            if file is None:
                wrong.append(f"{label}: not reported")
                continue
            expected = records(data)
            if file.records != file.events + file.rejects:
                wrong.append(f"{label}: {file.records} is not {file.events} + {file.rejects}")
            elif expected is None:
                assert file.rejects >= 1, label
            elif file.records < expected and not _event_xml(data):
                joined[label] = lines(data)
            elif file.records != expected and not _event_xml(data):
                wrong.append(f"{label}: {file.records} records, counted {expected}")
            else:
                counted += file.records
    kept = lines_kept(place, list(joined))
    wrong += [
        f"{label}: {kept[label]} lines, counted {count}" for label, count in joined.items() if kept[label] != count
    ]
    assert len(joined) < 60
    assert not wrong, f"{len(wrong)} files:\n" + "\n".join(wrong[:40])
    assert counted > 500_000
    again = place.take(corpora, rows=5_000)
    assert again.total("added") == 0
    assert place.count() == report.total("added")


def lines_kept(place: Place, labels: list[str]) -> dict[str, int]:
    """Return how many lines the records of each file hold, where several lines are one record."""
    kept = dict.fromkeys(labels, 0)
    for table, column in (("events", "event.original"), ("rejects", "reject.raw")):
        with open_lake(place.settings()) as lake:
            rows = lake.store.query(
                f"SELECT `log.file.path` AS label, `{column}` AS raw FROM {table} "
                "WHERE `log.file.path` IN {labels:Array(String)}",
                {"labels": labels},
            )
        for label, raw in rows.iter_rows():
            text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
            kept[label] += sum(bool(line.strip()) for line in text.replace("\r", "\n").split("\n"))
    return kept


def _event_xml(data: bytes) -> bool:
    """Tell a Windows event in XML over several lines: one record, where a count of lines says several."""
    return b"<Event " in data and b"schemas.microsoft.com/win/2004/08/events" in data
