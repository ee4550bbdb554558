"""A batch's user agents as they were sent → `user_agent.name`, `.version`, `.device.name` and `.os.*`.

The rules are uap-core's (https://github.com/ua-parser/uap-core), those of Elastic's user agent processor too, and so
are the words: what is not known is named "Other".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import polars as pl
from ua_parser import parse

from miharu.core.distinct import places, repeats

ORIGINAL: Final = "user_agent.original"
NAMES: Final = (
    "user_agent.name",
    "user_agent.version",
    "user_agent.device.name",
    "user_agent.os.name",
    "user_agent.os.version",
    "user_agent.os.full",
)
_UNKNOWN: Final = "Other"
_LONGEST: Final = 1024
"""No client names itself in more characters; what comes behind is somebody's payload."""
_REMEMBERED: Final = 16_384


def user_agents(batch: pl.DataFrame) -> list[pl.Series]:
    """Return the columns of NAMES with a value in the batch; what a log source says itself stays."""
    if ORIGINAL not in batch.columns:
        return []
    texts = batch.get_column(ORIGINAL).str.slice(0, _LONGEST)
    keys = texts.unique() if repeats(texts) else texts
    made = pl.DataFrame([_told(key) for key in keys], schema=dict.fromkeys(NAMES, pl.String), orient="row")
    if keys is not texts:
        made = made[places(texts, keys)]
    told = [_merged(series, batch) for series in made.get_columns()]
    return [series for series in told if series.null_count() < len(series)]


def _merged(series: pl.Series, batch: pl.DataFrame) -> pl.Series:
    if series.name not in batch.columns:
        return series
    return pl.select(pl.coalesce(batch.get_column(series.name), series)).to_series().alias(series.name)


def _told(text: str | None) -> tuple[str | None, ...]:
    return _parts(text) if text else (None,) * len(NAMES)


@lru_cache(maxsize=_REMEMBERED)
def _parts(text: str) -> tuple[str | None, ...]:
    found = parse(text)
    client, system, device = found.user_agent, found.os, found.device
    version = _joined((system.major, system.minor, system.patch, system.patch_minor)) if system else None
    return (
        client.family if client else _UNKNOWN,
        _joined((client.major, client.minor, client.patch, client.patch_minor)) if client else None,
        device.family if device else _UNKNOWN,
        system.family if system else None,
        version,
        f"{system.family} {version}" if system and version else None,
    )


def _joined(numbers: Iterable[str | None]) -> str | None:
    """Return a version's numbers joined up to the first that is missing."""
    found: list[str] = []
    for number in numbers:
        if not number:
            break
        found.append(number)
    return ".".join(found) or None
