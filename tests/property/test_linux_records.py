"""Linux's records: any bytes are read without an error and without a loss, and a hostile line costs what it is long."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miharu.catalog import load_fields, load_logsources
from miharu.core.chunk import BINARY_FORMATS, Format
from miharu.core.columns import RECORD_SCHEMA
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand
from tests.unit.sources.login_writer import Login, faillog, lastlog, logins

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
KEY = "0123456789abcdef" * 2
HOST = "Jun 14 08:15:02 web1 "
AUDIT = "type=%s msg=audit(1.1:1): "
LENGTH = 1_000_000

WHOLE = [
    b"".join(login.packed() for login in logins(1, 9)),
    b"".join(login.packed(400, ">") for login in logins(2, 9)),
    lastlog({0: (1_700_000_000, "tty1", ""), 3: (1_700_000_001, "pts/1", "192.0.2.1")}, 9),
    faillog({0: (3, 5, "tty1", 1_700_000_000)}, 9),
    b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1749888900000000\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n\n__CURSOR=s=2\nMESSAGE=x\n\n",
]

HOSTILE = {
    "pairs": AUDIT % "SYSCALL" + "a=b " * (LENGTH // 4),
    "keys": AUDIT % "SYSCALL" + "".join(f"k{at}=v " for at in range(LENGTH // 9)),
    "arguments": AUDIT % "EXECVE" + "".join(f'a{at}="x" ' for at in range(LENGTH // 12)),
    "digits": AUDIT % "PROCTITLE" + "proctitle=" + "FF" * (LENGTH // 2),
    "address": AUDIT % "SOCKADDR" + "saddr=0100" + "41" * (LENGTH // 2),
    "quotes": (AUDIT % "USER_CMD" + "msg='") * (LENGTH // 40),
    "permissions": AUDIT % "AVC" + "avc:  denied  { " + "x " * (LENGTH // 2),
    "packet": HOST + "kernel: " + "DROP " * (LENGTH // 10) + "IN=a OUT=b " + "SRC=1 " * (LENGTH // 12),
    "flags": HOST + "kernel: x IN=a OUT=b SRC=1 RES=0x0 " + "ACK " * (LENGTH // 4),
    "kill": HOST + "kernel: " + "Kill process " * (LENGTH // 13),
    "fault": HOST + "kernel: " + "a[1]: segfault " * (LENGTH // 15),
    "ring": "[    1.000000] " + "a b " * (LENGTH // 4),
    "cron": HOST + "CRON[1]: (root) CMD (" + "(" * LENGTH,
    "boot": "[  OK  ] Started " + "\x1b[0m " * (LENGTH // 5),
    "init": "Starting " + "[ " * (LENGTH // 2),
    "xorg": "[    1.000] (II) " + "Loading " * (LENGTH // 8),
    "systemd": HOST + "systemd[1]: Starting " + "x " * (LENGTH // 2),
    "network": HOST + "NetworkManager[1]: <info>  " + "dhcp4 (x) " * (LENGTH // 10),
    "docker": HOST + 'dockerd[1]: time="x level=y msg=' + '"' * LENGTH,
}


@cache
def stages() -> tuple[Parser, Normaliser]:
    kept = ("linux.", "system.", "generic.", "auditd.", "iptables.")
    sources = [one for one in load_logsources() if one.id.startswith(kept)]
    return Parser(sources), Normaliser(sources, load_fields())


def frame(raws: list[bytes]) -> pl.DataFrame:
    count = len(raws)
    columns = [list(range(count)), ["0" * 32] * count, raws, list(range(count)), ["x"] * count, [CREATED] * count]
    return pl.DataFrame(dict(zip(RECORD_SCHEMA, columns, strict=True)), schema=RECORD_SCHEMA)


def read(chunk_format: Format, raws: list[bytes]) -> pl.DataFrame:
    parser, normaliser = stages()
    parsed = parser.read(chunk_format, frame(raws))
    assert parsed.rejects.is_empty()
    return normaliser.run(parsed.fields, CREATED)


@given(
    st.sampled_from(sorted({*BINARY_FORMATS, "journal"} & set(get_args(Format)))),
    st.lists(st.binary(max_size=420) | st.builds(Login.packed, st.sampled_from(logins(3, 20))), min_size=1, max_size=5),
)
@settings(deadline=None, max_examples=60)
def test_records_of_any_bytes_become_events(chunk_format: Format, raws: list[bytes]):
    batch = read(chunk_format, raws)
    assert batch["event.original"].to_list() == raws


@given(st.sampled_from(WHOLE), st.integers(0, 100), st.integers(0, 100), st.binary(max_size=9))
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_cut_without_a_loss(tmp_path: Path, whole: bytes, begin: int, end: int, middle: bytes):
    data = whole[: len(whole) * begin // 100] + middle + whole[len(whole) * end // 100 :]
    (tmp_path / "file").write_bytes(data)
    (file,) = expand([tmp_path / "file"])
    parser, normaliser = stages()
    kept = b""
    for chunk in file.chunks(KEY):
        parsed = parser.read(chunk.format, chunk.records)
        batch = normaliser.run(parsed.fields, CREATED)
        assert batch.height + parsed.rejects.height == chunk.records.height
        kept += b"".join(chunk.records["record.raw"]) + b"".join(chunk.rejects["reject.raw"])
    # What is left out holds nothing: slots of zeros, ends of lines and of entries.
    assert sorted(kept.replace(b"\0", b"").replace(b"\n", b"").replace(b"\r", b"").strip()) == sorted(
        data.replace(b"\0", b"").replace(b"\n", b"").replace(b"\r", b"").strip()
    )


@given(
    st.text(max_size=80), st.sampled_from(["SYSCALL", "EXECVE", "SOCKADDR", "PROCTITLE", "LOGIN", "AVC", "USER_CMD"])
)
@settings(deadline=None, max_examples=60)
def test_audit_records_of_any_text_become_events(text: str, kind: str):
    raws = [
        (AUDIT % kind + begin + text).replace("\n", " ").encode("utf-8", "replace")
        for begin in ("", "a0=", "saddr=", "proctitle=", "msg='acct=", "arch=c000003e syscall=59 comm=")
    ]
    assert read("lines", raws).height == len(raws)


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_line_costs_what_it_is_long(line: str):
    begun = time.process_time()
    batch = read("lines", [line.encode()])
    assert batch.height == 1
    assert time.process_time() - begun < 10  # a second at most on an idle machine; minutes where time is not linear
