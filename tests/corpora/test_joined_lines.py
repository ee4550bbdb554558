"""Whatever lines are joined to records, the lines of a file are those of its records."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from miharu.catalog import load_logsources
from miharu.core.columns import RECORD_RAW
from miharu.sources import SourceFile, expand

FOLDERS = ("beats-ecs-expected", "loghub", "plaso-test-data", "fail2ban-logs", "crowdsec-hub-tests")
BLANK = b" \t\r\x0b\x0c"


def lines(data: bytes) -> list[bytes]:
    return [line for line in data.replace(b"\r", b"\n").split(b"\n") if line.strip(BLANK)]


def content(file: SourceFile) -> bytes:
    parts = []
    with closing(file._open()) as stream:
        while block := stream.read(1 << 20):
            parts.append(block)
    return b"".join(parts)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_line_is_in_exactly_one_record(corpora: Path, folder: str) -> None:
    joins = [join for source in load_logsources() for join in source.joins]
    files = 0
    for file in expand([corpora / folder], joins=joins):
        recognised = file._recognised
        if recognised.kind != "lines" or recognised.encoding != "utf-8":
            continue
        chunks = list(file.chunks("0" * 32, rows=500))
        found = [line for chunk in chunks for raw in chunk.records[RECORD_RAW] for line in lines(raw)]
        assert not any(chunk.rejects.height for chunk in chunks)
        assert found == lines(content(file)[recognised.mark :]), file.path
        files += 1
    assert files
