"""`miharu notify` lists targets and what waits for them, sends a test, and queues again what was given up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from miharu.cli import main
from miharu.core.clock import system_clock
from miharu.pipeline import Courier
from miharu.store import State
from tests.unit.respond.notify_receiver import SECRET, Answer, Receiver, notice, queue, signature, target, total


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        fixed = ["--data", str(tmp_path), "--config", str(tmp_path / "miharu.toml")]
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["miharu", *fixed, *words])
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(main())
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def configure(folder: Path, url: str) -> None:
    text = f'[[notify]]\nname = "ops"\nkind = "webhook"\nurl = "{url}"\nsecret = "{SECRET}"\nmin_level = "high"\n'
    (folder / "miharu.toml").write_text(text)


def test_a_test_message_is_sent_past_the_outbox(call, tmp_path):
    with Receiver([Answer(), Answer(410)]) as receiver:
        configure(tmp_path, receiver.url)
        assert call("--json", "notify", "test", "ops")[:2] == (0, '{"target":"ops","sent":true}\n')
        code, _, err = call("notify", "test", "ops")
        assert (code, "the test message to ops was not taken: it answered 410" in err) == (1, True)
    assert receiver.requests[0].json["notices"][0]["kind"] == "test"
    assert receiver.requests[0].headers["x-miharu-signature"] == signature(SECRET, receiver.requests[0])
    code, _, err = call("notify", "test", "chat")
    assert (code, "no target is named 'chat'; the names are ops" in err) == (1, True)


def test_what_waits_and_what_failed_is_listed_and_can_be_queued_again(call, tmp_path):
    with Receiver([Answer(404)]) as receiver, State.open(tmp_path) as state:
        configure(tmp_path, receiver.url)
        queue(state, notice(1), notice(2, "gone"))
        Courier(state, [target(receiver.url)], system_clock).run_once()
        code, out, _ = call("--json", "notify", "list")
        ops, gone = json.loads(out)["targets"]
        assert code == 0
        assert (ops["name"], ops["failed"], ops["waiting"], ops["last_error"]) == ("ops", 1, 0, "it answered 404")
        assert (gone["name"], gone["kind"], gone["waiting"]) == ("gone", "not configured", 1)
        code, out, _ = call("notify", "list")
        assert (code, "404" in out, SECRET in out) == (0, True, False)
        assert call("--json", "notify", "retry", "ops")[:2] == (0, '{"queued":1}\n')
        assert total(state) == {"waiting": 2}


def test_a_fault_in_the_setting_is_one_sentence(call, tmp_path):
    configure(tmp_path, "gopher://example.com")
    code, _, err = call("notify", "list")
    assert code == 1
    assert "notify entry 1 (ops): url: is no address; write https://host/path; see docs/how-to/notify.md" in err


def test_nothing_configured_is_said(call, tmp_path):
    (tmp_path / "miharu.toml").write_text("")
    code, out, err = call("notify", "list")
    assert (code, out) == (0, "")
    assert "no targets" in err
