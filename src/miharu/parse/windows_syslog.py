"""Syslog records of RFC 5424 whose structured data are a Windows event's fields, as NXLog has them → canonical frames.

`to_syslog_ietf` writes every field of the event into the element `NXLOG@14506`, but host, time and text, which the
header and the message hold. https://docs.nxlog.co/refman/current/xm/syslog.html
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.parse.syslog import read_syslog
from miharu.parse.text import TEXT
from miharu.parse.windows_shapes import flatten_windows

MARK: Final = "[NXLOG@14506 "
_ELEMENT: Final = "sd.NXLOG@14506."
_HEADER: Final = {"timestamp": "TimeCreated", "hostname": "Hostname", "pid": "ExecutionProcessID", "message": "Message"}
_KEPT: Final = {
    "priority": "log.syslog.priority",
    "facility": "log.syslog.facility.code",
    "severity": "log.syslog.severity.code",
}
_NEEDED: Final = frozenset({"EventID", "Channel"})


def read_windows_syslog(records: pl.DataFrame, timezone: str) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return the frames of events, and the rows that are none. `records` has the column TEXT."""
    marked = records.get_column(TEXT).str.contains(MARK, literal=True)
    if not marked.any():
        return [], records
    part, others = records.filter(marked), records.filter(~marked)
    frames: list[pl.DataFrame] = []
    left = [others]
    found, rest = read_syslog(part.get_column(TEXT))
    for rows, fields in found:
        frame = _named(part[rows].drop(TEXT), fields)
        windows, _ = flatten_windows([frame], timezone) if _NEEDED.issubset(frame.columns) else ([], [])
        frames += windows
        left += [] if windows else [part[rows]]
    left.append(part[rest])
    return frames, pl.concat(left)


def _named(base: pl.DataFrame, fields: pl.DataFrame) -> pl.DataFrame:
    names = {name: name.removeprefix(_ELEMENT) for name in fields.columns if name.startswith(_ELEMENT)}
    names |= {
        name: own for name, own in (_HEADER | _KEPT).items() if name in fields.columns and own not in names.values()
    }
    return base.hstack(fields.select(pl.col(name).alias(own) for name, own in names.items()))
