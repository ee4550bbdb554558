"""Frames of JSON records → the Windows events among them, in canonical columns, and the rest.

Whatever dialect a sender speaks (`miharu.parse.windows_names`), an event comes out the same:

* `System.*` as text, `System.TimeCreated` as a UTC instant; `Message`; `EventData.*` as text.
* Unnamed `<Data>` are `EventData.param1`… and, one a line, `EventData.Data`.
* `UserData.*` is given as `EventData.*` too, where the event has no such event data.
* GUIDs as Windows writes them, `{lower-case}`; keywords as `0x` and 16 hexadecimal digits.
* Channels that Windows itself has are spelled as Windows does, whatever a collector made of them.

**Event time** is `TimeCreated`. NXLog's `EventTime` has no zone and whole seconds: the zone is worked out
from the two stamps of the receipt, `EventReceivedTime` (same zone) and `@timestamp` (UTC), to the quarter
hour; without them the caller's zone is used. `@timestamp` alone is taken where there is nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import polars as pl

from miharu.parse.json_columns import agree, as_text
from miharu.parse.windows_columns import canonical_columns
from miharu.parse.windows_names import Dialect, canonical_names, dialect_of

_Place = tuple[Dialect, str]

CHANNEL: Final = "System.Channel"


def flatten_windows(frames: list[pl.DataFrame], timezone: str = "UTC") -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Return `(windows, others)`: one frame per channel and dialect, and the frames of other records.

    `frames` are those of `read_json`; `timezone` is an IANA name for stamps that name no zone.
    """
    others: list[pl.DataFrame] = []
    groups: dict[_Place, list[pl.DataFrame]] = defaultdict(list)
    for frame in frames:
        dialect = dialect_of(frame.columns)
        if dialect is None:
            others.append(frame)
            continue
        for channel, part in _by_channel(_renamed(frame, dialect)):
            groups[dialect, channel].append(part)
    return [canonical_columns(_stacked(parts), dialect, timezone) for (dialect, _), parts in groups.items()], others


def _renamed(frame: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    frame = _with_one_text(frame) if dialect == "event" else frame
    names = canonical_names(frame.columns, dialect)
    kept = [name for name in frame.columns if name in names or name.startswith("record.")]
    if len(kept) < frame.width:
        frame = frame.select(kept)
    frame = frame.clone()
    frame.columns = [names.get(name, name) for name in kept]
    return frame


def _with_one_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Give elements one column that have attributes in some records (`EventID.#text`), in others none (`EventID`)."""
    have = set(frame.columns)
    pairs = {stem: name for name in have if (stem := name.removesuffix(".#text")) != name and stem in have}
    texts = [as_text(frame[stem]).fill_null(as_text(frame[name])) for stem, name in pairs.items()]
    return frame.with_columns(texts).drop(pairs.values()) if pairs else frame


def _by_channel(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Split a frame by channel; nearly always it holds only one."""
    if frame.schema.get(CHANNEL) != pl.String:
        return [("", frame)]
    channel = frame.get_column(CHANNEL)
    if frame.height == 1 or channel.n_unique() == 1:
        return [((channel[0] or "").lower(), frame)]
    parts = frame.partition_by(CHANNEL, maintain_order=True)
    return [((part[CHANNEL][0] or "").lower(), part) for part in parts]


def _stacked(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return parts[0] if len(parts) == 1 else pl.concat(agree(parts), how="diagonal", rechunk=True)
