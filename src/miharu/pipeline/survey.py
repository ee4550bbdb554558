"""Paths → files to read, each with the place to begin, by what the ledger knows of their content.

A file's content is known by its digest, whatever its name or compression. Content that begins with the
whole of a known content is that file, grown. Within one import shorter contents come first, so that a file
and its older copy side by side are read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from miharu.catalog import Join
from miharu.core.columns import RECORD_OFFSET, RECORD_RAW
from miharu.pipeline.gathering import Work
from miharu.pipeline.report import FileReport, Progress
from miharu.sources import Limits, Scan, SourceFile, expand
from miharu.store import KnownContent, State, Transaction

_LEAST_CONTENT = 16
_NO_KEY = "0" * 32


@dataclass(frozen=True, slots=True)
class Seen:
    """One file that was found, and the fingerprint of its content."""

    file: SourceFile
    scan: Scan


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One file of an import; `work` is None where nothing of it is left to read."""

    seen: Seen
    report: FileReport
    file_key: str
    work: Work | None


def look(paths: Sequence[Path], progress: Progress, limits: Limits, joins: Sequence[Join] = ()) -> list[Seen]:
    """Find every file under `paths` and take its fingerprint, shortest content first."""
    found: list[Seen] = []
    for file in expand(paths, limits, joins):
        scan = file.scan()
        progress.surveyed(file.path, scan.size)
        found.append(Seen(file, scan))
    return sorted(found, key=lambda seen: seen.scan.size)


def plan(found: Sequence[Seen], state: State) -> list[Surveyed]:
    """Enter new contents in the ledger and say what of each file is left to read."""
    with state.transaction() as transaction:
        planner = _Planner(transaction)
        return [planner.plan(seen) for seen in found]


def files_by_key(found: Sequence[Seen], state: State) -> dict[str, SourceFile]:
    """Return, for each file key that the found contents belong to, the longest file; writes nothing."""
    with state.transaction() as transaction:
        return {_key(seen, _known(seen, transaction, {})): seen.file for seen in found}


class _Planner:
    """Remembers how far each file will have been read once the works planned before are done."""

    def __init__(self, ledger: Transaction) -> None:
        self._ledger = ledger
        self._planned: dict[str, int] = {}
        self._whole: set[str] = set()

    def plan(self, seen: Seen) -> Surveyed:
        file, scan = seen.file, seen.scan
        known = _known(seen, self._ledger, self._planned)
        file_key = _key(seen, known)
        self._ledger.register(file_key, file.path, scan)
        if scan.digest in self._whole or (known is not None and known.complete and known.digest == scan.digest):
            return Surveyed(seen, FileReport(file.path, "known", scan.size), file_key, None)
        committed = 0 if known is None else known.committed
        begin = max(self._planned.get(file_key, 0), committed)
        if file.format != "evtx":
            self._planned[file_key] = scan.size
        self._whole.add(scan.digest)
        report = FileReport(file.path, "continued" if begin else "new", scan.size)
        return Surveyed(seen, report, file_key, Work(file, file_key, scan.size, begin))


def _key(seen: Seen, known: KnownContent | None) -> str:
    return seen.scan.digest if known is None else known.file_key


def _known(seen: Seen, ledger: Transaction, planned: Mapping[str, int]) -> KnownContent | None:
    candidates = ledger.lookup(seen.scan.heads)
    return _same(seen.scan, candidates) or _grown_from(seen, candidates, planned)


def _same(scan: Scan, candidates: Sequence[KnownContent]) -> KnownContent | None:
    return next((known for known in candidates if (known.digest, known.size) == (scan.digest, scan.size)), None)


def _grown_from(seen: Seen, candidates: Sequence[KnownContent], planned: Mapping[str, int]) -> KnownContent | None:
    """Return the longest known content that this one begins with and that nothing else has continued yet."""
    open_ended = [
        known
        for known in candidates
        if known.size < seen.scan.size and max(known.claimed, planned.get(known.file_key, 0)) <= known.size
    ]
    if not open_ended:
        return None
    prefixes = seen.file.scan(tuple(sorted({known.size for known in open_ended}))).prefixes
    longest_first = sorted(open_ended, key=lambda known: -known.size)
    grown = next((known for known in longest_first if prefixes.get(known.size) == known.digest), None)
    return grown if grown is not None and _tells_files_apart(seen.file, grown.size) else None


def _tells_files_apart(file: SourceFile, size: int) -> bool:
    """Say whether so much of a file is more than how many files begin: at least one whole record of some length."""
    if size < _LEAST_CONTENT:
        return False
    first = next(file.chunks(_NO_KEY, rows=1), None)
    if first is None or first.records.is_empty():
        return False
    if first.format == "evtx":
        return True
    return bool(first.records[RECORD_OFFSET][0] + len(first.records[RECORD_RAW][0]) <= size)
