"""Content that is one record altogether, a diagnostic report → whether it is one; and its cutter.

Apple's systems write a file for each crash, hang or panic: lines `Key: value` and text (`.crash`, `.panic`, `.spin`),
or a line of JSON that says what follows (`.ips`) and behind it that text or one JSON object.
https://developer.apple.com/documentation/xcode/examining-the-fields-in-a-crash-report
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import orjson

from miharu.sources.content import Fault
from miharu.sources.cut import BLANK, Cut, Kept, piece_ends, pieces
from miharu.sources.textcoding import TextWindow

REPORT_HEAD: Final = 1 << 16
"""Bytes that suffice to tell a report."""

_LONGEST_HEADER: Final = 8192
_HEADER: Final = re.compile(rb'\{[^\n]*"bug_type" ?: ?"[^\n]*\}[ \t]*\r?\n')
_FIRST: Final = re.compile(
    rb"(?:(?:Incident Identifier|CrashReporter Key|Process|Date/Time|Command): +\S|Anonymous UUID: |"
    rb"(?:Analysis of s|S)ampling (?:process )?\S|panic\(cpu \d|\*\*\* Panic Report|"
    rb"(?:[A-Z][a-z]{2} ){2}[ \d]\d [\d:]{8} \d{4}\r?\n\s*(?:\*\*\* Panic Report|panic\(cpu \d))"
)
_FURTHER: Final = re.compile(
    rb"\n(?:OS Version|Exception Type|Report Version|Hardware Model|Code Type|Reset count|Mac OS version|"
    rb"Kernel version|System model name|Debugger called|BSD process name corresponding to current thread) ?: *\S"
)


def is_report(head: bytes) -> bool:
    """Return whether content begins as a diagnostic report does (RFC 8259 for its first line, if that is JSON)."""
    text = head.lstrip(BLANK)
    header = _HEADER.match(text, 0, _LONGEST_HEADER)
    if header is not None:
        return _is_header(text[: header.end()]) and _goes_on(text[header.end() :])
    return _FIRST.match(text) is not None and _FURTHER.search(text, 0, _LONGEST_HEADER) is not None


def _is_header(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _goes_on(body: bytes) -> bool:
    """Return whether a body follows: text, or one JSON object; several lines of JSON are records each."""
    lines = body.lstrip(BLANK).split(b"\n", 1)
    if not lines[0]:
        return False
    if not lines[0].startswith(b"{") or not lines[0].rstrip(BLANK).endswith(b"}"):
        return True
    alike = b'"bug_type"' in lines[0] and b'"incident"' not in lines[0]
    return not alike and not (len(lines) > 1 and lines[1].strip(BLANK))


class WholeCutter:
    """Takes all that there is as one record; beyond `limit` bytes it is kept in pieces."""

    def __init__(self, limit: int, piece: int) -> None:
        self._limit, self._piece = limit, piece
        self._too_long = False

    def cut(self, window: TextWindow, added: bytes) -> Cut:
        """Wait for the end; keep pieces of what is too long already."""
        del added
        data = window.data
        self._too_long = self._too_long or len(data) > self._limit
        if self._too_long:
            return self._pieces(data, final=window.final)
        if not window.final:
            return Cut()
        stop = len(data.rstrip(BLANK))
        start = len(data) - len(data.lstrip(BLANK))
        if start >= stop:
            return Cut(used=len(data))
        starts, stops, afters = np.array([[start], [stop], [len(data)]], dtype=np.int64)
        return Cut(starts, stops, afters, used=len(data))

    def ending(self, window: TextWindow) -> Fault | None:
        """Return None: a report ends where its file does."""
        del window
        return None

    def _pieces(self, data: bytes, *, final: bool) -> Cut:
        ends = [*piece_ends(data, 0, len(data), self._piece), *([len(data)] if final and data else [])]
        if not ends:
            return Cut()
        detail = f"the report is longer than {self._limit} bytes; raise max_record_bytes to read it as one record"
        kept: list[Kept] = pieces(data, 0, ends[-1], ends[-1], self._piece, ("too_long", detail))
        return Cut(used=ends[-1], kept=kept)
