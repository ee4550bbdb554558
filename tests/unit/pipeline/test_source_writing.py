from __future__ import annotations

from miharu.pipeline.sourcewriting import with_events

FILE = """\
id: a.b
tests:
  # the normal one
  - record: 'one'
    expect:
      event.dataset: a.b   # said by hand
      # about the outcome
      event.outcome: failure
      "@timestamp": 2025-06-14T08:15:02Z
      gone: 1
      fields:
        a.b.kept: '1'
        a.b.other: x

  - {record: two, expect: {}}
  - record: three
    refuse: true
  - record: four
    expect: {}
  - record: five
"""


def test_only_what_differs_is_written_anew() -> None:
    event = {
        "@timestamp": "2025-06-14T08:15:02Z",
        "event.category": ["web", "network"],
        "event.dataset": "a.b",
        "event.outcome": "success",
        "fields": {"a.b.kept": "1", "a.b.other": ["y", "z"], "a.b.true": True},
        "process.command_line": "a: 'b' # c",
        "related.ip": ["::1", "192.0.2.1"],
        "user.id": "0012",
    }
    assert with_events(FILE, {4: event}).splitlines()[3:18] == [
        "  - record: 'one'",
        "    expect:",
        "      event.category: [web, network]",
        "      event.dataset: a.b   # said by hand",
        "      event.outcome: success",
        '      "@timestamp": 2025-06-14T08:15:02Z',
        "      fields:",
        "        a.b.kept: '1'",
        "        a.b.other: [y, z]",
        "        a.b.true: true",
        "      process.command_line: 'a: ''b'' # c'",
        '      related.ip: ["::1","192.0.2.1"]',
        "      user.id: '0012'",
        "",
        "  - {record: two, expect: {}}",
    ]


def test_a_sample_without_an_event_gets_one() -> None:
    text = with_events(FILE, {18: {"b": 1, "a": "x"}, 20: {"c": False}})
    assert text.endswith(
        "  - record: four\n    expect:\n      a: x\n      b: 1\n  - record: five\n    expect:\n      c: false\n"
    )
    assert text.startswith(FILE[:300])


def test_nothing_to_accept_changes_nothing() -> None:
    assert with_events(FILE, {}) == FILE
