r"""Expressions of values as endpoint agents write them → expressions of what is stored.

Agents name the same thing in their own ways: a key of the registry by the kernel's name for its hive, a program by the
device its volume lies on, a right as a decimal number. Rules know the names that Sysmon writes.
"""

from __future__ import annotations

import re

import polars as pl

from miharu.normalise.conversions import Conversion
from miharu.normalise.windows_values import HIVES

# The names that Sysmon writes (https://learn.microsoft.com/sysinternals/downloads/sysmon, events 12 to 14)
_HIVES = (
    *(
        (rf"^(?i:{'|'.join(re.escape(long) for long, name in HIVES.items() if name == short)})(\\|$)", f"{short}${{1}}")
        for short in dict.fromkeys(HIVES.values())
    ),
    (r"^(HKLM\\(?i:SYSTEM))\\(?i:ControlSet\d\d\d)(\\|$)", "${1}\\CurrentControlSet${2}"),
)
_VOLUME = (
    r"^\\Device\\HarddiskVolume\d+(\\(?i:Windows|Users|Program Files|Program Files \(x86\)|ProgramData)(?:\\.*)?)$"
)
_DOS_PREFIX = r"^\\(?:\?\?|\\\?|\\\.)\\([A-Za-z]:\\.*)$"
_DIGITS = "0123456789abcdef"
_NIBBLES = 16


def registry_path(value: pl.Expr) -> pl.Expr:
    """Return a path of the registry with its hive's usual name, and the control set that is in use as the current."""
    named = value
    for pattern, name in _HIVES:
        named = named.str.replace(pattern, name)
    return named


def volume_path(value: pl.Expr) -> pl.Expr:
    r"""Return `C:\Windows\…` of `\Device\HarddiskVolume3\Windows\…` and of `\??\C:\Windows\…`.

    A volume's letter is not told: folders of Windows itself are on `C:`; another path stays as it is.
    """
    system = pl.concat_str(pl.lit("C:"), value.str.extract(_VOLUME))
    return pl.coalesce(system, value.str.extract(_DOS_PREFIX), value)


def rooted_path(value: pl.Expr) -> pl.Expr:
    """Return a path that says where a file is, null for a mere name."""
    return pl.when(value.str.contains(r"[/\\]")).then(value)


def windows_end(value: pl.Expr) -> pl.Expr:
    r"""Return a program's name as the end of its path: `\winword.exe`."""
    return pl.concat_str(pl.lit("\\"), value.str.extract(r"([^\\/]+)$"))


def unix_end(value: pl.Expr) -> pl.Expr:
    """Return a program's name as the end of its path: `/curl`."""
    return pl.concat_str(pl.lit("/"), value.str.extract(r"([^/]+)$"))


def json_text(value: pl.Expr) -> pl.Expr:
    """Return the text that JSON wrote with backslashes before quotes, slashes and backslashes."""
    return value.str.replace_all(r'\\(["\\/])', "${1}")


def hexadecimal(value: pl.Expr) -> pl.Expr:
    """Return `0x1010` of 4112; what is hexadecimal already as it is, in lower case."""
    number = value.str.strip_chars().cast(pl.Int64, strict=False)
    written = pl.concat_str(pl.lit("0x"), _hex_digits(number).str.strip_chars_start("0"))
    known = pl.when(value.str.contains("^0[xX][0-9A-Fa-f]+$")).then(value.str.to_lowercase())
    return pl.when(number >= 0).then(pl.when(number == 0).then(pl.lit("0x0")).otherwise(written)).otherwise(known)


def registry_dword(value: pl.Expr) -> pl.Expr:
    """Return `DWORD (0x00000001)` of the number 1, as Sysmon writes what was set; hexadecimal numbers begin with 0x."""
    text = value.str.strip_chars()
    is_hex = text.str.starts_with("0x")
    number = (
        pl.when(is_hex)
        .then(text.str.strip_prefix("0x").str.to_integer(base=16, dtype=pl.Int64, strict=False))
        .otherwise(text.cast(pl.Int64, strict=False))
    )
    fits = (number >= 0) & (number < 1 << 32)
    written = pl.concat_str(pl.lit("DWORD (0x"), _hex_digits(number).str.tail(8), pl.lit(")"))
    return pl.when(fits).then(written)


def digest(length: int) -> Conversion:
    """Return the conversion that takes the hexadecimal digest of `length` digits among several that commas part."""

    def convert(value: pl.Expr) -> pl.Expr:
        return value.str.extract(rf"(?:^|[^0-9A-Fa-f])([0-9A-Fa-f]{{{length}}})(?:[^0-9A-Fa-f]|$)").str.to_lowercase()

    return convert


def attack_ids(value: pl.Expr) -> pl.Expr:
    """Return the numbers of ATT&CK's techniques in a text: `T1003.001`, also of `MITRE_T1003_001_LSASS_MEMORY`."""
    found = value.str.extract_all(r"\bT[0-9]{4}(?:\.[0-9]{3})?\b|_T[0-9]{4}(?:_[0-9]{3}\b|_[0-9]{3}_)?")
    plain = found.list.eval(pl.element().str.strip_chars("_").str.replace("_", ".", literal=True))
    return pl.when(found.list.len() > 0).then(plain.list.unique(maintain_order=True))


def _hex_digits(number: pl.Expr) -> pl.Expr:
    """Return fifteen hexadecimal digits of a number that is not negative."""
    digits = dict(enumerate(_DIGITS))
    parts = [
        (number // (1 << 4 * place) % _NIBBLES).replace_strict(digits, default=None, return_dtype=pl.String)
        for place in range(14, -1, -1)
    ]
    return pl.concat_str(parts)
