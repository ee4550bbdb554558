"""Batches in, answers out: the store of events, findings and rejects, and the state of what was done with them."""

from miharu.store.client import Store
from miharu.store.errors import StateError, StoreError, StoreLostError

__all__ = ["StateError", "Store", "StoreError", "StoreLostError"]
