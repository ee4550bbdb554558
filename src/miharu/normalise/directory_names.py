"""Distinguished names of a directory (RFC 4514) → what stands in them."""

from __future__ import annotations

import polars as pl

_FIRST = r"^[A-Za-z0-9.\-]+=((?:\\.|[^,\\])+)"
_DOMAIN_PARTS = r"(?i)(?:^|,)\s*DC=[^,]+"


def dn_name(value: pl.Expr) -> pl.Expr:
    r"""Return `Doe, Jane` of `CN=Doe\, Jane,OU=Staff,DC=example,DC=com`: the value of the first part."""
    return value.str.extract(_FIRST).str.replace_all(r"\\(.)", "$1")


def dn_domain(value: pl.Expr) -> pl.Expr:
    """Return `example.com` of `CN=Jane,DC=example,DC=com`, null without any domain component."""
    parts = value.str.extract_all(_DOMAIN_PARTS).list.eval(pl.element().str.extract(r"=(.+)$"))
    domain = parts.list.join(".")
    return pl.when(domain != "").then(domain)
