"""A time as people write it → an instant, or the span it names. Everything is UTC unless an offset is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from miharu.core.errors import QueryError

UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_RELATIVE: Final = re.compile(r"(?P<now>now)?\s*(?:(?P<sign>[+-])?\s*(?P<count>\d{1,9})\s*(?P<unit>ms|s|m|h|d|w))?")
_STAMP: Final = re.compile(
    r"""
    (?P<date>\d{4}-\d{2}-\d{2})
    (?: [T\ ] (?P<clock>\d{2}:\d{2}) (?P<seconds>:\d{2})? (?P<fraction>[.,]\d{1,9})? )?
    (?P<zone>Z|[+-]\d{2}:?\d{2})?
    """,
    re.VERBOSE,
)
_EXPECTED: Final = "write now-24h, 7d, 2026-11-01 or 2026-11-01T10:00:00Z"


def parse_time(text: str, now: datetime) -> datetime:
    """Return the instant `text` names.

    `now`, `now-24h`, `now+15m`, `7d` (that long before now; units ms s m h d w) or an ISO 8601 date or time.
    Raises QueryError.
    """
    return parse_span(text, now)[0]


def parse_span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the begin and the end (exclusive) of the time `text` names: a day, a minute, a second or an instant."""
    words = text.strip()
    relative = _RELATIVE.fullmatch(words)
    try:
        if words and relative is not None:
            return _instant(_relative(relative, now))
        stamp = _STAMP.fullmatch(words)
        if stamp is not None:
            return _absolute(stamp)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"The time {text!r} does not exist.", None, _EXPECTED) from error
    raise QueryError(f"The time {text!r} cannot be read.", None, _EXPECTED)


def _relative(match: re.Match[str], now: datetime) -> datetime:
    if match["count"] is None:
        return now
    if match["now"] and not match["sign"]:
        raise ValueError(match.string)
    span = UNITS[match["unit"]] * int(match["count"])
    return now + span if match["sign"] == "+" else now - span


def _absolute(match: re.Match[str]) -> tuple[datetime, datetime]:
    seconds, fraction = match["seconds"] or ":00", (match["fraction"] or ".0")[1:7]
    zone = (match["zone"] or "Z").replace("Z", "+00:00")
    text = f"{match['date']}T{match['clock'] or '00:00'}{seconds}.{fraction:<06}{zone}"
    begin = datetime.fromisoformat(text).astimezone(UTC)
    if match["fraction"]:
        return _instant(begin)
    unit = "s" if match["seconds"] else "m" if match["clock"] else "d"
    return _until(begin, UNITS[unit])


def _instant(at: datetime) -> tuple[datetime, datetime]:
    return _until(at, timedelta(microseconds=1))


def _until(begin: datetime, span: timedelta) -> tuple[datetime, datetime]:
    last = datetime.max.replace(tzinfo=UTC)
    return begin, begin + span if begin <= last - span else last
