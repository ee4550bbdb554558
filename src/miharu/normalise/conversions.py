"""Expressions of text as received → expressions of what is stored, one function per named conversion.

A value that a conversion cannot read becomes null, and the text stays among the leftovers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import polars as pl

from miharu.normalise.addresses import canonical_ip

Conversion: TypeAlias = Callable[[pl.Expr], pl.Expr]

_MILLIS: Final = 1e11
_MICROS: Final = 1e14
_NANOS: Final = 1_000_000_000
# RFC 3986 appendix B, with user information and port apart.
_AUTHORITY: Final = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^@/?#]*@)?(\[[^\]/?#]*\]|[^:/?#]*)(?::([0-9]+))?"
_CLOCK: Final = r"^(?:([0-9]+)d )?([0-9]+)h?:([0-9]{2})m?:([0-9]{2})s?$"
# Most are so, and an expression without a choice is searched several times sooner.
_PLAIN_CLOCK: Final = r"^()([0-9]+):([0-9]{2}):([0-9]{2})$"
# The digits of well-formed UTF-8 (Unicode, table 3-7): a cast of other bytes fails for the whole column.
_TAIL: Final = "[89AB][0-9A-F]"
_HEX: Final = (
    f"(?i)^(?:[0-7][0-9A-F]|(?:C[2-9A-F]|D[0-9A-F]){_TAIL}|E0[AB][0-9A-F]{_TAIL}|E[1-9A-CEF](?:{_TAIL}){{2}}"
    f"|ED[89][0-9A-F]{_TAIL}|F0[9AB][0-9A-F](?:{_TAIL}){{2}}|F[1-3](?:{_TAIL}){{3}}|F48[0-9A-F](?:{_TAIL}){{2}})+$"
)
_ARGUMENT: Final = r'(?:^| )a[0-9]+(?:\[[0-9]+\])?=(?:"[^"]*"|\S+)'
_NO_ZONE: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?$"
_TRUE: Final = ("true", "1", "yes", "on", "t", "y")
_FALSE: Final = ("false", "0", "no", "off", "f", "n")
_UNSTATED: Final = (
    *("", "-", "n/a", "(null)", "null", "none", "unknown", "undefined", "unavailable"),
    "reserved",  # FortiGate's country of a private address
    "0.0.0.0",  # noqa: S104 - no address is translated
)
_DIRECTIONS: Final = {"in": "inbound", "out": "outbound", "incoming": "inbound", "outgoing": "outbound"}


def text(value: pl.Expr) -> pl.Expr:
    """Return the value as it is."""
    return value


def integer(value: pl.Expr) -> pl.Expr:
    """Return a whole number, decimal or `0x` hexadecimal."""
    return value.map_batches(_integers, return_dtype=pl.Int64)


def _integers(texts: pl.Series) -> pl.Series:
    """Read what is written plainly at once, and only the rest with blanks around it or as hexadecimal."""
    plain = texts.cast(pl.Int64, strict=False)
    if plain.null_count() == texts.null_count():
        return plain
    rows = (plain.is_null() & texts.is_not_null()).arg_true()
    left = pl.col(texts.name).str.strip_chars()
    number = pl.when(left.str.starts_with("0x")).then(hex_integer(left)).otherwise(left.cast(pl.Int64, strict=False))
    return plain.scatter(rows, texts.gather(rows).to_frame().select(number).to_series())


def hex_integer(value: pl.Expr) -> pl.Expr:
    """Return a hexadecimal number, with or without `0x`."""
    return value.str.strip_chars().str.strip_prefix("0x").str.to_integer(base=16, strict=False)


def decimal(value: pl.Expr) -> pl.Expr:
    """Return a number with a fraction."""
    return value.str.strip_chars().cast(pl.Float64, strict=False)


def boolean(value: pl.Expr) -> pl.Expr:
    """Return true or false from the usual words."""
    low = value.str.strip_chars().str.to_lowercase()
    return pl.when(low.is_in(_TRUE)).then(pl.lit(True)).when(low.is_in(_FALSE)).then(pl.lit(False))


def no_dash(value: pl.Expr) -> pl.Expr:
    """Return the value, null where it is empty or `-`."""
    return pl.when(~value.is_in(["-", ""])).then(value)


def stated(value: pl.Expr) -> pl.Expr:
    """Return the value, null where it is a device's word for having none (`N/A`, `(null)`, `unknown`, `-`)."""
    return pl.when(~value.str.strip_chars().str.to_lowercase().is_in(_UNSTATED)).then(value)


def trim(value: pl.Expr) -> pl.Expr:
    """Return the value without blanks around it."""
    return value.str.strip_chars()


def lowercase(value: pl.Expr) -> pl.Expr:
    """Return the value in lower case."""
    return value.str.to_lowercase()


def uppercase(value: pl.Expr) -> pl.Expr:
    """Return the value in upper case."""
    return value.str.to_uppercase()


def as_list(value: pl.Expr) -> pl.Expr:
    """Return the items of a list parted by commas."""
    return value.str.replace_all(r"\s*,\s*", ",").str.strip_chars(" ,").str.split(",")


def word_list(value: pl.Expr) -> pl.Expr:
    """Return the words of a text that blanks, tabs, line ends or commas part; null where there is none but `-`."""
    words = no_dash(value.str.strip_chars()).str.extract_all(r"[^\s,]+")
    return pl.when(words.list.len() > 0).then(words)


def hex_text(value: pl.Expr) -> pl.Expr:
    """Return the text that hexadecimal digits stand for; what the NUL character parts is parted by blanks."""
    digits = pl.when(value.str.contains(_HEX)).then(value)
    return digits.str.decode("hex", strict=False).cast(pl.String, strict=False).str.replace_all("\\x00+", " ")


def audit_arguments(value: pl.Expr) -> pl.Expr:
    """Return the command line of ` a0="ls" a1=2D6C`: in quotes as it is, else hexadecimal (audit.rules(7))."""
    one = pl.element()
    argument = pl.coalesce(
        one.str.extract(r'="([^"]*)"$'), hex_text(one.str.extract(r"=([0-9A-F]+)$")), one.str.extract(r"=(.*)$")
    )
    line = value.str.extract_all(_ARGUMENT).list.eval(argument).list.join(" ")
    return pl.when(line != "").then(line)


def account_domain(value: pl.Expr) -> pl.Expr:
    r"""Return DOMAIN of `DOMAIN\user`, or the domain of `user@domain`."""
    return pl.coalesce(value.str.extract(r"^([^\\]+)\\"), value.str.extract(r"^[^\\@]+@(.+)$"))


def account_name(value: pl.Expr) -> pl.Expr:
    r"""Return the user of `DOMAIN\user` and `user@domain`; a plain name as it is, null for `-`."""
    return no_dash(pl.coalesce(value.str.extract(r"^[^\\]*\\+(.+)$"), value.str.extract(r"^([^\\@]+)@.+$"), value))


def address_domain(value: pl.Expr) -> pl.Expr:
    """Return a host's name, null where it is an IP address."""
    return value.map_batches(_names, return_dtype=pl.String)


def _names(hosts: pl.Series) -> pl.Series:
    addresses = canonical_ip(hosts)
    if addresses.null_count() == hosts.null_count():
        return pl.Series(hosts.name, [None], dtype=pl.String).new_from_index(0, len(hosts))
    name = pl.col(hosts.name)
    return hosts.to_frame().select(pl.when(addresses.is_null() & ~name.is_in(["-", ""])).then(name)).to_series()


def basename(value: pl.Expr) -> pl.Expr:
    """Return what follows the last slash or backslash of a path, null for `-`."""
    return pl.when(value != "-").then(value.str.extract(r"([^/\\]+)[/\\]*$"))


def dirname(value: pl.Expr) -> pl.Expr:
    """Return what stands before the last slash or backslash of a path."""
    return value.str.extract(r"^(.*[^/\\]|)[/\\]+[^/\\]*$")


def extension(value: pl.Expr) -> pl.Expr:
    """Return what follows the last point of a path's last part."""
    return value.str.extract(r"[^/\\]\.([^./\\\s]+)$")


def email_domain(value: pl.Expr) -> pl.Expr:
    """Return what follows the at sign."""
    return value.str.extract(r"@([^@\s>]+)>?$")


def duration(nanos: int) -> Conversion:
    """Return the conversion of numbers in units of `nanos` nanoseconds to nanoseconds."""

    def convert(value: pl.Expr) -> pl.Expr:
        number = value.str.strip_chars().cast(pl.Float64, strict=False)
        return (number * nanos).round(0).cast(pl.Int64, strict=False)

    return convert


def duration_s_us(value: pl.Expr) -> pl.Expr:
    """Return seconds in nanoseconds, to the microsecond: however many digits of a length are written."""
    number = value.str.strip_chars().cast(pl.Float64, strict=False)
    return (number * 10**6).round(0).cast(pl.Int64, strict=False) * 1000


def instant(value: pl.Expr) -> pl.Expr:
    """Return seconds since 1970 (or milli- or microseconds, as their size tells) as ISO 8601.

    What is that already gets the zone UTC where it has none.
    """
    number = value.cast(pl.Float64, strict=False)
    unit = pl.when(number.abs() < _MILLIS).then(10**6).when(number.abs() < _MICROS).then(10**3).otherwise(1)
    micros = (number * unit).round(0).cast(pl.Int64, strict=False)
    zoned = pl.when(value.str.contains(_NO_ZONE)).then(value + "Z").otherwise(value)
    return pl.coalesce(micros.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), zoned)


def duration_clock(value: pl.Expr) -> pl.Expr:
    """Return `h:mm:ss` or `1d 2h:03m:04s` in nanoseconds; the hours may exceed a day."""
    return value.map_batches(_clocks, return_dtype=pl.Int64)


def _clocks(texts: pl.Series) -> pl.Series:
    found = _clock_parts(texts, _PLAIN_CLOCK)
    if found.null_count() > texts.null_count():
        rows = (found.is_null() & texts.is_not_null()).arg_true()
        found = found.scatter(rows, _clock_parts(texts.gather(rows), _CLOCK))
    return found.alias(texts.name)


def _clock_parts(texts: pl.Series, pattern: str) -> pl.Series:
    parts = texts.str.extract_groups(pattern).struct.unnest()
    days, hours, minutes, seconds = (pl.col(name).cast(pl.Int64, strict=False) for name in parts.columns)
    return parts.select((((days.fill_null(0) * 24 + hours) * 60 + minutes) * 60 + seconds) * _NANOS).to_series()


def hash_named(name: str) -> Conversion:
    """Return the conversion of `NAME=hex,OTHER=hex` to the lower-case digits of `name`."""
    pattern = rf"(?i)(?:^|[,;\s]){name}=([0-9A-Fa-f]+)"

    def convert(value: pl.Expr) -> pl.Expr:
        return value.str.extract(pattern).str.to_lowercase()

    return convert


def http_version(value: pl.Expr) -> pl.Expr:
    """Return `1.1` of `HTTP/1.1`."""
    return value.str.extract(r"^(?:HTTP/)?([0-9](?:\.[0-9])?)$")


def network_direction(value: pl.Expr) -> pl.Expr:
    """Return ECS's word for a direction."""
    return value.str.to_lowercase().replace(_DIRECTIONS)


def url_scheme(value: pl.Expr) -> pl.Expr:
    """Return the scheme of a URL, lower case."""
    return value.str.extract(r"^([A-Za-z][A-Za-z0-9+.\-]*)://").str.to_lowercase()


def url_domain(value: pl.Expr) -> pl.Expr:
    """Return the host of a URL, lower case."""
    return pl.when(value.str.contains("://", literal=True)).then(value.str.extract(_AUTHORITY, 1).str.to_lowercase())


def url_port(value: pl.Expr) -> pl.Expr:
    """Return the port of a URL."""
    return value.str.extract(_AUTHORITY, 2).cast(pl.Int64, strict=False)


def url_path(value: pl.Expr) -> pl.Expr:
    """Return the path of a URL or of a request target."""
    return value.str.extract(r"^(?:[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*)?([^?#]*)")


def url_query(value: pl.Expr) -> pl.Expr:
    """Return the query of a URL, without the question mark."""
    return value.str.extract(r"^[^?#]*\?([^#]*)")


def url_extension(value: pl.Expr) -> pl.Expr:
    """Return the extension of the last part of a URL's path."""
    return extension(url_path(value))
