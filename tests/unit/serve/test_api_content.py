"""Rules and log sources over HTTP, as the files on disk are now."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from miharu.catalog import load_logsources
from miharu.serve.api import shelf as shelf_module
from miharu.serve.api.shelf import Shelf
from tests.unit.serve.apicraft import World, is_problem, settings_of, world

GOOD = """
title: Word Seen
id: 11111111-2222-4333-8444-555555555555
status: test
description: Finds a word.
tags: [attack.execution, attack.t1059]
logsource: {product: linux, service: sshd}
detection:
  words: {user.name: ann}
  condition: words
level: low
"""
BAD = GOOD.replace("1111", "9999").replace("condition: words", "condition: nothing")


@pytest.fixture
def here(tmp_path) -> Iterator[World]:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "good.yml").write_text(GOOD)
    (folder / "bad.yml").write_text(BAD)
    with world(settings_of(tmp_path / "data", rules=(folder,))) as opened:
        yield opened


def ids(page):
    return [rule["id"] for rule in page["rules"]]


def test_rules_that_run_and_rules_that_cannot(here):
    page = here.json("/rules")
    assert page["count"] == page["running"] + page["problems"] == len(page["rules"])
    assert page["problems"] == 1
    broken = here.json("/rules", params={"problem": "any"})
    assert ids(broken) == ["99999999-2222-4333-8444-555555555555"]
    why = broken["rules"][0]["problem"]
    assert why["reason"] == "condition_invalid"
    assert why["text"]
    assert why["remedy"]
    assert ids(here.json("/rules", params={"problem": "condition_invalid"})) == ids(broken)
    assert ids(here.json("/rules", params={"problem": "duplicate"})) == []
    assert here.json("/rules", params={"problem": "none"})["count"] == page["running"]


def test_rules_by_level_and_words(here):
    assert all(rule["level"] == "high" for rule in here.json("/rules", params={"level": "high"})["rules"])
    assert ids(here.json("/rules", params={"text": "word SEEN T1059"})) == ["11111111-2222-4333-8444-555555555555"]
    assert ids(here.json("/rules", params={"text": "no such words"})) == []
    every = ids(here.json("/rules"))
    assert ids(here.json("/rules", params={"limit": 3, "offset": 2})) == every[2:5]
    is_problem(here.ask("/rules", params={"level": "huge"}), 422, "parameters")


def test_one_rule(here):
    rule = here.json("/rules/11111111-2222-4333-8444-555555555555")
    assert rule["title"] == "Word Seen"
    assert rule["description"] == "Finds a word."
    assert rule["problem"] is None
    assert "user.name" in rule["fields"]
    assert rule["tags"] == ["attack.execution", "attack.t1059"]
    assert here.json("/rules/99999999-2222-4333-8444-555555555555")["problem"]["reason"] == "condition_invalid"
    is_problem(here.ask("/rules/none"), 404)


def test_changed_rules_are_seen(here, monkeypatch):
    before = here.json("/rules")["running"]
    folder = here.settings.rules[0]
    (folder / "bad.yml").write_text(BAD.replace("condition: nothing", "condition: words"))
    assert here.json("/rules")["running"] == before  # not looked at again yet
    monkeypatch.setattr(shelf_module, "_LOOK_SECONDS", 0)
    page = here.json("/rules")
    assert (page["running"], page["problems"]) == (before + 1, 0)


def test_unchanged_rules_are_kept(here, monkeypatch):
    monkeypatch.setattr(shelf_module, "_LOOK_SECONDS", 0)
    shelf = Shelf(here.settings)
    rules = shelf.rules()
    assert shelf.rules() is rules
    with shelf.detector() as first, pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    with shelf.detector() as second:
        assert second is first
    (here.settings.rules[0] / "bad.yml").unlink()
    assert shelf.rules() is not rules
    with shelf.detector() as third:
        assert third is not first


def test_log_sources_say_what_they_need(here):
    sources = here.json("/sources")["sources"]
    assert [source["id"] for source in sources] == sorted(source.id for source in load_logsources())
    assert all(source["containers"] and source["title"] for source in sources)
    assert any(source["needs"] for source in sources)
