"""Values of audit records as written → as meant: hexadecimal text, socket addresses."""

from __future__ import annotations

from typing import Final

import polars as pl

# Keys whose value is text of somebody else's: in quotes, or in hexadecimal where it holds a blank, a quote or a
# character that is not printable ASCII (audit_log_untrustedstring of the kernel, audit_encode_nv_string of libaudit).
_TEXTS: Final = (
    *("exe", "cmd", "data", "path", "comm", "file", "name", "watch", "cwd", "acct", "dir", "vm", "device", "cgroup"),
    *("old-chardev", "new-chardev", "old-disk", "new-disk", "old-fs", "new-fs", "old-net", "new-net", "old-rng"),
    *("new-rng", "apparmor", "operation", "denied_mask", "info", "profile", "requested_mask", "ocomm", "grp"),
    *("new_group", "invalid_context", "sw", "root_dir", "proctitle", "unit", "key", "bool", "printer", "vm-ctx"),
)
_ARGUMENT: Final = r"^a[0-9]+(?:\[[0-9]+\])?$"
_HEX: Final = r"^(?:[0-9A-F]{2})+$"
# A byte that would have been written in quotes as it is shows that the digits are no text of their own.
_NEEDS: Final = r"^(?:[0-9A-F]{2})*?(?:[01][0-9A-F]|2[02]|7F|[89A-F][0-9A-F])"
# Well-formed UTF-8 (Unicode, table 3-7): a cast of other bytes fails for the whole column.
_TAIL: Final = "[89AB][0-9A-F]"
_UTF8: Final = (
    f"^(?:[0-7][0-9A-F]|(?:C[2-9A-F]|D[0-9A-F]){_TAIL}|E0[AB][0-9A-F]{_TAIL}|E[1-9A-CEF](?:{_TAIL}){{2}}"
    f"|ED[89][0-9A-F]{_TAIL}|F0[9AB][0-9A-F](?:{_TAIL}){{2}}|F[1-3](?:{_TAIL}){{3}}|F48[0-9A-F](?:{_TAIL}){{2}})+$"
)
_CONTROLS: Final = [chr(code) for code in (*range(32), 127)]
_CARETS: Final = ["^" + chr(ord(control) ^ 64) for control in _CONTROLS]

_FAMILIES: Final = {"0100": "local", "0200": "inet", "0A00": "inet6", "1000": "netlink", "1100": "packet"}
"""First two bytes of a socket address of a little-endian host (<linux/socket.h>)."""


def decoded(pairs: pl.DataFrame) -> pl.Series:
    """Return the column `value` of (key, value, bare, kind) with hexadecimal text decoded, control characters as ^X."""
    key, value = pairs.get_column("key"), pairs.get_column("value")
    argument = (pairs.get_column("kind") == "EXECVE").fill_null(value=False)
    if argument.any():
        argument &= key.str.contains(_ARGUMENT)
    rows = (pairs.get_column("bare") & (key.is_in(_TEXTS) | argument)).arg_true()
    chosen = value.gather(rows)
    digits = (chosen.str.contains(_HEX) & chosen.str.contains(_NEEDS)).fill_null(value=False)
    rows = rows.filter(digits)
    return value.scatter(rows, hex_text(value.gather(rows))) if len(rows) else value


def hex_text(digits: pl.Series) -> pl.Series:
    """Return the text of hexadecimal digits; bytes that are not UTF-8 are Latin-1."""
    good = digits.str.contains(_UTF8)
    text = digits.filter(good).str.decode("hex").cast(pl.String)
    if not good.all():
        other = [bytes.fromhex(one).decode("latin-1") for one in digits.filter(~good)]
        whole = digits.scatter(good.arg_true(), text)
        text = whole.scatter((~good).arg_true(), pl.Series(other, dtype=pl.String))
    held = text.str.contains(r"[\x00-\x1F\x7F]")
    return text.scatter(held.arg_true(), text.filter(held).str.replace_many(_CONTROLS, _CARETS)) if held.any() else text


def socket_address(made: pl.DataFrame) -> list[pl.Series]:
    """Return the columns `saddr_fam`, `laddr`, `lport` and `socket` (a path) that `saddr` stands for.

    The names are those the daemon itself gives them; where it did, its own values stay.
    """
    if "saddr" not in made.columns:
        return []
    there = made.get_column("saddr").is_not_null().arg_true()
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, made.height)
    return [
        made.get_column(series.name).fill_null(nothing.scatter(there, series))
        if series.name in made.columns
        else nothing.scatter(there, series).alias(series.name)
        for series in _of_addresses(made.select("saddr")[there])
    ]


def _of_addresses(made: pl.DataFrame) -> list[pl.Series]:
    saddr = pl.col("saddr").str.to_uppercase()
    family = saddr.str.slice(0, 4).replace_strict(_FAMILIES, default=None, return_dtype=pl.String)
    port = saddr.str.slice(4, 4).str.to_integer(base=16, strict=False).cast(pl.String)
    octets = [saddr.str.slice(8 + 2 * at, 2).str.to_integer(base=16, strict=False).cast(pl.String) for at in range(4)]
    groups = [saddr.str.slice(16 + 4 * at, 4).str.to_lowercase() for at in range(8)]
    length = saddr.str.len_chars()
    four = pl.when((family == "inet") & (length >= 16)).then(pl.concat_str(octets, separator="."))  # noqa: PLR2004
    six = pl.when((family == "inet6") & (length >= 48)).then(pl.concat_str(groups, separator=":"))  # noqa: PLR2004
    found = made.select(
        family.alias("saddr_fam"),
        pl.coalesce(four, six).alias("laddr"),
        pl.when(family.is_in(["inet", "inet6"])).then(port).alias("lport"),
        pl.when(family == "local").then(saddr.str.slice(4)).alias("socket"),
    )
    path = found.get_column("socket").str.strip_prefix("00").str.replace(r"^((?:[0-9A-F]{2})*?)(?:00)+(?:..)*$", "$1")
    rows = path.str.contains(_HEX).fill_null(value=False).arg_true()
    text = pl.Series("socket", [None], dtype=pl.String).new_from_index(0, made.height)
    found = found.with_columns(text.scatter(rows, hex_text(path.gather(rows))) if len(rows) else text)
    return found.get_columns()
