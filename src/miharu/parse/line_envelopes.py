r"""Lines that nobody knows → the envelopes some of them are: text before the record that matters.

* CRI: `2025-06-14T08:15:02.31+02:00 stdout F record`, of containerd and CRI-O
  (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md)
* Docker Compose: `service-1  | record`
* rsyslog's file format without a tag: `2025-06-14T08:15:02.31+02:00 host record`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from miharu.parse.envelope_table import HEADED, Envelope

_STAMP: Final = r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
_INNER: Final = "log"

SURE: Final[tuple[tuple[str, Envelope], ...]] = (
    (
        rf"^(?P<head>{_STAMP} (?P<stream>stdout|stderr) (?P<logtag>[FP](?::[^ ]*)?) )",
        Envelope("cri", (_INNER,), (("stream",),), trust=HEADED, time=("time",), prefix="cri."),
    ),
)
"""Envelopes that are opened before anybody is asked whose the line is."""

LIKELY: Final[tuple[tuple[str, Envelope], ...]] = (
    (
        rf"^(?P<head>{_STAMP} +(?P<host>[0-9A-Za-z][0-9A-Za-z.:_\-]*) +)",
        Envelope("rsyslog", (_INNER,), (("host",),), trust=HEADED, time=("time",), host=("host",), syslog=True),
    ),
    (
        r"^(?P<head>(?P<service>[0-9A-Za-z][0-9A-Za-z._\-]{0,127}) +\| )",
        Envelope("compose", (_INNER,), (("service",),), trust=HEADED, prefix="compose."),
    ),
)
"""Envelopes of lines that nobody knows."""


def line_envelopes(
    frame: pl.DataFrame, envelopes: Sequence[tuple[str, Envelope]]
) -> list[tuple[pl.Series, pl.DataFrame, Envelope]]:
    """Return for each kind of envelope the rows that are one, and their frame with the columns it tells.

    The first pattern that matches counts. Its groups become columns; what follows `head` is the inner record.
    """
    message = frame.get_column("message")
    left = pl.Series([True]).new_from_index(0, frame.height)
    found: list[tuple[pl.Series, pl.DataFrame, Envelope]] = []
    for pattern, envelope in envelopes:
        rows = left & message.str.contains(pattern).fill_null(value=False)
        if not rows.any():
            continue
        left &= ~rows
        text = message.filter(rows)
        groups = text.str.extract_groups(pattern).struct.unnest()
        inner = text.str.slice(groups.get_column("head").str.len_chars())
        own = frame.filter(rows).select(name for name in frame.columns if name.startswith("record."))
        found.append((rows, own.hstack(groups.drop("head")).with_columns(inner.alias(_INNER)), envelope))
    return found
