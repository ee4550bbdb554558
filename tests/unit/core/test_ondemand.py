"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

import pytest


@pytest.mark.parametrize("package", ["catalog", "detect", "pipeline", "store"])
def test_every_name_is_found_and_no_other(package):
    front = import_module(f"miharu.{package}")
    for name in front.__all__:
        assert getattr(front, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = front.nothing
