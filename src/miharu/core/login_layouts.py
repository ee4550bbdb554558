"""Nothing → how glibc and shadow lay out the binary records of logins: utmp, wtmp and btmp; lastlog; faillog.

Machines differ in how long a time is (utmp(5), lastlog(8), faillog(5); `bits/utmp.h` and `bits/types/time_t.h`):
x86-64 and most 64-bit machines that ran 32-bit programs before keep 32 bits, AArch64 and the younger ones have 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np


def _utmp(order: str, session: str, second: str, size: int) -> np.dtype[Any]:
    fields: list[tuple[Any, ...]] = [
        ("type", f"{order}i2"),
        ("pad", f"{order}u2"),
        ("pid", f"{order}i4"),
        ("line", "S32"),
        ("id", "S4"),
        ("user", "S32"),
        ("host", "S256"),
        ("termination", f"{order}i2"),
        ("exit", f"{order}i2"),
        ("session", f"{order}{session}"),
        ("seconds", f"{order}{second}"),
        ("micros", f"{order}{second}"),
        ("address", "u1", (16,)),
        ("unused", "V20"),
    ]
    filled = np.dtype(fields).itemsize
    return np.dtype([*fields, ("end", f"V{size - filled}")]) if filled < size else np.dtype(fields)


def _lastlog(second: str) -> np.dtype[Any]:
    return np.dtype([("seconds", second), ("line", "S32"), ("host", "S256")])


def _faillog(second: str) -> np.dtype[Any]:
    return np.dtype([
        ("count", "<i2"), ("maximum", "<i2"), ("line", "S12"), ("seconds", second), ("lock", second),
    ])  # fmt: skip


LAYOUTS: Final[Mapping[str, Mapping[int, np.dtype[Any]]]] = {
    "utmp": {384: _utmp("<", "i4", "i4", 384), 400: _utmp("<", "i8", "i8", 400)},
    "lastlog": {292: _lastlog("<i4"), 296: _lastlog("<i8")},
    "faillog": {32: _faillog("<i8"), 24: _faillog("<i4")},
}
"""For each format, the layouts by the size of a record: a record of a known format tells its layout by its length."""

BIG_ENDIAN_UTMP: Final[Mapping[int, np.dtype[Any]]] = {
    384: _utmp(">", "i4", "i4", 384),
    400: _utmp(">", "i8", "i8", 400),
}
"""The same on s390x, POWER and the like: the type of a record, at most 9, shows which it is."""

MOST_UTMP_TYPE: Final = 9
