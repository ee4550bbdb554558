"""A frame of Windows events with canonical names → the same with canonical values.

What is done where, and why, is told in `miharu.parse.windows_shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from miharu.core.columns import UTC_MICROS
from miharu.parse.windows_data import with_parameters
from miharu.parse.windows_labels import with_labelled_data
from miharu.parse.windows_names import Dialect

TIME: Final = "System.TimeCreated"
TIME_UNREAD: Final = "System.TimeCreatedText"
"""The event's time as received, where it could not be read."""

SENT: Final = "Sender.timestamp"
"""A sender's own `@timestamp`: of the event, or of the receipt."""

_CHANNELS: Final[Mapping[str, str]] = {
    name.lower(): name
    for name in (
        "Application",
        "Security",
        "Setup",
        "System",
        "ForwardedEvents",
        "Windows PowerShell",
        "Microsoft-Windows-PowerShell/Operational",
        "Microsoft-Windows-Sysmon/Operational",
        "Microsoft-Windows-TaskScheduler/Operational",
        "Microsoft-Windows-WMI-Activity/Operational",
        "Microsoft-Windows-Windows Defender/Operational",
    )
}
_SEVERITIES: Final[Mapping[str, str]] = {
    "critical": "1",
    "error": "2",
    "warning": "3",
    "info": "4",
    "information": "4",
    "verbose": "5",
    "debug": "5",
    "audit_success": "0",
    "audit_failure": "0",
    "successaudit": "0",
    "failureaudit": "0",
    "success audit": "0",
    "failure audit": "0",
}
"""Words for levels (`EventType` of NXLog and Fluent, `Severity`, Winlogbeat's `log.level`) and Windows' numbers."""

_NXLOG_TYPES: Final = tuple(name.upper() for name in _SEVERITIES)
_AUDIT_KEYWORDS: Final[Mapping[str, str]] = {
    "audit success": "0x8020000000000000",
    "audit failure": "0x8010000000000000",
}
_AUDITS: Final[Mapping[str, str]] = {
    "audit_success": "0x8020000000000000",
    "audit_failure": "0x8010000000000000",
    "successaudit": "0x8020000000000000",
    "failureaudit": "0x8010000000000000",
}
_GUID: Final = r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_XML_ENTITIES: Final[Mapping[str, str]] = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&apos;": "'",
    "&amp;": "&",
}


def canonical_columns(frame: pl.DataFrame, dialect: Dialect, timezone: str) -> pl.DataFrame:
    """Return the frame with canonical values (`timezone`: IANA name for stamps without one)."""
    frame = with_parameters(frame)
    if dialect in ("flat", "nxlog", "fluentd"):
        frame = _without_nxlog_types(frame)
    frame = frame.with_columns(_texts(frame, dialect))
    frame = _with_user_data(frame)
    columns = [*_system(frame, dialect), *_guids(frame, dialect)]
    frame = _with_time(frame.with_columns(columns) if columns else frame, timezone)
    return with_labelled_data(frame) if "Message" in frame.columns else frame


def _without_nxlog_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Tell NXLog's own `EventType` (a severity) from the event's, and make it the level where none is given."""
    own, data = frame.schema.get("EventData.EventType"), pl.col("EventData.EventType")
    columns: list[pl.Expr] = []
    words = [pl.col(name).cast(pl.String) for name in ("EventTypeOrignal", "Severity") if name in frame.columns]
    if own == pl.String:
        is_severity = data.str.to_uppercase().is_in(_NXLOG_TYPES)
        columns.append(pl.when(~is_severity).then(data).alias("EventData.EventType"))
        words.insert(0, pl.when(is_severity).then(data))
    if words and "System.Level" not in frame.columns:
        columns.append(_level(pl.coalesce(words)).alias("System.Level"))
    if own == pl.String and "System.Keywords" not in frame.columns:
        columns.append(data.str.to_lowercase().replace_strict(_AUDITS, default=None).alias("System.Keywords"))
    return frame.with_columns(columns) if columns else frame


def _level(words: pl.Expr) -> pl.Expr:
    return words.str.to_lowercase().replace_strict(_SEVERITIES, default=None, return_dtype=pl.String)


def _texts(frame: pl.DataFrame, dialect: Dialect) -> list[pl.Expr]:
    """Turn what the canonical columns hold into text; undo Wazuh's double escaping of event data."""
    columns: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        if not name.startswith(("System.", "EventData.", "UserData.", "Rendering.", "User.", "Message")):
            continue
        column = pl.col(name)
        if isinstance(dtype, pl.List):
            columns.append(column.list.join(", ", ignore_nulls=True))
        elif name == "System.Keywords":
            columns.append(_hexadecimal(frame[name]))
        elif dtype != pl.String:
            columns.append(column.cast(pl.String))
        elif dialect == "wazuh":
            columns.append(_unescaped(column, name))
    return columns


def _hexadecimal(numbers: pl.Series) -> pl.Expr:
    """Write the keywords' 64 bits, which NXLog gives as a signed integer, as Windows does."""
    distinct = numbers.unique().drop_nulls().to_list()
    texts = [_keywords(value) for value in distinct]
    return pl.col(numbers.name).replace_strict(distinct, texts, default=None, return_dtype=pl.String)


def _keywords(value: str | float) -> str:
    try:
        return f"0x{int(value) & 0xFFFFFFFFFFFFFFFF:x}"
    except ValueError:  # already hexadecimal, or words
        return str(value)


def _unescaped(column: pl.Expr, name: str) -> pl.Expr:
    if name == "Message":
        return column.str.strip_prefix('"').str.strip_suffix('"')
    plain = column.str.replace_all("\\\\", "\\", literal=True)
    for entity, character in _XML_ENTITIES.items():
        plain = plain.str.replace_all(entity, character, literal=True)
    return plain


def _with_user_data(frame: pl.DataFrame) -> pl.DataFrame:
    columns: list[pl.Expr] = []
    for name in frame.columns:
        if name.startswith("UserData.") and "." not in name.removeprefix("UserData."):
            twin = f"EventData.{name.removeprefix('UserData.')}"
            own = pl.col(name)
            columns.append((pl.coalesce(twin, own) if twin in frame.columns else own).alias(twin))
    return frame.with_columns(columns) if columns else frame


def _system(frame: pl.DataFrame, dialect: Dialect) -> list[pl.Expr]:
    have = set(frame.columns)
    columns: list[pl.Expr] = []
    if "System.Channel" in have:
        channel = pl.col("System.Channel")
        known = channel.str.to_lowercase().replace_strict(_CHANNELS, default=None, return_dtype=pl.String)
        columns.append(pl.coalesce(known, channel).alias("System.Channel"))
    if dialect == "winlogbeat":
        if "Rendering.Keywords" in have and "System.Keywords" not in have:
            words = pl.col("Rendering.Keywords").str.to_lowercase()
            columns.append(
                words.replace_strict(_AUDIT_KEYWORDS, default=None, return_dtype=pl.String).alias("System.Keywords")
            )
        if "Rendering.Level" in have and "System.Level" not in have:
            # The auditing of the Security channel logs at level 0, which Windows words like level 4.
            level = _level(pl.col("Rendering.Level"))
            if "Rendering.Keywords" in have:
                is_audit = pl.col("Rendering.Keywords").str.to_lowercase().is_in(list(_AUDIT_KEYWORDS))
                level = pl.when(is_audit).then(pl.lit("0")).otherwise(level)
            columns.append(level.alias("System.Level"))
    return columns


def _guids(frame: pl.DataFrame, dialect: Dialect) -> list[pl.Expr]:
    names = ["System.ProviderGuid", "System.ActivityID", "System.RelatedActivityID"]
    columns = [
        pl.concat_str(pl.lit("{"), pl.col(name).str.strip_chars("{}").str.to_lowercase(), pl.lit("}")).alias(name)
        for name in names
        if name in frame.columns
    ]
    if dialect == "event":
        bare = [name for name in frame.columns if name.startswith("EventData.") and name.lower().endswith("guid")]
        columns += [
            pl.when(pl.col(name).str.contains(_GUID))
            .then(pl.concat_str(pl.lit("{"), pl.col(name).str.to_lowercase(), pl.lit("}")))
            .otherwise(pl.col(name))
            .alias(name)
            for name in bare
        ]
    return columns


def _with_time(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Read the event's time, keeping the text of what cannot be read."""
    times = pl.Series(TIME, [None], dtype=UTC_MICROS).new_from_index(0, frame.height)
    if TIME in frame.columns:
        times = _instants(frame[TIME], timezone)
    if "EventTime" in frame.columns and times.null_count():
        times = times.fill_null(_nxlog_times(frame, timezone))
    if SENT in frame.columns and times.null_count():
        times = times.fill_null(_instants(frame[SENT].cast(pl.String), timezone))
    columns = [times.alias(TIME)]
    if TIME in frame.columns:
        unread = times.is_null() & frame[TIME].is_not_null()
        if unread.any():
            columns.append(frame[TIME].set(~unread, None).alias(TIME_UNREAD))
        if SENT in frame.columns and frame[TIME].equals(frame[SENT], check_names=False):
            frame = frame.drop(SENT)
    return frame.with_columns(columns)


def _instants(text: pl.Series, timezone: str) -> pl.Series:
    """Read ISO 8601 stamps, cut to microseconds; one without a zone is in `timezone`."""
    zoned = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    if zoned.null_count() == text.null_count():
        return zoned
    dashed = text.str.replace_all("/", "-", literal=True)
    spaced = dashed.str.replace(" ", "T", literal=True).str.replace(" ", "", literal=True)
    offset = spaced.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    return zoned.fill_null(offset).fill_null(_local(dashed, timezone)).fill_null(_counted(text))


def _counted(text: pl.Series) -> pl.Series:
    """Read `/Date(1749888902000)/`, as Windows PowerShell writes times into JSON."""
    millis = text.str.extract(r"^/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/$").cast(pl.Int64, strict=False)
    return (millis * 1000).cast(UTC_MICROS)


def _local(text: pl.Series, timezone: str) -> pl.Series:
    plain = text.str.replace(" ", "T", literal=True)
    times = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    if times.null_count() == len(times):
        return times.cast(UTC_MICROS)
    zoned = times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _nxlog_times(frame: pl.DataFrame, timezone: str) -> pl.Series:
    text = frame["EventTime"].cast(pl.String)
    known = _instants(text, timezone)
    if not {"EventReceivedTime", SENT} <= set(frame.columns):
        return known
    local = _local(text, "UTC")
    received = _local(frame["EventReceivedTime"].cast(pl.String), "UTC")
    arrived = _instants(frame[SENT].cast(pl.String), "UTC")
    shift = (arrived - received).dt.total_seconds()
    quarters = (shift + 450) // 900 * 900
    moved = local + (quarters * 1_000_000).cast(pl.Duration("us"))
    return moved.fill_null(known)
