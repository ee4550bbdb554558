"""Binary records of logins (utmp, lastlog, faillog) → one column per field, as JSON objects have.

Layouts: `miharu.core.login_layouts`. A record keeps its own bytes; its user's number, in lastlog and faillog, is its
place in the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.core.columns import RECORD_OFFSET, RECORD_RAW, UTC_MICROS
from miharu.core.login_layouts import BIG_ENDIAN_UTMP, LAYOUTS, MOST_UTMP_TYPE

Records: TypeAlias = np.ndarray[Any, np.dtype[Any]]

KIND: Final = "login.record"
"""Column of the format: nothing else names what such a record is."""

_TYPES: Final = (
    *("EMPTY", "RUN_LVL", "BOOT_TIME", "NEW_TIME", "OLD_TIME", "INIT_PROCESS", "LOGIN_PROCESS", "USER_PROCESS"),
    *("DEAD_PROCESS", "ACCOUNTING"),
)
"""By their numbers (utmp(5))."""

_SYSTEM: Final = tuple(_TYPES.index(name) for name in ("RUN_LVL", "BOOT_TIME", "NEW_TIME", "OLD_TIME"))
_NUMBERS: Final = ("type", "pid", "termination", "exit", "session", "seconds", "micros")
_MICROS: Final = 1_000_000
_FOUR: Final = 4
_PREVIOUS: Final = 256
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999."""


def open_login_records(records: pl.DataFrame, kind: str) -> list[pl.DataFrame]:
    """Return the records (RECORD_SCHEMA) with the columns of their fields, by layout; those of no layout have none."""
    lengths = records.get_column(RECORD_RAW).bin.size()
    frames: list[pl.DataFrame] = []
    for size in lengths.unique().sort().to_list():
        part = records.filter(lengths == size)
        layout = LAYOUTS[kind].get(size)
        named = part.with_columns(pl.lit(kind).alias(KIND))
        if layout is None:
            frames.append(named)
            continue
        raw = b"".join(part.get_column(RECORD_RAW).to_list())
        made = _READERS[kind](np.frombuffer(raw, dtype=layout), raw)
        if kind != "utmp":
            place = part.get_column(RECORD_OFFSET) // size
            made.append(place.cast(pl.String).alias("uid"))
        filled = [series for series in made if series.null_count() < part.height]
        frames.append(named.with_columns(filled))
    return frames


def _utmp(records: Records, raw: bytes) -> list[pl.Series]:
    foreign = (records["type"] < 0) | (records["type"] > MOST_UTMP_TYPE)
    native = {name: records[name].astype(np.int64) for name in _NUMBERS}
    if foreign.any():
        other = np.frombuffer(raw, dtype=BIG_ENDIAN_UTMP[records.dtype.itemsize])
        for name in _NUMBERS:
            native[name] = np.where(foreign, other[name].astype(np.int64), native[name])
    kind = native["type"]
    known = (kind >= 0) & (kind <= MOST_UTMP_TYPE)
    word = pl.Series(np.where(known, kind, 0)).replace_strict(dict(enumerate(_TYPES)), return_dtype=pl.String)
    level = np.where(kind == _TYPES.index("RUN_LVL"), native["pid"], 0)
    return [
        word.set(pl.Series(~known), None).alias("type"),
        pl.Series("number", kind.astype(str)),
        _instants(native["seconds"], native["micros"]),
        _numbers("pid", native["pid"], (native["pid"] > 0) & (level == 0)),
        _numbers("session", native["session"], native["session"] != 0),
        _numbers("termination", native["termination"], native["termination"] != 0),
        _numbers("exit", native["exit"], native["exit"] != 0),
        _letters("level", level % _PREVIOUS),
        _letters("previous", level // _PREVIOUS % _PREVIOUS),
        *_names(kind, _texts("user", records["user"]), _texts("host", records["host"])),
        *(_texts(name, records[name]) for name in ("line", "id")),
        _addresses(records["address"]),
    ]


def _names(kind: npt.NDArray[np.int64], user: pl.Series, host: pl.Series) -> list[pl.Series]:
    """Return user and host, and apart from them what is none: `label` (reboot, runlevel, LOGIN) and the `kernel`."""
    system = pl.Series(np.isin(kind, _SYSTEM))
    prompt = pl.Series(kind == _TYPES.index("LOGIN_PROCESS")) & (user == "LOGIN").fill_null(value=False)
    return [
        user.set(system | prompt, None),
        user.set(~(system | prompt), None).alias("label"),
        host.set(system, None),
        host.set(~system, None).alias("kernel"),
    ]


def _lastlog(records: Records, _raw: bytes) -> list[pl.Series]:
    seconds = records["seconds"].astype(np.int64)
    return [_instants(seconds, np.zeros_like(seconds)), *(_texts(name, records[name]) for name in ("line", "host"))]


def _faillog(records: Records, _raw: bytes) -> list[pl.Series]:
    seconds = records["seconds"].astype(np.int64)
    every = np.ones(len(records), dtype=np.bool_)
    return [
        _instants(seconds, np.zeros_like(seconds)),
        _texts("line", records["line"]),
        _numbers("count", records["count"].astype(np.int64), every),
        _numbers("maximum", records["maximum"].astype(np.int64), every),
        _numbers("lock", records["lock"].astype(np.int64), every),
    ]


_READERS: Final = {"utmp": _utmp, "lastlog": _lastlog, "faillog": _faillog}


def _instants(seconds: npt.NDArray[np.int64], micros: npt.NDArray[np.int64]) -> pl.Series:
    """Return instants; a time of 32 bits is read without its sign, so that it lasts until 2106."""
    whole = np.where((seconds < 0) & (seconds >= -(1 << 31)), seconds + (1 << 32), seconds)
    told = (whole > 0) & (whole <= _LATEST)
    part = np.where((micros >= 0) & (micros < _MICROS), micros, 0)
    times = pl.Series("time", np.where(told, whole, 0) * _MICROS + part).cast(UTC_MICROS)
    return times.set(pl.Series(~told), None)


def _numbers(name: str, values: npt.NDArray[np.int64], told: npt.NDArray[np.bool_]) -> pl.Series:
    return pl.Series(name, values).cast(pl.String).set(pl.Series(~told), None)


def _letters(name: str, codes: npt.NDArray[np.int64]) -> pl.Series:
    """Return characters by their codes: of a runlevel `5` or `S`."""
    distinct, at = np.unique(codes, return_inverse=True)
    letters = [chr(code) if chr(code).isalnum() and code < 128 else None for code in distinct.tolist()]  # noqa: PLR2004
    return pl.Series(name, letters, dtype=pl.String).gather(at.reshape(-1))


def _texts(name: str, values: npt.NDArray[np.bytes_]) -> pl.Series:
    """Return texts up to their first NUL, decoded once for each distinct one; an empty one is none."""
    distinct, at = np.unique(values, return_inverse=True)
    decoded = [_decoded(value) for value in distinct.tolist()]
    return pl.Series(name, decoded, dtype=pl.String).gather(at.reshape(-1))


def _decoded(value: bytes) -> str | None:
    text = value.partition(b"\0")[0]
    try:
        return text.decode("utf-8") or None
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _addresses(octets: npt.NDArray[np.uint8]) -> pl.Series:
    """Return addresses: of four words in network order, an IPv4 address fills the first only."""
    distinct, at = np.unique(octets, axis=0, return_inverse=True)
    texts = [_address(row) for row in distinct.tolist()]
    return pl.Series("address", texts, dtype=pl.String).gather(at.reshape(-1))


def _address(octets: Sequence[int]) -> str | None:
    if not any(octets):
        return None
    if not any(octets[_FOUR:]):
        return ".".join(map(str, octets[:_FOUR]))
    return ":".join(bytes(octets).hex()[place : place + _FOUR] for place in range(0, 32, _FOUR))
