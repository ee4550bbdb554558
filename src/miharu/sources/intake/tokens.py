"""The header `Authorization` → the token in it, however the sender's protocol wraps it."""

from __future__ import annotations

import base64
import binascii

from miharu.sources.intake.refusal import Refusal

_HOW = "send `Authorization: Bearer TOKEN`, `Basic` (the password is the token), `ApiKey` or `Splunk TOKEN`"


def token_of(header: str | None) -> str:
    """Return the token; an empty text where there is no header.

    `Bearer` (RFC 6750), `Splunk` and `Basic` (RFC 7617, the password); `ApiKey` in Base64 with an id before it.
    """
    if header is None or not header.strip():
        return ""
    scheme, _, rest = header.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() in ("bearer", "splunk"):
        return rest
    if scheme.lower() in ("basic", "apikey"):
        return _second(rest)
    raise Refusal("bad_authorization", f"the scheme {scheme[:40]!r} of the header Authorization is unknown; {_HOW}")


def _second(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal("bad_authorization", f"the header Authorization is not Base64; {_HOW}") from None
    name, colon, token = text.partition(":")
    if not colon:
        raise Refusal("bad_authorization", f"the header Authorization names no user or id before a colon; {_HOW}")
    del name
    return token
