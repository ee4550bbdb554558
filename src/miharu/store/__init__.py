"""Batches in, answers out: the store of events, findings and rejects, and the state of what was done with them."""

from miharu.store.client import Store
from miharu.store.errors import StateError, StoreError, StoreLostError
from miharu.store.ledger import Batch, Counts, KnownContent, Segment
from miharu.store.state import State, Transaction

__all__ = [
    "Batch",
    "Counts",
    "KnownContent",
    "Segment",
    "State",
    "StateError",
    "Store",
    "StoreError",
    "StoreLostError",
    "Transaction",
]
