"""Names of the columns that stages hand each other, and helpers over frames that carry them.

Three kinds of frame travel through the house, all Polars data frames:

* **records** (sources → parse): one row per record as received, columns `RECORD_*`.
* **fields** (parse → normalise): the same rows with what was read from them, wrapped in `Fields`.
* **batch** (normalise → store, detect): one row per event, columns are exact ECS names.
"""

from __future__ import annotations

from typing import Final

import polars as pl

# -- records ---------------------------------------------------------------------------------------
RECORD_ROW: Final = "record.row"
RECORD_ID: Final = "record.id"
RECORD_RAW: Final = "record.raw"
RECORD_OFFSET: Final = "record.offset"
RECORD_PATH: Final = "record.path"
RECORD_REFERENCE: Final = "record.reference"

RECORD_HEADER: Final = "record.header"
"""Only in frames of records of a text that has any: the lines before a record that name the columns (text)."""

RECORD_PAIRS: Final = "record.pairs"
"""Only in frames of lines of pairs: true. Of the columns before it those that are not the house's own are the line's
keys."""

UTC_MICROS: Final = pl.Datetime("us", "UTC")

RECORD_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    RECORD_ROW: pl.UInt32,
    RECORD_ID: pl.String,
    RECORD_RAW: pl.Binary,
    RECORD_OFFSET: pl.UInt64,
    RECORD_PATH: pl.String,
    RECORD_REFERENCE: UTC_MICROS,
}
"""`record.row` orders rows within a chunk; `record.offset` is the byte offset of the record in the
decompressed content (for EVTX the record's ordinal); `record.reference` is the instant a stamp without
a year is read against (the file's modification time, or the time of receipt)."""

# -- batch -----------------------------------------------------------------------------------------
TIMESTAMP: Final = "@timestamp"
EVENT_ID: Final = "event.id"
EVENT_DATASET: Final = "event.dataset"
EVENT_ORIGINAL: Final = "event.original"
EVENT_CREATED: Final = "event.created"
EVENT_INGESTED: Final = "event.ingested"
LOG_PATH: Final = "log.file.path"
LOG_OFFSET: Final = "log.offset"
LEFTOVERS: Final = "fields"
"""One JSON object per event (as text): everything that was read and has no column of its own, under
dotted names with the vendor's prefix. Null where nothing is left over."""

REQUIRED_COLUMNS: Final = (TIMESTAMP, EVENT_ID, EVENT_DATASET, EVENT_ORIGINAL, EVENT_CREATED, LOG_PATH, LOG_OFFSET)

GENERIC: Final = "generic"
"""First word of `event.dataset` where no log source is known."""

# -- rejects ---------------------------------------------------------------------------------------
REJECT_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "reject.id": pl.String,
    "reject.reason": pl.String,
    "reject.detail": pl.String,
    "reject.raw": pl.Binary,
    LOG_PATH: pl.String,
    LOG_OFFSET: pl.UInt64,
    RECORD_ROW: pl.UInt32,
}

REJECT_REASONS: Final[dict[str, str]] = {
    "binary": "the content is not text and no binary reader knows it",
    "evtx_record": "a record of a Windows event log file could not be decoded",
    "login_record": "the file ends within a binary record of a login (utmp, wtmp, btmp, lastlog, faillog)",
    "asl_record": "the list of messages in a file of Apple's system log (.asl) breaks off",
    "journal_entry": "the export of a systemd journal ends within an entry",
    "evtx_file": "the file claims to be a Windows event log but its structure is broken",
    "json_invalid": "the record starts like a JSON object but is not valid JSON",
    "xml_invalid": "the record starts like a Windows event in XML but is not well-formed",
    "archive_truncated": "the compressed stream ends early",
    "archive_damaged": "the compressed stream is damaged",
    "too_long": "the record is longer than the limit",
    "fault": "a fault of miharu's own stopped the reading of this record; report it, the bytes are kept",
    "unreadable": "the file or archive member could not be opened or read on",
}


def is_taken(name: str) -> bool:
    """Return whether no column can have a name that a record gives: `record.…` is ours, `*` Polars takes for all."""
    return name.startswith("record.") or name == "*" or (name.startswith("^") and name.endswith("$"))


def empty_rejects() -> pl.DataFrame:
    """Return a rejects frame without rows."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


def stack(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Stack frames of different columns; a column a frame lacks is null there."""
    if not frames:
        return pl.DataFrame()
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")
