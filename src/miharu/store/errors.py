"""What can go wrong with the store → errors an operator can act on."""

from __future__ import annotations

from miharu.core.errors import OperatorError


class StoreError(OperatorError):
    """The store refused something: wrong SQL, a frame it cannot hold, a limit that was reached."""


class StoreLostError(StoreError):
    """The store process ended or cannot be reached; `Store.restart` connects again.

    What was inserted without an answer may or may not be stored: insert it again with the same token.
    """


class StateError(OperatorError):
    """The state database cannot be opened or holds something unexpected."""
