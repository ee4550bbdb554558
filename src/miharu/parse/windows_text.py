"""Records that are Windows events in words (`windows_forms`) → the frames that the events themselves give.

Such texts leave out much: the channel is looked up where the provider writes to one only, levels and audit results are
numbers again, dates are read as `windows_dates` says. What a text tells in labelled lines or in sentences becomes event
data (`windows_labels`, `windows_sentences`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from miharu.core.columns import RECORD_HEADER, RECORD_REFERENCE, UTC_MICROS
from miharu.parse.text import TEXT
from miharu.parse.windows_columns import TIME, TIME_UNREAD
from miharu.parse.windows_dates import DateOrder, read_dates
from miharu.parse.windows_forms import other_forms, tables, viewer_form
from miharu.parse.windows_labels import with_labelled_data
from miharu.parse.windows_sentences import event_of_title, with_sentence_data
from miharu.parse.windows_syslog import read_windows_syslog

_AUDITS: Final[Mapping[str, str]] = {"success": "0x8020000000000000", "failure": "0x8010000000000000"}
_NO_TASK: Final = ("None", "なし", "Keine", "Aucun", "Aucune", "Ninguno", "(0)", "-")
_NOBODY: Final = ("(no user)", "no domain", "N/A", "Unknown User", "NOT_TRANSLATED")
_SPLUNK: Final[Mapping[str, str]] = {
    "LogName": "System.Channel",
    "SourceName": "System.Provider",
    "EventCode": "System.EventID",
    "ComputerName": "System.Computer",
    "RecordNumber": "System.EventRecordID",
    "TaskCategory": "Rendering.Task",
    "OpCode": "Rendering.Opcode",
    "User": "User.Name",
    "Sid": "System.UserID",
    "Type": "level",
    "Keywords": "keywords",
}
_FULL_STAMPS: Final = ("%a %b %e %H:%M:%S %Y", "%Y %b %e %H:%M:%S", "%Y-%m-%d %H:%M:%S")
_SEVERITIES: Final = 8
_MAX_PRIORITY: Final = 191


def read_windows_text(
    records: pl.DataFrame, timezone: str, order: DateOrder = "auto"
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return the frames of events, and the rows that are none after all.

    `records` has the column TEXT, which the frames have no more; `timezone` is the IANA name of the writers' zone.
    """
    frames, records = read_windows_syslog(records, timezone)
    for pattern in (*_viewer_forms(records), *other_forms().values()):
        if records.is_empty():
            break
        fields = _fields(records.get_column(TEXT).str.extract_groups(pattern).struct.unnest())
        hits = fields.get_column("System.EventID").is_not_null()
        if hits.any():
            frames.append(_events(records.filter(hits), fields.filter(hits), timezone, order))
            records = records.filter(~hits)
    return frames, records


def _viewer_forms(records: pl.DataFrame) -> list[str]:
    """Return the forms of the exports that the headers before these records announce, and the usual one."""
    headers = records.get_column(RECORD_HEADER).unique().drop_nulls() if RECORD_HEADER in records.columns else ()
    return list(dict.fromkeys([*(viewer_form(header) for header in headers), viewer_form()]))


def _fields(groups: pl.DataFrame) -> pl.DataFrame:
    """Give the groups their columns' names, and an event id in any case."""
    fields = groups.rename({name: name.replace("__", ".") for name in groups.columns})
    if "head" in fields.columns:
        lines = [
            pl.col("head").str.extract(rf"(?m)^{key}=([^\r\n]*)").str.strip_chars().alias(name)
            for key, name in _SPLUNK.items()
        ]
        fields = fields.with_columns(lines).drop("head")
    if "keywords" in fields.columns:
        audits = [word for word, meant in tables()["windows_text_level"].items() if meant in _AUDITS]
        audited = pl.col("keywords").str.to_lowercase().is_in(audits).fill_null(value=False)
        fields = fields.with_columns(level=pl.when(audited).then("keywords").otherwise("level")).drop("keywords")
    if "System.EventID" not in fields.columns:
        fields = fields.with_columns(event_of_title(pl.col("Message")).alias("System.EventID"))
    return fields


def _events(records: pl.DataFrame, fields: pl.DataFrame, timezone: str, order: DateOrder) -> pl.DataFrame:
    fields = fields.with_columns(_unquoted(name) for name in fields.columns)
    fields = _named(_with_level(_with_accounts(fields)))
    times = _times(fields, records, timezone, order)
    columns = [times.alias(TIME)]
    if "date" in fields.columns and (unread := times.is_null() & fields.get_column("date").is_not_null()).any():
        columns.append(fields.get_column("date").set(~unread, None).alias(TIME_UNREAD))
    frame = records.drop(TEXT).hstack(_with_header(fields).drop("date", "stamp", strict=False)).with_columns(columns)
    if "Message" in frame.columns:
        frame = with_sentence_data(with_labelled_data(frame))
    return frame.select(
        series
        for series in frame.get_columns()
        if series.null_count() < frame.height or series.name.startswith("record.")
    )


def _unquoted(name: str) -> pl.Expr:
    """Undo CSV's quotes and what syslog daemons make of control characters; an empty text says nothing."""
    text = pl.col(name).str.strip_chars()
    quoted = text.str.starts_with('"') & text.str.ends_with('"') & (text.str.len_chars() > 1)
    inner = text.str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True).str.strip_chars()
    plain = pl.when(quoted).then(inner).otherwise(text)
    plain = plain.str.replace_all("#012", "\n", literal=True).str.replace_all("#011", "\t", literal=True)
    return pl.when(plain != "").then(plain).alias(name)


def _with_accounts(fields: pl.DataFrame) -> pl.DataFrame:
    r"""Part `DOMAIN\user`, name the computer, and leave out words for nobody."""
    if "account" in fields.columns:
        account = pl.col("account")
        fields = fields.with_columns(
            account.str.extract(r"^([^\\]+)\\").alias("User.Domain"),
            pl.coalesce(account.str.extract(r"\\(.+)$"), account).alias("User.Name"),
        ).drop("account")
    if "computer" in fields.columns:
        relay = "System.Computer"
        own = pl.coalesce("computer", relay) if relay in fields.columns else pl.col("computer")
        fields = fields.with_columns(own.alias(relay)).drop("computer")
    nobody = [name for name in ("User.Name", "User.Domain", "User.Type") if name in fields.columns]
    return fields.with_columns(pl.when(~pl.col(name).is_in(_NOBODY)).then(pl.col(name)).alias(name) for name in nobody)


def _with_level(fields: pl.DataFrame) -> pl.DataFrame:
    """Turn the word for the level or the audit's result into the numbers that the event has."""
    if "level" not in fields.columns:
        return fields
    words = tables()["windows_text_level"]
    meant = pl.col("level").str.to_lowercase().replace_strict(dict(words), default=None, return_dtype=pl.String)
    audit = meant.replace_strict(_AUDITS, default=None, return_dtype=pl.String)
    number = pl.when(audit.is_null()).then(meant).otherwise(pl.lit("0"))
    return fields.with_columns(audit.alias("System.Keywords"), number.alias("System.Level")).drop("level")


def _named(fields: pl.DataFrame) -> pl.DataFrame:
    """Give providers their own names, and events the channel where the text leaves it out."""
    names, channel_of = tables()["windows_provider_name"], tables()["windows_provider_channel"]
    provider = pl.col("System.Provider")
    fields = fields.with_columns(provider.replace(list(names), list(names.values())))
    if "Rendering.Task" in fields.columns:
        task = pl.col("Rendering.Task")
        fields = fields.with_columns(pl.when(~task.is_in(_NO_TASK)).then(task).alias("Rendering.Task"))
    channels = provider.replace_strict(dict(channel_of), default=None, return_dtype=pl.String)
    logs = pl.when(pl.col("System.EventID") == "104").then(pl.lit("System")).otherwise(pl.lit("Security"))
    implied = pl.when(provider == "Microsoft-Windows-Eventlog").then(logs).otherwise(channels)
    given = pl.coalesce("System.Channel", implied) if "System.Channel" in fields.columns else implied
    return fields.with_columns(given.alias("System.Channel"))


def _times(fields: pl.DataFrame, records: pl.DataFrame, timezone: str, order: DateOrder) -> pl.Series:
    times = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, fields.height)
    if "date" in fields.columns:
        text = fields.get_column("date")
        times = read_dates(text, records, timezone, order)
        for pattern in _FULL_STAMPS:
            if times.null_count() > text.null_count():
                times = times.fill_null(_local(text.str.replace_all("  ", " ", literal=True), pattern, timezone))
    if "stamp" in fields.columns and times.null_count():
        stamp = fields.get_column("stamp")
        offset = stamp.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
        utc = stamp.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
        yearless = _yearless(stamp, records.get_column(RECORD_REFERENCE), timezone)
        times = times.fill_null(utc).fill_null(offset).fill_null(yearless)
    return times


def _yearless(stamp: pl.Series, reference: pl.Series, timezone: str) -> pl.Series:
    """Read a stamp without a year: the latest that is not more than a day after the reference."""
    columns = pl.DataFrame({"stamp": stamp, "reference": reference})
    made = []
    for back in (0, 1):
        year = (pl.col("reference").dt.year() - back).cast(pl.String)
        text = columns.select(pl.concat_str(year, pl.lit(" "), pl.col("stamp").str.replace("  ", " ", literal=True)))
        made.append(_local(text.to_series(), "%Y %b %e %H:%M:%S", timezone))
    this, last = made
    late = this > reference.dt.offset_by("1d")
    return pl.select(pl.when(late.fill_null(value=True)).then(last).otherwise(this)).to_series()


def _local(text: pl.Series, pattern: str, timezone: str) -> pl.Series:
    local = text.str.to_datetime(pattern, time_unit="us", strict=False)
    zoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC").cast(UTC_MICROS)


def _with_header(fields: pl.DataFrame) -> pl.DataFrame:
    """Keep what a syslog header's priority says, in ECS names."""
    if "priority" not in fields.columns:
        return fields
    priority = pl.col("priority").cast(pl.Int64, strict=False)
    known = pl.when(priority <= _MAX_PRIORITY)
    return fields.with_columns(
        priority.alias("log.syslog.priority"),
        known.then(priority // _SEVERITIES).alias("log.syslog.facility.code"),
        known.then(priority % _SEVERITIES).alias("log.syslog.severity.code"),
    ).drop("priority")
