"""A data folder → whether its store process answers; nothing is started for the question."""

from __future__ import annotations

from pathlib import Path

from miharu.store.launch import greet
from miharu.store.places import Places


def store_answers(data: Path) -> bool:
    """Whether a live store process of this folder greets back."""
    link = greet(Places(data))
    if link is None:
        return False
    link.socket.close()
    return True
