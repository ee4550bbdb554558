from __future__ import annotations

from bench.sources import lines_of, measure
from miharu.catalog import load_logsources


def test_lines_of_a_source_differ_and_are_all_its_own() -> None:
    (source,) = [source for source in load_logsources() if source.id == "postfix.mail"]
    records = lines_of(source, 600)
    assert records is not None
    texts = records["record.raw"].to_list()
    assert len(texts) == 600
    assert len(set(texts)) > 500


def test_a_speed_is_told_for_each_source_that_is_asked_for() -> None:
    (speed,) = measure(["postfix.mail"], rows=50)
    assert speed.id == "postfix.mail"
    assert speed.lines > 0
    assert speed.slower < 1
