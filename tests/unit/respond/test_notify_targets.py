"""The setting `notify` becomes targets, or says in which entry and key the fault is and never shows a secret."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.respond import Target, load_targets
from tests.unit.respond.notify_receiver import alert

HOOK = {"name": "ops", "kind": "webhook", "url": "https://example.com/hook"}


def load(*entries: dict[str, Any]) -> list[Target]:
    return load_targets(Settings(notify=entries))


def fault(*entries: dict[str, Any]) -> str:
    with pytest.raises(OperatorError) as caught:
        load(*entries)
    return str(caught.value)


def test_nothing_given_is_nobody_told():
    assert load() == []


def test_entries_become_targets():
    hook, mail = load(
        HOOK | {"secret": "s", "min_level": "high", "rules": ["a", "b"], "group_seconds": 3, "per_minute": 2},
        {"name": "mail", "kind": "apprise", "url": "mailto://user:pass@example.com"},
    )
    assert (hook.name, hook.kind, hook.secret, hook.min_level) == ("ops", "webhook", "s", "high")
    assert (hook.rules, hook.group, hook.per_minute) == ({"a", "b"}, timedelta(seconds=3), 2)
    assert (mail.kind, mail.min_level, mail.rules) == ("apprise", "low", frozenset())
    assert "pass" not in repr(mail)
    assert "secret" not in repr(hook)


def test_secrets_come_from_files_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("HOOK_URL", "https://example.com/other")
    entry = {"name": "x", "kind": "webhook", "url_env": "HOOK_URL", "secret_file": str(tmp_path / "key")}
    [target] = load(entry)
    assert (target.url, target.secret) == ("https://example.com/other", "from a file")
    monkeypatch.delenv("HOOK_URL")
    assert "notify entry 1 (x): url_env: the environment variable HOOK_URL is not set" in fault(entry)
    monkeypatch.setenv("HOOK_URL", "https://example.com/other")
    (tmp_path / "key").write_text("\n")
    assert "secret_file" in fault(entry)
    (tmp_path / "key").unlink()
    assert "No such file" in fault(entry)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "pigeon"}, "kind: 'pigeon' is none; write one of webhook, apprise"),
        ({"kind": None}, "kind: "),
        ({"name": "two words"}, "name: should match"),
        ({"url": ""}, "url: "),
        ({"url": None}, "url: is missing"),
        ({"url": "ftp://example.com/"}, "url: is no address; write https://host/path"),
        ({"url": "https:///path"}, "url: is no address"),
        ({"url": "https://example.com:99999/"}, "url: is no address"),
        ({"url": "https://example.com/a b"}, "url: holds characters that must be percent-encoded"),
        ({"url": "https://ann:hunter2@example.com/"}, "url: must not hold a user or a password"),
        ({"headers": {"X-Miharu-Delivery": "1"}}, "headers: 'X-Miharu-Delivery' is no header that can be given"),
        ({"headers": {"A b": "1"}}, "headers: 'A b' is no header"),
        ({"headers": {"A": "1\r\nB: 2"}}, "headers: the value of 'A' is not printable ASCII"),
        ({"secret": "hunter2", "secret_env": "X"}, "secret: is given twice, as secret and secret_env"),
        ({"min_level": "hi"}, "min_level: should be 'informational', 'low'"),
        ({"rules": "r1"}, "rules: should be a valid list"),
        ({"per_minute": 0}, "per_minute: should be greater than or equal to 1"),
        ({"colour": "red"}, "colour: is no key; there are name, kind, url,"),
        ({"kind": "apprise"}, "url: is no address that Apprise knows"),
        ({"kind": "apprise", "url": "json://example.com", "secret": "hunter2"}, "secret: is for webhooks"),
    ],
)
def test_a_fault_names_entry_and_key_and_shows_no_secret(change: dict[str, Any], said: str):
    entry = HOOK | {"url": "nosuch://x" if change == {"kind": "apprise"} else HOOK["url"]} | change
    text = fault({"name": "fine", "kind": "webhook", "url": "https://example.com/"}, entry)
    assert text.startswith("notify entry 2 (")
    assert said in text
    assert "hunter2" not in text


def test_all_faults_are_said_at_once_and_names_are_unique():
    text = fault(HOOK, HOOK, {"kind": "webhook"})
    assert "notify entry 2 (ops): name: another entry has it already" in text
    assert "notify entry 3: name: is missing" in text


def test_a_target_wants_its_rules_at_its_level_and_above():
    [everything, some] = load(HOOK, HOOK | {"name": "b", "min_level": "high", "rules": ["r1"]})
    assert everything.wants(alert(1, "low"))
    assert not everything.wants(alert(1, "informational"))
    assert some.wants(alert(1, "high"))
    assert some.wants(alert(1, "critical"))
    assert not some.wants(alert(1, "medium"))
    assert not some.wants(alert(1, "high", rule="r2"))
