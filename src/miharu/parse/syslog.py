"""Text of records → the syslog header's fields, for the rows that carry one.

RFC 5424 in full. RFC 3164 as it is found: with and without `<PRI>`, year before or after the time, ISO
stamps, fractions, zones, no host name, Cisco's sequence numbers, double headers and bare `%FAC-SEV-MNEMONIC:`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from miharu.parse.relayed import MAX_RELAYS, is_relayed, split_relayed
from miharu.parse.structured_data import read_5424, structured_data

_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_BSD: Final = rf"(?:[0-9]{{4}}\ )?{_MONTH}\ [\ 0-9]?[0-9](?:\ [0-9]{{4}})?\ {_CLOCK}(?:\ [0-9]{{4}})?"
_ISO: Final = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T\ ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
_HOST: Final = r"[0-9A-Za-z_][0-9A-Za-z_.\-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[0-9A-Fa-f]"

# RFC 3164 section 4.1 (PRI, HEADER, MSG), with what senders make of it. The patterns end where the message
# begins, which is cut off by the length of the head: a regex engine is slow over what it only copies.
# Repeats without a bound: counted ones of so wide classes make the engine half as fast.
_STAMPED: Final = rf"""(?xs)^(?P<head>
(?:<(?P<priority>[0-9]{{1,3}})>)?
(?:[0-9]+:\ |:\ ?)?[*.]?                             # Cisco: sequence number, clock not synchronised
(?P<timestamp>{_BSD}|{_ISO})
(?:\ (?P<timezone>[A-Z]{{3,5}}):|(?P<colon>:))?(?:\ +|$)
(?:\[(?P<bracketed>[A-Za-z][0-9A-Za-z_./\-]*)\]:?\ |   # metalog
(?:(?P<hostname>{_HOST})\ +(?::\ )?)?
(?::?(?:{_BSD})(?:\ [A-Z]{{3,5}})?:\ +)?             # the sender's own stamp behind a relay's
(?:(?P<program>syslogd\ [0-9][0-9.]*|[^\s:\[=",{{}}]+)(?:\[(?P<pid>[^\]\s]*)\]
 (?:\ \((?P<asl_job>[a-zA-Z][^()\s]*)\))?(?:\ <(?P<asl_level>[A-Z][a-z]+)>)?)?:(?:\ |$))?)  # Apple's
)"""

# What most senders write. It leaves no choice of where a group ends (a host begins like no year), so that it is found
# in half the time of what stands above; of what it matches that says the same.
_USUAL: Final = rf"""(?x)^(?P<head>
(?:<(?P<priority>[0-9]{{1,3}})>)?
(?P<timestamp>{_MONTH}\ [\ 0-9][0-9]\ [0-9]{{2}}(?:[0-9]{{2}}\ [0-9]{{2}})?   # with a year or without
:[0-9]{{2}}:[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)\ +
(?P<hostname>(?:[A-Za-z_]|[0-9]{{1,3}}\.)[0-9A-Za-z_.\-]*)\ +(?::\ )?
(?P<program>[^\s:\[=",{{}}]+)(?:\[(?P<pid>[^\]\s]*)\])?:\ )"""

_UNSTAMPED: Final = r"""(?xs)^(?P<head>
(?:<(?P<priority>[0-9]{1,3})>)
(?:[0-9]+:\ )?
(?:(?P<program>[^\s:\[=",{}]+)(?:\[(?P<pid>[^\]\s]*)\])?:(?:\ |$))?
)"""

# What the journal shows without its time: no stamp, but a host, a program and its number.
_TIMELESS: Final = r"""(?x)^(?P<head>(?P<hostname>[0-9A-Za-z][0-9A-Za-z_.\-]*)
\ (?P<program>[^\s:\[\](){}=",]{1,64})\[(?P<pid>[0-9]{1,10})\]:(?:\ |$))"""

# In a captured session it may stand behind the prompt.
_PROMPT: Final = r"(?:[0-9A-Za-z][^\s%]*[#>] ?)?"
_BARE_CISCO: Final = (
    rf"^(?P<head>{_PROMPT}(?P<program>%[A-Z][0-9A-Z_]*(?:-[0-9A-Za-z_]+)*-[0-7]-[0-9A-Z_]+)(?::(?: |$)| ))"
)

_REPEATED: Final = r"(?s)^message repeated ([0-9]+) times?: \[ ?(.*?)\]?\s*$"

_LEVEL_WORDS: Final = frozenset(
    {
        *("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR"),
        *("CRITICAL", "CRIT", "FATAL", "ALERT", "EMERG", "PANIC", "SEVERE"),
        *("DDEBUG", "SUBDEBUG", "SUPERDEBUG", "SUPERCRITICAL"),  # dnf
    }
)
_SEVERITIES: Final = 8
_MAX_PRIORITY: Final = 191


def read_syslog(text: pl.Series) -> tuple[list[tuple[pl.Series, pl.DataFrame]], pl.Series]:
    """Return `([(row numbers, fields)], row numbers without a header)` for a series of texts.

    A message that begins with a header of its own came by a relay: the inner header's fields are the record's.
    """
    found, rest = _read(text)
    for _ in range(MAX_RELAYS):
        if not any(is_relayed(fields).any() for _, fields in found):
            break
        found = [part for rows, fields in found for part in split_relayed(rows, fields, _read)]
    return found, rest


def _read(text: pl.Series) -> tuple[list[tuple[pl.Series, pl.DataFrame]], pl.Series]:
    rows = pl.Series(range(len(text)), dtype=pl.UInt32)
    found: list[tuple[pl.Series, pl.DataFrame]] = []
    for mark, read, judge in _SHAPES:
        candidates = text.str.contains(mark)
        if not candidates.any():
            continue
        part = text if candidates.all() else text.filter(candidates)
        fields = read(part)
        hits = judge(fields)
        if not hits.any():
            continue
        hit_rows = rows.filter(candidates).filter(hits)
        found.append((hit_rows, _finished(fields.filter(hits))))
        keep = pl.Series([True]).new_from_index(0, len(text)).scatter(candidates.arg_true().filter(hits), False)
        text, rows = text.filter(keep), rows.filter(keep)
        if text.is_empty():
            break
    return found, rows


def _headed(pattern: str) -> Callable[[pl.Series], pl.DataFrame]:
    """Return a reader of the groups of a pattern; what stands behind its `head` is the message."""

    def read(text: pl.Series) -> pl.DataFrame:
        fields = text.str.extract_groups(pattern).struct.unnest()
        message = text.str.slice(fields.get_column("head").str.len_chars())
        return fields.drop("head").with_columns(message.str.strip_prefix("\ufeff").alias("message"))

    return read


def _is_5424(fields: pl.DataFrame) -> pl.Series:
    return fields.get_column("version").is_not_null()


def _is_stamped(fields: pl.DataFrame) -> pl.Series:
    """Accept a BSD stamp always; an ISO stamp without PRI only before a host and a program.

    Applications begin their own lines with an ISO stamp too; a colon behind it is theirs.
    """
    return fields.select(
        pl.col("timestamp").is_not_null()
        & (
            pl.col("priority").is_not_null()
            | ~pl.col("timestamp").str.contains("^[0-9]{4}-")
            | (
                pl.col("timestamp").str.contains("T|[+-][0-9]{4}$")  # RFC 3339; macOS's `log --style syslog`
                & pl.col("colon").is_null()
                & pl.col("program").is_not_null()
                & pl.col("hostname").is_not_null()
                & ~pl.col("hostname").str.to_uppercase().is_in(_LEVEL_WORDS)
            )
        )
    ).to_series()


def _has_priority(fields: pl.DataFrame) -> pl.Series:
    return fields.get_column("priority").is_not_null()


def _has_program(fields: pl.DataFrame) -> pl.Series:
    return fields.get_column("program").is_not_null()


_SHAPES: Final = (
    ("^<[0-9]{1,3}>[1-9][0-9]{0,2} ", read_5424, _is_5424),
    (
        rf"(?x)^(?:<[0-9]{{1,3}}>)?(?:[0-9]+:\ |:\ ?)?[*.]?(?:{_MONTH}\ |[0-9]{{4}}[\ -][A-Z0-9])",
        _headed(_STAMPED),
        _is_stamped,
    ),
    ("^<[0-9]{1,3}>", _headed(_UNSTAMPED), _has_priority),
    (f"^{_PROMPT}%[A-Z]", _headed(_BARE_CISCO), _has_program),
    (r"^[0-9A-Za-z][0-9A-Za-z_.\-]* [^\s:\[]{1,64}\[[0-9]{1,10}\]:", _headed(_TIMELESS), _has_program),
)

_FORMATS: Final = ("CEF", "LEEF")
# The colon behind the number is missing in some releases of the firewalls.
_MNEMONIC: Final = (
    r"^(%[A-Z][0-9A-Z_]*(?:-[0-9A-Za-z_]+)*-[0-7]-[0-9A-Z_]+):(?: |$)"
    r"|^(%(?:ASA|PIX|FTD|FWSM)-[0-7]-[0-9]{6}) "
)
_SPACED_PID: Final = r"^\[([0-9]{1,10})\]:(?: |$)"


def _with_spaced_pid(fields: pl.DataFrame) -> pl.DataFrame:
    """Read `program [pid]:`, which looks like a host before a message."""
    pid = pl.when(pl.col("program").is_null()).then(pl.col("message").str.extract(_SPACED_PID))
    spaced = fields.select(pid.alias("spaced")).to_series()
    if spaced.null_count() == len(spaced):
        return fields
    here = pl.lit(spaced.is_not_null())
    return fields.with_columns(
        program=pl.when(here).then(pl.col("hostname")).otherwise(pl.col("program")),
        pid=pl.coalesce("pid", pl.lit(spaced)),
        hostname=pl.when(~here).then(pl.col("hostname")),
        message=pl.when(here).then(pl.col("message").str.replace(_SPACED_PID, "")).otherwise(pl.col("message")),
    )


def _with_mnemonic(fields: pl.DataFrame) -> pl.DataFrame:
    """Make a mnemonic of Cisco's at the beginning of a message the program: what passed for one names the sender."""
    message = fields.get_column("message")
    if not message.str.starts_with("%").any():
        return fields
    none = pl.Series([None], dtype=pl.String).new_from_index(0, len(message))
    program, hostname = (
        fields.get_column(name) if name in fields.columns else none.alias(name) for name in ("program", "hostname")
    )
    bare = message.str.extract(_MNEMONIC, 2).zip_with(program.is_null(), none)
    found = message.str.extract(_MNEMONIC, 1).fill_null(bare)
    if found.null_count() == len(found):
        return fields
    numbered = program.str.contains("^[0-9]+$").fill_null(value=True)  # a sequence number
    sender = hostname.zip_with(hostname.is_not_null() | numbered | found.is_null(), program)
    return fields.with_columns(
        message.str.replace(_MNEMONIC, "").zip_with(found.is_not_null(), message).alias("message"),
        found.zip_with(found.is_not_null(), program).alias("program"),
        sender.alias("hostname"),
    )


def _with_bare_formats(fields: pl.DataFrame) -> pl.DataFrame:
    """Give `CEF:` and `LEEF:` back to the message: they look like a program's name where a blank follows them."""
    named = fields.get_column("program").is_in(_FORMATS).fill_null(value=False)
    if not named.any():
        return fields
    whole = pl.when(pl.lit(named)).then(pl.concat_str("program", pl.lit(":"), "message"))
    return fields.with_columns(
        message=whole.otherwise(pl.col("message")), program=pl.when(~pl.lit(named)).then(pl.col("program"))
    )


def _unrepeated(fields: pl.DataFrame) -> pl.DataFrame:
    """Give lines that rsyslog folded (`message repeated 3 times: [ text]`) their text, and `repeated` the number."""
    message = fields.get_column("message")
    rows = message.str.starts_with("message repeated ").fill_null(value=False).arg_true()
    if rows.is_empty():
        return fields
    count, text = message.gather(rows).str.extract_groups(_REPEATED).struct.unnest().get_columns()
    none = pl.Series("repeated", [None], dtype=pl.String).new_from_index(0, len(message))
    return fields.with_columns(
        message.scatter(rows, text.fill_null(message.gather(rows))), none.scatter(rows, count).alias("repeated")
    )


def _finished(fields: pl.DataFrame) -> pl.DataFrame:
    """Split the priority, drop nil values and columns without a value, spread structured data."""
    if "bracketed" in fields.columns:
        program = pl.coalesce("program", "bracketed").alias("program")
        fields = fields.with_columns(program).drop("bracketed", "colon")
    fields = _with_mnemonic(fields)
    if "program" in fields.columns:
        fields = _with_bare_formats(fields)
    if {"hostname", "program"} <= set(fields.columns) and "sd" not in fields.columns:
        fields = _with_spaced_pid(fields)
    if "sd" in fields.columns:
        fields = _with_structured_data(fields)
    if "priority" in fields.columns:
        priority = pl.col("priority").cast(pl.Int64)
        known = pl.when(priority <= _MAX_PRIORITY)
        fields = fields.with_columns(
            priority=priority,
            facility=known.then(priority // _SEVERITIES),
            severity=known.then(priority % _SEVERITIES),
        )
    fields = _unrepeated(fields)
    height = fields.height
    return fields.select(series for series in fields.get_columns() if series.null_count() < height)


def _with_structured_data(fields: pl.DataFrame) -> pl.DataFrame:
    nil = pl.col("timestamp", "hostname", "program", "procid", "msgid", "sd")
    fields = fields.with_columns(
        pl.when(nil != "-").then(nil), pl.col("message").str.strip_prefix("\ufeff")
    ).with_columns(pid=pl.when(pl.col("procid").str.contains("^[0-9]+$")).then(pl.col("procid")))
    fields = fields.with_columns(procid=pl.when(pl.col("pid").is_null()).then(pl.col("procid")))
    sd = fields.get_column("sd")
    if sd.null_count() == len(sd):
        return fields.drop("sd")
    return fields.drop("sd").hstack(structured_data(sd))
