"""CEF of several devices, as Sentinel's rows state it: named, and held."""

from __future__ import annotations

from pathlib import Path

from miharu.core.columns import GENERIC
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from tests.corpora.sentinel_cef import CORPUS, RAW, score


def test_events_hold_what_the_rows_state(corpora: Path) -> None:
    found = score(corpora)
    assert found.rows > 400
    assert found.unnamed <= 0.01 * found.rows
    assert found.held >= 0.95 * found.wanted, found.misses.most_common(20)


def test_lines_as_they_were_sent_are_named(corpora: Path) -> None:
    settings = Settings()
    names: list[str] = []
    for batch in read_paths([corpora / CORPUS / "CEF" / RAW], make_reader(settings), settings):
        assert batch.rejects.is_empty()
        names += batch.events.get_column("event.dataset").to_list()
    assert len(names) > 10
    assert sum(name.startswith(GENERIC) for name in names) <= 0.01 * len(names)
