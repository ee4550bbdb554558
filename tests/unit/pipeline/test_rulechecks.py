"""What a careful author would mend: each remark with its line, and nothing to say about a clean rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miharu.catalog import content_root
from miharu.pipeline import check_rules

CLEAN = """\
title: Example
id: 6f1f2f7c-8f0b-4d0c-9a53-6c8f1d0f7a11
status: test
description: Something
date: 2026-11-02
modified: 2026-11-03
tags:
    - attack.execution
    - attack.t1059.001
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        CommandLine|contains:
            - one
            - two
    condition: selection
level: low
"""


def remarks(tmp_path: Path, text: str, name: str = "a.yml") -> list[tuple[int, str]]:
    (tmp_path / name).write_text(text)
    return [(each.line, each.text) for each in check_rules([tmp_path])]


def test_a_clean_rule_needs_nothing(tmp_path: Path):
    assert remarks(tmp_path, CLEAN) == []


def test_the_starter_rules_need_nothing():
    assert check_rules([content_root() / "rules"]) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("id: 6f1f2f7c-8f0b-4d0c-9a53-6c8f1d0f7a11\n", "", 1, "has no id"),
        ("id: 6f1f2f7c", "id: 6f1f", 2, "is no UUID"),
        ("title: Example", f"title: {'x' * 300}", 1, "has 300 characters"),
        ("status: test", "status: tested", 3, "'tested' is none of stable"),
        ("level: low", "level: lowish", 19, "'lowish' is none of informational"),
        ("level: low\n", "", 1, "has no level"),
        ("date: 2026-11-02", "date: 2026-13-02", 5, "is no day"),
        ("date: 2026-11-02", "date: 2026/11/02", 5, "is no day"),
        ("date: 2026-11-02", "date: 2026-11-2", 5, "lacks a zero"),
        ("modified: 2026-11-03", "modified: 2026-10-03", 6, "modified before it was written"),
        ("attack.execution", "attack.exekution", 8, "did you mean attack.execution"),
        ("attack.t1059.001", "attack.t1059.1", 9, "is not known"),
        ("attack.t1059.001", "Attack T1059", 9, "is no tag"),
        ("attack.t1059.001", "attack.execution", 8, "stands there twice"),
        ("tags:\n    - attack.execution\n    - attack.t1059.001", "tags: attack.execution", 7, "a list is expected"),
        ("description:", "desciption:", 4, "did you mean 'description'"),
        ("CommandLine|", "Commandline|", 15, "did you mean 'CommandLine'"),
        ("            - two", "            - one", 16, "'one' stands twice in the list of CommandLine"),
        ("    condition:", "    other:\n        Image: a\n    condition:", 18, "does not use the selection 'other'"),
        ("level: low", "level: low\nrelated:\n    - id: a\n      type: similar", 21, "each entry has an id and a type"),
    ],
)
def test_each_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, said: str):
    assert old in CLEAN
    (found,) = remarks(tmp_path, CLEAN.replace(old, new))
    assert found[0] == line
    assert re.search(re.escape(said), found[1])


def test_an_id_that_two_rules_have_names_the_other(tmp_path: Path):
    (tmp_path / "a.yml").write_text(CLEAN)
    (found,) = remarks(tmp_path, CLEAN, "b.yml")
    assert found == (2, f"the rule at {tmp_path / 'a.yml'}:2 has the same id")


def test_selections_named_by_pattern_are_used(tmp_path: Path):
    text = CLEAN.replace(
        "    condition: selection", "    selection_b:\n        Image: a\n    condition: 1 of selection*"
    )
    assert remarks(tmp_path, text) == []
    assert remarks(tmp_path, text.replace("1 of selection*", "all of them")) == []


def test_what_is_no_yaml_is_left_to_the_loader(tmp_path: Path):
    assert remarks(tmp_path, "a: [") == []
