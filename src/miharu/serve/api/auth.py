"""`Authorization: Bearer <token>` → the live token, if it allows what the route needs."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from miharu.serve.api.problems import ProblemError
from miharu.serve.api.services import Here
from miharu.store import Token

_BEARER: Final = HTTPBearer(
    scheme_name="token", description="A token made with `miharu tokens create NAME --scope …`.", auto_error=False
)
_Given = Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
_FORWARDING: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


async def admit(wanted: SecurityScopes, services: Here, given: _Given) -> Token:
    """Return the token of a request. Raises ProblemError (401, 403)."""
    if given is None:
        detail = "This needs a token: send `Authorization: Bearer <token>`; `miharu tokens create` makes one."
        raise ProblemError(401, detail, "token", headers={"WWW-Authenticate": "Bearer"})
    return await _known(services, given.credentials, wanted.scopes)


async def admit_any(services: Here, given: _Given) -> Token | None:
    """Return the token of a request that needs none, if it has one. Raises ProblemError where that is no good."""
    return None if given is None else await _known(services, given.credentials, ["read"])


async def admit_metrics(request: Request, token: Annotated[Token | None, Depends(admit_any)]) -> None:
    """Let the machine itself read metrics, and others with a token. Raises ProblemError."""
    if token is None and not _is_local(request):
        detail = "From another machine this needs a token: send `Authorization: Bearer <token>`."
        raise ProblemError(401, detail, "token", headers={"WWW-Authenticate": "Bearer"})


async def _known(services: Here, secret: str, scopes: list[str]) -> Token:
    token = await services.access.note(lambda state: state.token(secret))
    if token is None:
        detail = "The token is not known, was revoked, or has expired; `miharu tokens list` shows which live."
        raise ProblemError(401, detail, "token", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    missing = [scope for scope in scopes if not token.allows(scope)]
    if missing:
        challenge = f'Bearer error="insufficient_scope", scope="{missing[0]}"'
        detail = f"The token {token.name!r} does not allow this; one with the scope {missing[0]!r} does."
        raise ProblemError(403, detail, "token", headers={"WWW-Authenticate": challenge})
    return token


def _is_local(request: Request) -> bool:
    """Whether a program on this machine asks, itself and by a name of this machine.

    A proxy on this machine asks for others; a web page that had its own name point here asks by that name.
    """
    if request.client is None or any(name in request.headers for name in _FORWARDING):
        return False
    host = request.url.hostname or ""
    return _is_loopback(request.client.host) and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


Reader = Annotated[Token, Security(admit, scopes=["read"])]
Writer = Annotated[Token, Security(admit, scopes=["write"])]
Visitor = Annotated[Token | None, Depends(admit_any)]
