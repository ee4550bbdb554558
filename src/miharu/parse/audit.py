"""Records of the Linux audit daemon → one column per key, values as they were meant.

A record is `type=KIND msg=audit(time:serial): key=value …`; what a program of the user's says stands in `msg='…'`,
what the daemon adds (`log_format = ENRICHED`) behind a group separator.
Form and values: https://github.com/linux-audit/audit-documentation/wiki/SPEC-Audit-Event-Parsing
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from miharu.catalog import ReadStep
from miharu.parse.audit_kinds import KINDS
from miharu.parse.audit_subjects import subjects
from miharu.parse.audit_values import decoded, socket_address
from miharu.parse.pairs import spread

LOOKS_LIKE_AUDIT: Final = r"^\s?(?:node=\S+ )?type ?=(?:\S* (?:msg=)?audit\([0-9.]*:?[0-9]*\)|UNKNOWN\[[0-9]+\] msg=)"

# The daemon's own lines, and the kernel's where no daemon runs: `[ 12.3] audit: type=1400 audit(…): …`. Several kinds
# of one audit id in one line (as ausearch and agents join them) are the first of them.
_HEAD: Final = (
    r"^\s*(?P<head>(?:\[ *(?P<uptime>[0-9.]+)\] )?(?:audit: )?(?:node=(?P<node>\S+) )?(?:type ?=(?P<kind>\S*) )?"
    r"(?:(?:msg=)?audit\((?P<stamp>[0-9.]*):?(?P<serial>[0-9]*)\):?)?)"
)
_KEY: Final = r"(^|\s)\(?([A-Za-z_][0-9A-Za-z_\-]*(?:\[[0-9]+\])?)="
_MARK: Final = "\x1e"
_ARGUMENT: Final = r"^a([0-9]+)(?:\[[0-9]+\])?$"
_NOTHING: Final = ("?", "(null)", "")
_COLUMNS_OF_ARGUMENTS: Final = 8
_LINE: Final = (
    *("hostname", "message", "timestamp", "timezone", "program"),
    *("priority", "facility", "severity", "version"),
)
"""Columns of a syslog header, which a key of the record must not replace."""


def is_audit(text: pl.Series) -> pl.Series:
    """Return which texts begin like a record of the daemon."""
    return text.str.contains(LOOKS_LIKE_AUDIT)


def read_audit(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Add a column for each key, and under `audit.` what the record's head says and what follows from its keys.

    The head: `audit.kind`, `stamp`, `serial`, `node`, `uptime`. `audit.args` and `argc` are the arguments of a program,
    `call` the two numbers that name a system call (`arch:syscall`), `title` a process's title with blanks between its
    arguments, `hostname` the key of that name: the other end of a session, not this host; for `audit.actor` and the
    like see `subjects`. Keys without a value (`?`, `(null)`) give nothing.
    """
    text = frame.get_column(step.field).cast(pl.String)
    head = text.str.extract_groups(_HEAD).struct.unnest()
    body = text.str.strip_chars_start().str.slice(head.get_column("head").str.len_chars())
    head = head.drop("head").with_columns(pl.col("kind").replace(KINDS))
    kind = head.get_column("kind")
    pairs = _pairs(body, kind)
    columns = {series.name: series for series in _spread(pairs, frame.height)}
    columns |= _avc(body, kind)
    columns |= {f"audit.{series.name}": _without_empty(series) for series in head.get_columns()}
    made = pl.DataFrame(list(columns.values()), schema=list(columns))
    made = made.with_columns(*socket_address(made), *subjects(made))
    made = _with_call(_with_arguments(made, pairs))
    added = [series for series in made.get_columns() if series.null_count() < frame.height]
    return [frame.drop("pid", strict=False).with_columns(_renamed(added))]


def _pairs(body: pl.Series, kind: pl.Series) -> pl.DataFrame:
    """Return rows of (row, key, value, kind): a value goes on to the next key, for programs write `op=adding user`."""
    login = (kind == "LOGIN").fill_null(value=False)
    if login.any():
        renamed = body.filter(login).str.replace_all(r"(old|new) (auid|ses)=", "${1}_$2=")
        body = body.scatter(login.arg_true(), renamed)
    flat = (
        body.str.replace(" msg='", " msg= ", literal=True)
        .str.replace_all(r"'?(?:\x1D|#035|$)|'\s*$", " ")
        .str.replace_all(_KEY, f"{_MARK}$2=")
    )
    pieces = (
        pl.DataFrame({"row": np.arange(len(body), dtype=np.uint32), "kind": kind, "pair": flat.str.split(_MARK)})
        .explode("pair")
        .filter(pl.col("pair").str.contains("=", literal=True))
    )
    key, value = pieces.get_column("pair").str.splitn("=", 2).struct.unnest().get_columns()
    value = value.str.strip_chars_end(" ,").str.strip_suffix('" :')
    quoted = value.str.starts_with('"')
    plain = value.str.strip_chars('"')
    # RHEL 5 put the last keys in parentheses.
    bracketed = body.str.contains("(hostname=", literal=True)
    if bracketed.any():
        loose = (
            bracketed.gather(pieces.get_column("row"))
            & (~quoted)
            & plain.str.ends_with(")")
            & ~plain.str.contains("(", literal=True)
        )
        plain = pl.select(pl.when(loose).then(plain.str.strip_chars_end(")")).otherwise(plain)).to_series()
    pairs = pieces.select("row", "kind", key=key, value=plain, bare=~quoted)
    pairs = pairs.filter(~pl.col("value").is_in(_NOTHING))
    return pairs.with_columns(decoded(pairs))


def _spread(pairs: pl.DataFrame, height: int) -> list[pl.Series]:
    argument = (pl.col("kind") == "EXECVE") & pl.col("key").str.contains(r"^a[0-9]+(?:\[[0-9]+\]|_len)?$")
    wide = pairs.filter(~argument.fill_null(value=False))
    wide = wide.filter(~pl.col("key").is_in(["type", "msg", "SADDR"]))
    return spread(wide.select("row", "key", "value"), height)


def _with_arguments(made: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Add `audit.args` and `argc`, and `a0` to `a7` of EXECVE; pieces of a long argument (`a1[0]=`) are one."""
    lists = pl.lit(None, dtype=pl.List(pl.String))
    if "cmd" in made.columns:
        words = pl.col("cmd").str.replace_all(r"\s+", " ").str.strip_chars(" ").str.split(" ")
        lists = pl.when(pl.col("audit.kind") == "USER_CMD").then(words)
    one = (
        pairs.filter(pl.col("kind") == "EXECVE")
        .with_columns(place=pl.col("key").str.extract(_ARGUMENT).cast(pl.UInt32, strict=False))
        .filter(pl.col("place").is_not_null())
        .group_by("row", "place", maintain_order=True)
        .agg(pl.col("value").str.join())
    )
    if one.height:
        made = _with_columns_of_arguments(made, one)
        lists = pl.coalesce("audit.args", lists)
    count = lists.list.len().cast(pl.String)
    argc = pl.coalesce("argc", count) if "argc" in made.columns else count
    return made.with_columns(lists.alias("audit.args"), argc.alias("audit.argc"))


def _with_columns_of_arguments(made: pl.DataFrame, one: pl.DataFrame) -> pl.DataFrame:
    """Add `audit.args` and `a0` to `a7` from rows of (row, place, value); those that lack the first say so."""
    lists = one.group_by("row", maintain_order=True).agg(pl.col("value"), pl.col("place").first())
    cut = pl.format("[... {} truncated arguments ...]", "place").reshape((-1, 1)).arr.to_list()
    whole = pl.when(pl.col("place") == 0).then("value").otherwise(pl.concat_list(cut, "value"))
    lists = lists.select("row", whole.alias("audit.args"))
    rows = made.with_row_index("row").join(lists, on="row", how="left", maintain_order="left").drop("row")
    few = one.filter(pl.col("place") < _COLUMNS_OF_ARGUMENTS)
    named = few.select("row", key="a" + pl.col("place").cast(pl.String), value="value")
    own = {series.name: series for series in spread(named, made.height)}
    merged = [
        rows.get_column(name).fill_null(series) if name in rows.columns else series for name, series in own.items()
    ]
    return rows.with_columns(merged)


def _with_call(made: pl.DataFrame) -> pl.DataFrame:
    """Add `audit.title` and `audit.call`."""
    added: list[pl.Expr] = []
    if "proctitle" in made.columns:
        added.append(pl.col("proctitle").str.replace_all("^@", " ", literal=True).alias("audit.title"))
    if {"arch", "syscall"} <= set(made.columns):
        number = pl.when(pl.col("syscall").str.contains("^[0-9]+$")).then(pl.col("syscall"))
        added.append(pl.concat_str("arch", number, separator=":").alias("audit.call"))
    return made.with_columns(added)


def _avc(body: pl.Series, kind: pl.Series) -> dict[str, pl.Series]:
    """Return what SELinux decided on which permissions: `avc:  denied  { read } for …`."""
    if not kind.is_in(["AVC", "USER_AVC"]).any():
        return {}
    groups = body.str.extract_groups(r"avc: +(?P<decision>denied|granted) +\{ *(?P<permissions>[^}]*?) *\}")
    return {series.name: series for series in groups.struct.unnest().get_columns()}


def _renamed(columns: list[pl.Series]) -> list[pl.Series]:
    names = {name: f"audit.{name}" for name in _LINE}
    return [series.alias(names.get(series.name, series.name)) for series in columns]


def _without_empty(series: pl.Series) -> pl.Series:
    empty = series == ""
    return series.set(empty.fill_null(value=False), None) if empty.any() else series
