"""A token's secret → the name of the token, if it may send logs; looked up at most every few seconds."""

from __future__ import annotations

import time
from typing import Final

import structlog

from miharu.store import State, StateError

_FRESH_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000
_SCOPE: Final = "intake"

_log = structlog.get_logger()


class Admission:
    """Answers for senders. While the state cannot be read, what was answered last still holds."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[str, tuple[float, str | None]] = {}

    def __call__(self, secret: str) -> str | None:
        """Return the token's name, or None where it may not send."""
        now = time.monotonic()
        known = self._known.get(secret)
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        try:
            token = self._state.token(secret)
        except StateError as error:
            _log.warning("tokens cannot be read", action="tokens-lost", error=str(error))
            return known[1] if known is not None else None
        name = token.name if token is not None and token.allows(_SCOPE) else None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[secret] = (now, name)
        return name
