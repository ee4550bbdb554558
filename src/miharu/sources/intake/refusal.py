"""Why a request is turned down, in our own words; each protocol says it in its own."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "no_token",
    "bad_authorization",
    "bad_token",
    "too_large",
    "encoding",
    "timeout",
    "gone",
    "busy",
    "invalid",
    "no_data",
    "no_event",
    "blank_event",
]
"""`gone`: the sender hung up. `invalid`, `no_data`, `no_event`, `blank_event`: the body cannot be taken."""

RETRY_SECONDS = "1"
"""After so many seconds a sender that found no room may come again (the value of `Retry-After`)."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that is not taken: nothing of it is kept, `reason` says what its sender can do.

    `item` is the number of the record in question, from 0, where there is one.
    """

    def __init__(self, kind: Kind, reason: str, *, item: int | None = None) -> None:
        super().__init__(reason)
        self.kind: Kind = kind
        self.reason = reason
        self.item = item


STATUS: dict[Kind, int] = {
    "no_token": 401,
    "bad_authorization": 401,
    "bad_token": 401,
    "too_large": 413,
    "encoding": 415,
    "timeout": 408,
    "gone": 400,
    "busy": 429,
    "invalid": 400,
    "no_data": 400,
    "no_event": 400,
    "blank_event": 400,
}
"""The HTTP status of each kind, where a protocol has no other."""


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers that go with a refusal."""
    if refusal.kind == "busy":
        return {"retry-after": RETRY_SECONDS}
    if STATUS[refusal.kind] == STATUS["no_token"]:
        return {"www-authenticate": 'Basic realm="miharu", Bearer, ApiKey'}
    if refusal.kind == "encoding":
        return {"accept-encoding": "gzip, deflate, zstd"}
    return {}
