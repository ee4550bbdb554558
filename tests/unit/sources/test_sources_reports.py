"""A diagnostic report is one record, whether it comes as a file or as a request; lines of JSON are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.sources import DEFAULT_LIMITS, Limits, SourceFile, expand
from miharu.sources.intake.hec import cut_raw
from miharu.sources.intake.json_logs import cut_logs
from miharu.sources.reports import is_report

KEY = "0123456789abcdef" * 2
HEADER = b'{"app_name":"Ledger","bug_type":"309","incident_id":"A1"}\n'
TEXT = b"Incident Identifier: A1\nProcess:             Ledger [7]\n\nOS Version:  macOS 14.5\n\nThread 0:\n0 a\n"
PANIC = b"Sat Jun 14 08:21:02 2025\n\n*** Panic Report ***\npanic(cpu 0 caller 0x1): x\n\nSystem model name: Mac1\n"

REPORTS = {
    "header and text": HEADER + TEXT,
    "header and object": HEADER + b'{\n  "pid" : 7,\n  "threads" : [{"id":1}]\n}\n',
    "header and an object in a line": HEADER + b'{"pid":7}\n',
    "short header": b'{"bug_type":"298"}\n{"build":"iPhone OS 18.6","product":"iPhone12,1"}\n',
    "text": TEXT,
    "text with other ends of lines": TEXT.replace(b"\n", b"\r\n"),
    "panic": PANIC,
    "sample": b"Analysis of sampling Ledger (pid 7) every 1 millisecond\nProcess:  Ledger [7]\nCode Type:  ARM64\n",
    "spin": b"Date/Time:  2025-06-14 08:15:02 +0000\nOS Version:  macOS 14.5\n\nCommand:  Ledger\n",
}
OTHERS = {
    "lines of JSON": HEADER + b'{"event":1}\n{"event":2}\n',
    "lines with bug_type": HEADER * 3,
    "two lines with bug_type": HEADER * 2,
    "two lines of incidents": b'{"incident_id":"1","n":1}\n{"incident_id":"2","n":2}\n',
    "one line": HEADER,
    "log": b"Process: started [7]\nProcess: ended\n",
    "broken header": b'{"bug_type":"309"}}\nIncident Identifier: A1\n',
    "nothing": b" \n",
}


def opened(tmp_path: Path, data: bytes, limits: Limits = DEFAULT_LIMITS) -> SourceFile:
    (tmp_path / "report.ips").write_bytes(data)
    (file,) = expand([tmp_path / "report.ips"], limits=limits)
    return file


@pytest.mark.parametrize("data", REPORTS.values(), ids=REPORTS)
def test_a_file_is_one_record(tmp_path: Path, data: bytes) -> None:
    file = opened(tmp_path, b"\xef\xbb\xbf\n" + data + b"\n\n")
    (chunk,) = file.chunks(KEY)
    assert (chunk.format, chunk.records["record.raw"].to_list()) == ("report", [data.rstrip()])
    (again,) = file.chunks(KEY, chunk.begin, chunk.end)
    assert again.records.equals(chunk.records)
    assert not list(file.chunks(KEY, chunk.end))


@pytest.mark.parametrize("data", REPORTS.values(), ids=REPORTS)
def test_a_request_is_one_record(data: bytes) -> None:
    for batch in (cut_logs(data, most=10, text=True, claims_json=False), cut_raw(data, most=10)):
        assert (batch.format, batch.records, batch.data) == ("report", 1, data.rstrip())


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_what_is_no_report_is_cut_as_before(tmp_path: Path, data: bytes) -> None:
    assert not is_report(data)
    assert opened(tmp_path, data).format != "report"


def test_what_a_command_says_before_its_json_is_read_once(tmp_path: Path) -> None:
    remark = b'Filtering the log data using "a"\n'
    file = opened(tmp_path, remark + b'[{"a":1},{"b":2}]')
    chunks = list(file.chunks(KEY, rows=1))
    assert [chunk.records["record.raw"].to_list() for chunk in chunks] == [
        [remark.rstrip()],
        [b'{"a":1}'],
        [b'{"b":2}'],
    ]
    for chunk in chunks:
        (again,) = file.chunks(KEY, chunk.begin, chunk.end)
        assert again.records.equals(chunk.records)


def test_what_a_command_says_before_its_json_comes_in_a_request_too() -> None:
    remark = b'Filtering the log data using "a"\n'
    batch = cut_logs(remark + b'[{"a":1},\n{"b":2}]\n', most=10, text=True, claims_json=False)
    assert (batch.format, batch.records, batch.data) == ("json", 3, remark.rstrip() + b'{"a":1}{"b":2}')
    broken = cut_logs(remark + b'[{"a":1},\n{"b":2\n', most=10, text=True, claims_json=False)
    assert broken.records == 3


def test_a_report_longer_than_the_limit_is_kept_in_pieces(tmp_path: Path) -> None:
    data = TEXT + b"1 b\n" * 1000
    chunks = list(opened(tmp_path, data, Limits(record=1000, block=512)).chunks(KEY))
    assert not any(chunk.records.height for chunk in chunks)
    kept = [raw for chunk in chunks for raw in chunk.rejects["reject.raw"]]
    assert b"".join(kept) == data
    assert max(map(len, kept)) <= 1000
