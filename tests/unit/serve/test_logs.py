"""What parts say comes out as one line of ECS each, that the log source of our own log reads."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import datetime

import orjson
import pytest

from miharu.serve.logs import EcsLine, _Seldom

SAY = """
import logging, sys, structlog
from miharu.serve.logs import configure_logs
configure_logs("intake")
log = structlog.get_logger()
log.debug("not said")
log.info("listens", action="started", address="192.0.2.1:514", many=[1, 2], when=object)
log.warning("odd", **{"source.ip": "192.0.2.9"})
try:
    raise ValueError("bad\\nnews")
except ValueError as error:
    log.error("failed", action="fault", error=str(error), exc_info=error)
    log.exception("again")
logging.getLogger("some.library").info("not said")
logging.getLogger("some.library").warning("careful %s", "you")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("some.library").exception("oops")
log.info("lone \\udc80 surrogate", **{"odd\\udc80": 1 << 70})
"""


@pytest.fixture(scope="module")
def said() -> list[dict[str, object]]:
    done = subprocess.run([sys.executable, "-c", SAY], capture_output=True, check=True, timeout=60)
    assert not done.stdout
    return [orjson.loads(line) for line in done.stderr.splitlines()]


def test_every_message_is_one_line(said: list[dict[str, object]]):
    assert [(line["log.level"], line["message"]) for line in said[:6]] == [
        ("info", "listens"),
        ("warning", "odd"),
        ("error", "failed"),
        ("error", "again"),
        ("warning", "careful you"),
        ("error", "oops"),
    ]
    assert len(said) == 7
    for line in said:
        assert (line["event.dataset"], line["process.name"]) == ("miharu.log", "intake")
        assert datetime.fromisoformat(str(line["@timestamp"])).tzinfo is not None


def test_words_get_names_of_ecs_or_ours(said: list[dict[str, object]]):
    assert said[0]["event.action"] == "started"
    assert said[0]["miharu.address"] == "192.0.2.1:514"
    assert said[0]["miharu.many"] == [1, 2]
    assert said[1]["source.ip"] == "192.0.2.9"
    assert said[2]["error.message"] == "bad\nnews"
    assert said[4]["log.logger"] == "some.library"


def test_errors_bring_where_they_came_from(said: list[dict[str, object]]):
    for number, name in ((2, "ValueError: bad"), (3, "ValueError: bad"), (5, "ZeroDivisionError")):
        assert "Traceback" in str(said[number]["error.stack_trace"])
        assert name in str(said[number]["error.stack_trace"])


def test_text_that_is_no_utf8_is_said_all_the_same(said: list[dict[str, object]]):
    assert said[6]["message"] == r"lone \udc80 surrogate"
    assert said[6][r"miharu.odd\udc80"] == str(1 << 70)


def test_a_line_names_the_process():
    line = orjson.loads(EcsLine("api").line("info", {"message": "m", "log.level": "warning"}))
    assert line["process.pid"] == os.getpid()
    assert line["log.level"] == "warning"


def test_words_of_libraries_do_not_flood():
    now = 0.0
    seldom = _Seldom(lambda: now)

    def passed(text: str, *words: object) -> str:
        record = logging.LogRecord("lib", logging.WARNING, "", 0, text, words, None)
        return record.getMessage() if seldom.filter(record) else ""

    assert list(filter(None, (passed("bad request %s", number) for number in range(100)))) == [
        f"bad request {number}" for number in range(5)
    ]
    assert passed("something else")
    now = 61.0
    assert passed("bad request %s", 7) == "bad request 7 (and 95 times more before)"
    assert list(filter(None, (passed("bad request %s", number) for number in range(100)))) == [
        f"bad request {number}" for number in range(4)
    ]
    for number in range(5000):
        passed(f"kind {number}")
    assert len(seldom._heard) <= 1000
