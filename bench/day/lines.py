"""Texts with blanks, and columns that fill them → the lines of each log, in the order of time.

A maker never formats a line by itself: it hands over when, on which host and with which values something happened many
times. Each log is then put in order, numbered and written, one host at a time, so that memory holds one log's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.day.company import HOST, HOSTS

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]
SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
LAST: Final = 24 * HOUR - 1
"""Instants are milliseconds since midnight."""
FIRST_NUMBER: Final = 88_001
COMPUTED: Final = frozenset({"number", "clock", "ms", "iso", "bsd", "apache", "asa", "computer", "short", "host_ip"})
_BLANK: Final = re.compile(r'"%\((\w+)\)d"|%\((\w+)\)s')


class Template:
    """A line with blanks: `%(name)s`, or `"%(name)d"` for a number that JSON writes without quotation marks."""

    def __init__(self, text: str) -> None:
        self.blanks: Final = tuple(number or word for number, word in _BLANK.findall(text))
        self._text: Final = _BLANK.sub("\0", text).replace("%", "%%").replace("\0", "%s")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Template:
        return cls(json.dumps(record, separators=(",", ":"), ensure_ascii=False))

    def fill(self, columns: Mapping[str, Iterable[Any]]) -> list[str]:
        text = self._text
        return [text % row for row in zip(*(columns[blank] for blank in self.blanks), strict=False)]


@dataclass(frozen=True)
class Block:
    """Many records of one kind."""

    template: Template
    host: Ints
    at: Ints
    values: Mapping[str, Any]
    order: Ints  # rows by host


class Archive:
    """Everything that is to be written."""

    def __init__(self, day: date) -> None:
        self.records = 0
        self._blocks: dict[str, list[Block]] = {}
        self._dates: Final = {
            "iso": day.isoformat(),
            "bsd": f"{day:%b} {day.day:2}",
            "apache": f"{day:%d/%b/%Y}",
            "asa": f"{day:%b %d %Y}",
        }

    def add(self, log: str, template: Template, host: str | Ints, at: Any, **values: Any) -> None:
        """Put records into the log of that name on a host, or one host per record; midnight ends everything."""
        times = np.minimum(np.atleast_1d(np.asarray(at, dtype=np.int64)), LAST)
        hosts = np.full(len(times), HOST[host]) if isinstance(host, str) else host
        missing = set(template.blanks) - COMPUTED - set(values)
        if missing:
            raise KeyError(sorted(missing))
        if len(times):
            order = np.argsort(hosts, kind="stable")
            used = {blank: values[blank] for blank in template.blanks if blank in values}
            self._blocks.setdefault(log, []).append(Block(template, hosts, times, used, order))
            self.records += len(times)

    def write(self, folder: Path, tell: Callable[[int], None]) -> int:
        """Write every log, tell how many records are written, and return how many files there are."""
        files = written = 0
        for log, blocks in self._blocks.items():
            for host in np.unique(np.concatenate([block.host for block in blocks])).tolist():
                lines = self._lines(blocks, host)
                path = folder / HOSTS[host].name.lower() / log
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("w", encoding="utf-8", newline="\n") as file:
                    file.write("\n".join(lines) + "\n")
                files, written = files + 1, written + len(lines)
                tell(written)
        return files

    def _lines(self, blocks: Sequence[Block], host: int) -> list[str]:
        parts = [(block, _rows(block, host)) for block in blocks]
        parts = [(block, rows) for block, rows in parts if len(rows)]
        times = np.concatenate([block.at[rows] for block, rows in parts])
        order = np.argsort(times, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        texts: list[str] = []
        for block, rows in parts:
            numbers = place[len(texts) : len(texts) + len(rows)] + FIRST_NUMBER
            texts += block.template.fill(self._columns(block, rows, numbers, host))
        return [texts[index] for index in order.tolist()]

    def _columns(self, block: Block, rows: Ints, numbers: Ints, host: int) -> dict[str, Iterable[Any]]:
        at, here = block.at[rows], HOSTS[host]
        constant = {**self._dates, "computer": here.computer, "short": here.name, "host_ip": here.ip}
        columns: dict[str, Iterable[Any]] = {name: repeat(text) for name, text in constant.items()}
        columns["number"] = numbers.tolist()
        columns["clock"] = clocks()[at // SECOND].tolist()
        columns["ms"] = _thousandths()[at % SECOND].tolist()
        for name, value in block.values.items():
            columns[name] = value[rows].tolist() if isinstance(value, np.ndarray) else repeat(value)
        return columns


def _rows(block: Block, host: int) -> Ints:
    begin, end = np.searchsorted(block.host, (host, host + 1), sorter=block.order)
    return block.order[begin:end]


@cache
def clocks() -> Texts:
    """Return `HH:MM:SS` for every second of a day."""
    return column(f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400))


@cache
def spans() -> Texts:
    """Return `H:MM:SS` for every number of seconds up to a day."""
    return column(f"{s // 3600}:{s // 60 % 60:02}:{s % 60:02}" for s in range(86_400))


@cache
def _thousandths() -> Texts:
    return column(f"{ms:03}" for ms in range(1000))


def column(texts: Iterable[str]) -> Texts:
    """Return texts as a column; unlike `np.array` it never looks into them."""
    values = list(texts)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def quoted(text: str) -> str:
    """Return a text as it stands between quotation marks in JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
