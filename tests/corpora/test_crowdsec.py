"""What CrowdSec's parsers say of the lines of its own hub tests, our sources say too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.crowdsec import Score, compare, run, statements

LEAST = {
    "named": 0.99,
    "address": 0.95,
    "user": 0.95,
    "host": 0.95,
    "time": 0.95,
    "http_verb": 0.97,
    "http_status": 0.97,
    "http_user_agent": 0.97,
    "rule": 0.95,
    "fqdn": 0.95,
    # Two of CrowdSec's kinds call a line an attack that tells only of a try or of a logged packet.
    "action": 0.95,
    # CrowdSec calls the bytes of a request that is no HTTP its path.
    "http_path": 0.95,
}


@pytest.mark.mission("S96")
def test_lines_of_crowdsecs_tests_say_what_its_parsers_say(corpora: Path) -> None:
    score = run(corpora / "crowdsec-hub-tests")
    assert score.asked["named"] > 4000
    assert score.asked["address"] > 700
    assert score.asked["found"] == 0, "a line of an assertion is no record"
    low = {key: (score.rate(key), score.asked[key]) for key, least in LEAST.items() if score.rate(key) < least}
    assert not low, "\n".join(score.misses)


def test_statements_of_all_stages_of_a_line_are_put_together() -> None:
    text = "\n".join(
        f'results["{stage}"]["frob/{parser}"][{at}].{what}'
        for stage, parser, at, what in (
            ("s00-raw", "syslog", 0, "Success == true"),
            ("s00-raw", "syslog", 0, 'Evt.Parsed["message"] == "a \\"b\\""'),
            ("s00-raw", "syslog", 0, 'Evt.Meta["machine"] == "web1"'),
            ("s01-parse", "x", 0, "Success == true"),
            ("s01-parse", "x", 0, 'Evt.Parsed["message"] == "a \\"b\\""'),
            ("s01-parse", "x", 0, 'Evt.Meta["source_ip"] == "192.0.2.7"'),
            ("s01-parse", "x", 1, "Success == false"),
        )
    )
    (((message, before), told),) = statements(text).items()
    assert (message, before) == ('a "b"', 0)
    assert (told["Meta.machine"], told["Meta.source_ip"], told["stage"]) == ("web1", "192.0.2.7", "s01-parse")


def test_a_wrong_answer_is_a_miss() -> None:
    score = Score()
    wanted = {"Meta.source_ip": "192.0.2.7", "Meta.user": "alice", "Meta.log_type": "frob_failed_auth"}
    event = {"event.dataset": "frob.log", "source.ip": "192.0.2.8", "user.name": "alice", "event.outcome": "success"}
    compare("frob", "a line", wanted, event, score)
    assert {key: score.rate(key) for key in score.asked} == {"address": 0.0, "user": 1.0, "action": 0.0}
    assert len(score.misses) == 2
