r"""Expressions of values as Windows writes them → expressions of what is stored.

Paths of the registry (`HKLM\System\…\Start`), values set there (`DWORD (0x00000001)`), a resolver's answers, command
lines, and lines of `Name = value` in one text.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from miharu.normalise.addresses import canonical_ip, ip_expr

_NUMBER = r"^(DWORD|QWORD) \((?:0x)?([0-9A-Fa-f]{1,8})(?:-0x([0-9A-Fa-f]{8}))?\)$"
# https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
_ARGUMENT = r'(?:[^\s"]|"[^"]*"?)+'
_HIVE = r"^(HK[A-Z]+(?:_[A-Z]+)*|\\(?i:REGISTRY)\\[A-Za-z]+|MACHINE|USER)(?:\\|$)"
HIVES = {
    r"\REGISTRY\MACHINE": "HKLM",
    r"\REGISTRY\USER": "HKU",
    "MACHINE": "HKLM",
    "USER": "HKU",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_USERS": "HKU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_CLASSES_ROOT": "HKCR",
}
"""The usual names of the registry's hives, by their others."""
_DWORD_DIGITS = 8


def registry_hive(value: pl.Expr) -> pl.Expr:
    r"""Return the hive of a path of the registry, by its usual name: `HKLM` of `\REGISTRY\MACHINE\SOFTWARE`."""
    first = value.str.extract(_HIVE)
    known = first.str.to_uppercase().replace_strict(HIVES, default=None, return_dtype=pl.String)
    return pl.coalesce(known, first)


def registry_key(value: pl.Expr) -> pl.Expr:
    """Return a path of the registry below its hive."""
    return value.str.extract(r"^(?:HK[A-Z]+(?:_[A-Z]+)*|\\(?i:REGISTRY)\\[A-Za-z]+|MACHINE|USER)\\(.+)$")


def registry_value(value: pl.Expr) -> pl.Expr:
    """Return the last part of a path of the registry."""
    return value.str.extract(r"\\([^\\]+)$")


def registry_strings(value: pl.Expr) -> pl.Expr:
    """Return the value that was set as a list of one text: numbers in decimal; binary data is not told."""
    high, low = value.str.extract(_NUMBER, 2), value.str.extract(_NUMBER, 3)
    digits = pl.when(low.is_null()).then(high).otherwise(high + low)
    number = digits.str.to_integer(base=16, dtype=pl.UInt64, strict=False).cast(pl.String)
    plain = pl.when(value != "Binary Data").then(pl.coalesce(number, value))
    return pl.when(plain.is_not_null()).then(pl.concat_list(plain))


def registry_type(value: pl.Expr) -> pl.Expr:
    """Return the type of the value that was set, as far as its text shows it."""
    number = pl.concat_str(pl.lit("REG_"), value.str.extract(_NUMBER, 1))
    binary = pl.when(value == "Binary Data").then(pl.lit("REG_BINARY"))
    return pl.coalesce(number, binary, pl.when(value.is_not_null()).then(pl.lit("REG_SZ")))


def resolved_ips(value: pl.Expr) -> pl.Expr:
    """Return the addresses among what a resolver answered, parted by semicolons."""
    return value.map_batches(_resolved, return_dtype=pl.List(pl.String))


def _resolved(texts: pl.Series) -> pl.Series:
    """Return the addresses of all answers at once: an expression for each list costs a call for each."""
    parts = pl.DataFrame([texts.str.split(";").alias("part")]).with_row_index("row").explode("part")
    parts = parts.with_columns(canonical_ip(parts.get_column("part").str.strip_chars()).alias("ip"))
    found = parts.filter(pl.col("ip").is_not_null()).group_by("row", maintain_order=True).agg("ip")
    rows = pl.DataFrame([texts]).select(pl.row_index("row"))
    return rows.join(found, on="row", how="left", maintain_order="left").get_column("ip").alias(texts.name)


def command_arguments(value: pl.Expr) -> pl.Expr:
    """Return a command line's arguments; quotes hold one together and are left out."""
    found = value.str.extract_all(_ARGUMENT).list.eval(pl.element().str.replace_all('"', "", literal=True))
    return pl.when(found.list.len() > 0).then(found)


def line_named(*names: str) -> Callable[[pl.Expr], pl.Expr]:
    """Return the conversion of lines `Name = value` or `Name=value` to the value of the first of `names`."""
    begin = rf"^[ \t]*(?:{'|'.join(names)})[ \t]*=[ \t]*"

    def convert(value: pl.Expr) -> pl.Expr:
        # One name a pattern: what two have in common is nothing a quick search could look for.
        places = [value.str.find(rf"(?m)^[ \t]*{name}[ \t]*=[ \t]*\S") for name in names]
        at = places[0] if len(places) == 1 else pl.min_horizontal(places)
        return _line_at(value, at).str.replace(begin, "").str.strip_chars_end()

    return convert


def _line_at(value: pl.Expr, at: pl.Expr) -> pl.Expr:
    """Return the line that begins at a byte; to let a pattern match a line of kilobytes takes ten times as long."""
    rest = value.cast(pl.Binary).bin.slice(at)
    end = rest.cast(pl.String).str.find(r"[\r\n]").fill_null(rest.bin.size())
    return rest.bin.slice(0, end).cast(pl.String)


def invocation_lines(value: pl.Expr) -> pl.Expr:
    """Return what PowerShell says of a command's invocation: `CommandInvocation(…): …`, `ParameterBinding(…): …`."""
    found = value.str.extract_all(r"(?m)^[A-Za-z ]+\([^()\r\n]*\): [^\r\n]*")
    return pl.when(found.list.len() > 0).then(found)


def found_path(value: pl.Expr) -> pl.Expr:
    r"""Return the first file of what Microsoft Defender names: `file:_C:\a.exe; process:_pid:…`."""
    return value.str.extract(r"(?:^|;\s*)(?:container)?file:_([^;]+?)(?:->[^;]*)?(?:;|$)")


def first_group(pattern: str) -> Callable[[pl.Expr], pl.Expr]:
    """Return the conversion to what the pattern's first group matches."""

    def convert(value: pl.Expr) -> pl.Expr:
        return value.str.extract(pattern)

    return convert


msi_product = first_group(r"^\S+: (.+?) -- ")
"""The product in what Windows Installer says (`Product: … -- …`)."""

named_application = first_group(r"(?m)^\S+: ([^\r\n]+\.(?:exe|EXE))\s*$")
"""The program in what the .NET runtime says (`Application: tool.exe`)."""

named_process = first_group(r"^([A-Za-z]:\\.+?)(?: \([^)]*\))?$")
"""The program of `C:\\Windows\\explorer.exe (WS07)`."""

endpoint_port = first_group(r"(?:\]|^[^:]+):([0-9]{1,5})$")
"""The port of `192.0.2.15:50712` or `[2001:db8::1]:50712`."""


def endpoint_ip(value: pl.Expr) -> pl.Expr:
    """Return the address of `192.0.2.15:50712`, of `[2001:db8::1]:50712` or without a port."""
    inner = pl.coalesce(value.str.extract(r"^\[([^\]]+)\]"), value.str.extract(r"^([0-9.]+)(?::[0-9]+)?$"), value)
    return ip_expr(inner)


def client_ip(value: pl.Expr) -> pl.Expr:
    """Return the address in SQL Server's `[CLIENT: 192.0.2.15]`."""
    return ip_expr(value.str.extract(r"\[[^\]:]+: ([0-9A-Fa-f:.]+)\]"))


_user = line_named("User(?:Id)?")


def line_user_domain(value: pl.Expr) -> pl.Expr:
    r"""Return the domain in a line `User = EXAMPLE\\alice`."""
    return _user(value).str.extract(r"^([^\\]+)\\")


def line_user_name(value: pl.Expr) -> pl.Expr:
    r"""Return the user in a line `User = EXAMPLE\\alice`."""
    return _user(value).str.extract(r"^(?:[^\\]+\\)?([^\\]+)$")


host_part = first_group(r"^\\*([^\\/:]+)")
"""The host of `\\\\WS07\\share` and of `srv02.example.com/wsman`."""

spn_host = first_group(r"^(?:[^/]+/)?([^/:@]+)")
"""The host of a service's principal name such as `cifs/srv02.example.com`."""

domain_name = first_group(r"^(.+?)\.?$")
"""A name of the DNS without the point at its end."""
