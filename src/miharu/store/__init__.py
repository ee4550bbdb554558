"""Batches in, answers out: the store of events, findings and rejects, and the state of what was done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miharu.core.ondemand import on_demand

if TYPE_CHECKING:
    from miharu.store.alerts import AlertFilter
    from miharu.store.client import Store
    from miharu.store.errors import StateError, StoreError, StoreLostError
    from miharu.store.hunts import Hunt
    from miharu.store.launch import wake
    from miharu.store.ledger import Batch, Counts, KnownContent, Segment
    from miharu.store.live import LiveBatch
    from miharu.store.outbox import Delivery, Notice, OutboxCount, Terms
    from miharu.store.overlays import OverlayBook, RuleException, RuleOverlay
    from miharu.store.reach import store_answers
    from miharu.store.state import State, Transaction
    from miharu.store.tokens import SCOPES, Token

__all__ = [
    "SCOPES",
    "AlertFilter",
    "Batch",
    "Counts",
    "Delivery",
    "Hunt",
    "KnownContent",
    "LiveBatch",
    "Notice",
    "OutboxCount",
    "OverlayBook",
    "RuleException",
    "RuleOverlay",
    "Segment",
    "State",
    "StateError",
    "Store",
    "StoreError",
    "StoreLostError",
    "Terms",
    "Token",
    "Transaction",
    "store_answers",
    "wake",
]

__getattr__ = on_demand(__name__)
