"""Keys of audit records → who acted, as whom, on whom: what the ids mean depends on the kind of record.

Elastic's auditd module reads them so (go-libaudit's normalisations): in records of a session the one who logged in
(`auid`) acts, as the account of the record; in records about accounts `uid` is whom he acts as.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_SESSION: Final = (
    *("CRED_ACQ", "CRED_DISP", "CRED_REFR", "GRP_AUTH", "USER_ACCT", "USER_AUTH", "USER_END", "USER_ERR"),
    *("USER_LOGIN", "USER_LOGOUT", "USER_START"),
)
_ACCOUNT: Final = ("ADD_USER", "DEL_USER")
_ACCOUNT_CHANGE: Final = ("USER_MGMT", "USER_CHAUTHTOK")
_GROUP: Final = ("ADD_GROUP", "DEL_GROUP")
_GROUP_CHANGE: Final = ("GRP_MGMT", "GRP_CHAUTHTOK")
_OTHERS: Final = (*_ACCOUNT, *_ACCOUNT_CHANGE, *_GROUP, *_GROUP_CHANGE)
_DIGITS: Final = "^[0-9]+$"


def subjects(made: pl.DataFrame) -> list[pl.Series]:
    """Return `audit.actor`, `audit.effective`, `audit.target` and `audit.group`, each as `.id` and `.name`; and `uid`.

    `uid` is left where it is not the actor's: there the record's own word is kept.
    """
    kind = pl.col("audit.kind")
    session, others, login = kind.is_in(_SESSION), kind.is_in(_OTHERS), kind == "LOGIN"
    actor = (
        pl.when(session | others).then(_first(made, "auid", "uid"))
        .when(login).then(_first(made, "old_auid", "old-auid", "uid"))
        .otherwise(_first(made, "uid"))
    )  # fmt: skip
    effective = (
        pl.when(session).then(_first(made, "acct", "id", "uid"))
        .when(others).then(_first(made, "uid"))
        .when(login).then(_first(made, "new_auid", "new-auid", "auid"))
        .otherwise(_first(made, "euid"))
    )  # fmt: skip
    target = (
        pl.when(kind.is_in(_ACCOUNT)).then(_first(made, "id", "acct"))
        .when(kind.is_in(_ACCOUNT_CHANGE)).then(_first(made, "acct", "id", "uid"))
    )  # fmt: skip
    group = (
        pl.when(kind.is_in(_GROUP)).then(_first(made, "id", "grp", "acct"))
        .when(kind.is_in(_GROUP_CHANGE)).then(_first(made, "acct", "grp", "id", "uid"))
    )  # fmt: skip
    other = pl.when((session | others | login) & (actor != pl.col("uid"))) if "uid" in made.columns else None
    plain = ~(session | others | login).fill_null(value=False)
    return made.select(
        *_split("audit.actor", actor, plain),
        *_split("audit.effective", effective, plain),
        *_split("audit.target", target),
        *_split("audit.group", group),
        *([] if other is None else [other.then(pl.col("uid")).alias("uid")]),
    ).get_columns()


def _first(made: pl.DataFrame, *names: str) -> pl.Expr:
    return pl.coalesce(*(pl.col(name) for name in names if name in made.columns), pl.lit(None, dtype=pl.String))


def _split(name: str, value: pl.Expr, also: pl.Expr | None = None) -> list[pl.Expr]:
    """Call a number an id, anything else (of an interpreted record) a name, and in the rows `also` an id as well."""
    digits = value.str.contains(_DIGITS)
    return [
        pl.when(digits if also is None else digits | also).then(value).alias(f"{name}.id"),
        pl.when(~digits).then(value).alias(f"{name}.name"),
    ]
