"""Tests over logs that nobody on this project wrote; they are not shipped and may be absent."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpora(corpora_path: Path) -> Path:
    """The folder of third-party logs; without it the test is skipped, which CI refuses if the folder exists."""
    if not corpora_path.is_dir():
        pytest.skip(f"no corpora at {corpora_path}; set MIHARU_CORPORA")
    return corpora_path
