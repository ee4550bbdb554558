"""Tokens of programs and people ↔ rows of the state database; of a secret only its SHA-256 is kept.

A secret has 256 random bits, so a fast hash is enough, and finding the row by the hash tells a guesser nothing: what
takes time depends on the hash of a guess, not on the guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select, update

from miharu.core.errors import OperatorError
from miharu.store.state_tables import TOKENS

SCOPES: Final[dict[str, str]] = {
    "intake": "send logs",
    "read": "ask: events, alerts, rules, health",
    "write": "change the state of alerts",
    "admin": "everything",
}
"""What a token may allow; `admin` includes the others."""

_PREFIX: Final = "mhr_"
_SECRET_BYTES: Final = 32
_COLUMNS: Final = (TOKENS.c.name, TOKENS.c.scopes, TOKENS.c.created, TOKENS.c.expires, TOKENS.c.revoked)


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the secret itself is not."""

    name: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def allows(self, scope: str) -> bool:
        """Whether the token may do what needs `scope`."""
        return scope in self.scopes or "admin" in self.scopes

    def live(self, now: datetime) -> bool:
        """Whether the token is neither expired nor revoked."""
        return self.revoked is None and (self.expires is None or self.expires > now)


def create_token(
    connection: Connection, name: str, scopes: Collection[str], expires: datetime | None, now: datetime
) -> str:
    """Write a new token down and return its secret, which nothing can show again.

    Raises OperatorError where a live token has the name, a scope is unknown or missing, or it would be expired.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        message = f"{unknown[0]!r} is no scope" if unknown else "a token needs a scope"
        raise OperatorError(f"{message}; choose among {', '.join(SCOPES)}")
    if not name.strip():
        raise OperatorError("a token needs a name; say who or what will use it")
    if expires is not None and expires <= now:
        raise OperatorError("the token would be expired at once; choose a later instant")
    if _live(connection, name, now) is not None:
        raise OperatorError(f"a live token is named {name!r}; choose another name, or revoke that one first")
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    kept = [scope for scope in SCOPES if scope in scopes]
    row = {"digest": _digest(secret), "name": name, "scopes": kept, "created": now, "expires": expires}
    connection.execute(TOKENS.insert(), row)
    return secret


def token(connection: Connection, secret: str, now: datetime) -> Token | None:
    """Return the live token with this secret, or None."""
    if not secret.startswith(_PREFIX):
        return None
    found = connection.execute(select(*_COLUMNS).where(TOKENS.c.digest == _digest(secret))).first()
    known = None if found is None else _read(found)
    return known if known is not None and known.live(now) else None


def list_tokens(connection: Connection) -> list[Token]:
    """Return all tokens there were, by name and age."""
    query = select(*_COLUMNS).order_by(TOKENS.c.name, TOKENS.c.created)
    return [_read(row) for row in connection.execute(query)]


def revoke_token(connection: Connection, name: str, now: datetime) -> None:
    """End the live token of this name. Raises OperatorError where there is none."""
    digest = _live(connection, name, now)
    if digest is None:
        raise OperatorError(f"no live token is named {name!r}; `miharu tokens list` names them")
    connection.execute(update(TOKENS).where(TOKENS.c.digest == digest).values(revoked=now))


def _live(connection: Connection, name: str, now: datetime) -> str | None:
    lasting = or_(TOKENS.c.expires.is_(None), TOKENS.c.expires > now)
    query = select(TOKENS.c.digest).where(TOKENS.c.name == name, TOKENS.c.revoked.is_(None), lasting)
    found: str | None = connection.execute(query).scalars().first()
    return found


def _read(row: Any) -> Token:
    return Token(row.name, tuple(row.scopes), row.created, row.expires, row.revoked)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
