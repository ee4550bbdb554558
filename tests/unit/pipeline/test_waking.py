"""A store process that starts while its client makes itself ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.core.settings import Settings
from miharu.pipeline import open_lake, waking_store
from miharu.store import Store, StoreError


def test_the_process_that_was_woken_is_the_one_that_is_used(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with waking_store(settings) as awake:
        awake()
        with open_lake(settings) as lake, Store.open(tmp_path, settings) as other:
            assert lake.store.process_id == other.process_id
    assert (tmp_path / "store.log").read_text() == ""


def test_a_lake_that_waits_for_its_store_needs_none_until_then(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    waited: list[bool] = []
    with waking_store(settings) as awake, open_lake(settings, lambda: waited.append(True) or awake()) as lake:
        assert lake.state.last_revision() == 0
        assert not waited
        used = lake.store.process_id
        assert waited == [True]
        with Store.open(tmp_path, settings) as other:
            assert used == other.process_id
    assert (tmp_path / "store.log").read_text() == ""


def test_a_lake_whose_store_cannot_start_says_so_at_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, no folder")
    settings = Settings(data=tmp_path)
    with waking_store(settings) as awake, open_lake(settings, awake) as lake:
        assert lake.state.last_revision() == 0
        with pytest.raises(StoreError, match="could not start"):
            lake.store.query("SELECT 1")


def test_a_process_that_cannot_start_is_told_to_who_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, no folder")
    settings = Settings(data=tmp_path)
    with waking_store(settings) as awake, pytest.raises(StoreError, match="could not start"):
        awake()


def test_whoever_does_not_wait_leaves_in_peace(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, no folder")
    with pytest.raises(ZeroDivisionError), waking_store(Settings(data=tmp_path)):
        _ = 1 / 0
