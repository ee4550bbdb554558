"""What is told of user agents: names and versions, of each distinct text once, whatever the text is."""

from __future__ import annotations

import polars as pl

from miharu.normalise.user_agents import NAMES, ORIGINAL, user_agents

CHROME = "Mozilla/5.0 (Windows NT 10.0; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0.1.2 Safari/537.36"


def told(texts: list[str | None], **more: list[str | None]) -> list[dict[str, str | None]]:
    batch = pl.DataFrame({ORIGINAL: texts, **more}, schema_overrides={ORIGINAL: pl.String})
    return batch.with_columns(user_agents(batch)).to_dicts()


def test_a_browser_is_told_with_its_system() -> None:
    (event,) = told([CHROME])
    assert event == {
        ORIGINAL: CHROME,
        "user_agent.name": "Chrome",
        "user_agent.version": "99.0.1.2",
        "user_agent.device.name": "Other",
        "user_agent.os.name": "Windows",
        "user_agent.os.version": "10",
        "user_agent.os.full": "Windows 10",
    }


def test_what_is_not_known_is_other_and_nothing_stays_nothing() -> None:
    unknown, none = told(["frobnicator", None])
    assert unknown["user_agent.name"] == unknown["user_agent.device.name"] == "Other"
    assert "user_agent.version" not in unknown
    assert none["user_agent.name"] is None


def test_what_the_log_source_says_stays() -> None:
    first, second = told([CHROME, CHROME], **{"user_agent.name": ["Mine", None]})
    assert (first["user_agent.name"], second["user_agent.name"]) == ("Mine", "Chrome")


def test_many_rows_of_few_texts_keep_their_order() -> None:
    texts = [CHROME, None, "curl/8.1.2", "\0" * 5000] * 200
    events = told(list(texts))
    assert [event["user_agent.name"] for event in events[:4]] == ["Chrome", None, "curl", "Other"]
    assert [event["user_agent.name"] for event in events] == [event["user_agent.name"] for event in events[:4]] * 200


def test_a_batch_without_user_agents_gets_no_columns() -> None:
    assert user_agents(pl.DataFrame({"message": ["a"]})) == []
    assert {series.name for series in user_agents(pl.DataFrame({ORIGINAL: [CHROME]}))} == set(NAMES)
