"""A new data folder → a token for the API and one for senders, in files only their owner reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from miharu.core.settings import Settings
from miharu.store import State

FILES: Final = {"admin": ("admin",), "intake": ("intake",)}
"""File in `<data>/tokens` → scopes of its token."""


def make_first_tokens(settings: Settings) -> list[Path]:
    """Make the tokens where the folder has none at all; return the files written."""
    with State.open(settings.data) as state:
        if state.list_tokens():
            return []
        folder = token_folder(settings)
        folder.mkdir(mode=0o700, exist_ok=True)
        return [_write(folder / name, state.create_token(f"first-{name}", scopes)) for name, scopes in FILES.items()]


def token_folder(settings: Settings) -> Path:
    """Return where the first tokens lie."""
    return settings.data / "tokens"


def _write(place: Path, secret: str) -> Path:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return place
