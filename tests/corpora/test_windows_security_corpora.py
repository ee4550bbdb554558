"""Security events that attacks left: what each record states of addresses, accounts and codes is in the event."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from miharu.catalog import load_lookups
from miharu.core.columns import EVENT_ORIGINAL
from tests.corpora.test_windows_corpora import evtx_records, normalised

BATCH: Final = 4000
ENDS: Final = ("source.ip", "destination.ip")
ADDRESSES: Final = ("IpAddress", "SourceAddress", "DestAddress", "ClientAddress")
ACCOUNTS: Final = ("SubjectUserName", "TargetUserName", "AccountName", "OldTargetUserName")
NO_ADDRESS: Final = {"-", "", "LOCAL", None}
CODES: Final = ("AccessList", "AuditPolicyChanges", "ElevatedToken", "OperationType", "TokenElevationType")


@cache
def security_events(corpora: Path) -> pl.DataFrame:
    raws = [*otrf_lines(corpora), *attack_records(corpora)]
    parts = [normalised("lines", raws[at : at + BATCH])[0] for at in range(0, len(raws), BATCH)]
    events = pl.concat(parts, how="diagonal_relaxed")
    return events.filter(pl.col("winlog.channel") == "Security")


def otrf_lines(corpora: Path) -> Iterator[bytes]:
    for path in sorted((corpora / "otrf-security-datasets").rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json") and "__MACOSX" not in name:
                    lines = archive.read(name).splitlines()
                    yield from (line for line in lines if re.search(rb'"Channel":\s*"security"', line, re.IGNORECASE))


def attack_records(corpora: Path) -> Iterator[bytes]:
    for path in sorted((corpora / "windows-evtx").glob("EVTX-*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.name.endswith(".evtx") else None
                if stream is not None:
                    yield from (raw for raw in evtx_records(stream.read()) if b'"Channel": "Security"' in raw)


def rows(corpora: Path, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    events = security_events(corpora)
    wanted = [f"winlog.event_data.{name}" for name in names]
    kept = [name for name in (*wanted, *ENDS, "event.code", "related.user", "group.name") if name in events.columns]
    for row in events.select(kept).iter_rows(named=True):
        yield {name.removeprefix("winlog.event_data."): value for name, value in row.items()}


@pytest.mark.timeout(300)
@pytest.mark.mission("S76")
def test_every_event_of_windows_own_auditing_has_an_action(corpora: Path) -> None:
    events = security_events(corpora)
    assert events.height > 10_000
    assert set(events["event.dataset"]) == {"windows.security"}
    own = events.filter(pl.col("winlog.provider_name").str.starts_with("Microsoft-Windows-"))
    assert own.select("event.action", "event.category", "event.type").null_count().row(0) == (0, 0, 0)
    actions = load_lookups()["windows_security_action"]
    assert own.filter(pl.col("event.action") != pl.col("event.code").replace_strict(actions)).is_empty()


@pytest.mark.timeout(300)
def test_stated_addresses_are_ends_of_the_event(corpora: Path) -> None:
    stated = [row for row in rows(corpora, ADDRESSES) if {row.get(name) for name in ADDRESSES} - NO_ADDRESS]
    assert len(stated) > 1000
    lost = Counter(row["event.code"] for row in stated if not any(row[end] for end in ENDS))
    assert not lost


@pytest.mark.timeout(300)
def test_stated_accounts_are_users_or_groups_of_the_event(corpora: Path) -> None:
    stated, lost = 0, Counter[str]()
    for row in rows(corpora, ACCOUNTS):
        for name in ACCOUNTS:
            value = row.get(name)
            if value not in ("-", "", None):
                stated += 1
                named = {*(row["related.user"] or []), row["group.name"]}
                lost[f"{row['event.code']} {name}"] += not {value, value.split("@")[0]} & named
    assert stated > 10_000
    assert sum(lost.values()) / stated < 0.01, +lost


@pytest.mark.timeout(300)
def test_codes_are_told_in_words(corpora: Path) -> None:
    events = security_events(corpora)
    for name in CODES:
        column = f"winlog.event_data.{name}"
        if column in events.columns:
            coded = events.filter(pl.col(column).str.contains("%%", literal=True))
            silent = coded.filter(pl.col(f"{column}Description").is_null())
            assert silent.is_empty(), (name, silent[column].unique().to_list()[:5])


@pytest.mark.timeout(300)
def test_event_data_are_kept(corpora: Path) -> None:
    """A sample of flat records: every value that a sender gave is somewhere in the event."""
    events = security_events(corpora).filter(pl.col(EVENT_ORIGINAL).bin.starts_with(b"{"))
    checked = 0
    for row in events.gather_every(50).iter_rows(named=True):
        record = json.loads(row[EVENT_ORIGINAL])
        if "Event" in record:
            continue
        held = {str(value) for value in row.values() if value is not None} | {row["fields"] or ""}
        text = "\n".join(held)
        for name in ("SubjectUserName", "TargetUserName", "ObjectName", "NewProcessName", "ShareName", "AccessMask"):
            value = record.get(name)
            if value:
                checked += 1
                assert str(value) in text, (row["event.code"], name)
    assert checked > 100
