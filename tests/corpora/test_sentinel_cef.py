"""CEF of several devices, as Sentinel's rows state it: named, and held."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.core.columns import GENERIC
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from tests.corpora.sentinel_cef import CORPUS, FILES, RAW, ROWS, SOURCE, score


@pytest.mark.parametrize("source", [SOURCE, ROWS])
def test_events_hold_what_the_rows_state(corpora: Path, tmp_path: Path, source: str) -> None:
    found = score(corpora, tmp_path, source)
    assert found.rows > 400
    assert found.held >= 0.95 * found.wanted, found.misses.most_common(20)


def test_files_are_read_by_a_source_that_knows_them(corpora: Path) -> None:
    settings = Settings()
    names: list[str] = []
    paths = [corpora / CORPUS / "CEF" / name for name in (RAW, *FILES)]
    assert all(path.is_file() for path in paths)
    for batch in read_paths(paths, make_reader(settings), settings):
        assert batch.rejects.is_empty()
        names += batch.events.get_column("event.dataset").to_list()
    assert len(names) > 500
    assert sum(name.startswith(GENERIC) for name in names) <= 0.01 * len(names)
