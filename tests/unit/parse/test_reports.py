"""Diagnostic reports: what the header, the keys and the lists say, in both forms; any text is read without an error."""

from __future__ import annotations

from typing import Any

import orjson
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.catalog import ReadStep
from miharu.parse.reports import read_report

STEP = ReadStep("report", "message")
HEADER = '{"bug_type":"109","app_name":"Ledger","app_version":"","incident_id":"A1"}'


def read(*texts: str | None) -> list[dict[str, Any]]:
    frame = pl.DataFrame({"message": pl.Series(texts, dtype=pl.String), "row": range(len(texts))})
    rows = [row for made in read_report(frame, STEP) for row in made.iter_rows(named=True)]
    assert len(rows) == len(texts)
    return sorted(rows, key=lambda row: row["row"])


def test_keys_of_text_stand_under_their_names_and_sections_hold_their_lines() -> None:
    (found,) = read(
        f"{HEADER}\nProcess:  Ledger [7]\nOS Version:  iPhone OS 14.8 (18H17)\nCrashReporter Key:\n"
        "Role:     Foreground\n\n"
        "Application Specific Information:\nabort() called\nWhy: none\n\nTriggered by Thread:  1\n\n"
        "Thread 1 name:  Dispatch queue: books\nThread 1 Crashed:\n0 a\n1 b\n\nBinary Images:\nNot: read\n"
    )
    assert (found["process"], found["os_version"], found["role"]) == (
        "Ledger [7]",
        "iPhone OS 14.8 (18H17)",
        "Foreground",
    )
    assert found["application_information"] == "abort() called\nWhy: none"
    assert (found["faulting_thread"], found["faulting_thread_name"]) == ("1", "Dispatch queue: books")
    assert found["faulting_thread_stack"] == "0 a\n1 b"
    assert found["bug_type"] == "109"
    assert {"not", "app_version", "crashreporter_key"}.isdisjoint(found)


def test_the_thread_that_failed_is_taken_out_of_the_lists_of_json() -> None:
    body = {
        "pid": 7,
        "asi": {"libsystem_c.dylib": ["abort() called"]},
        "faultingThread": 1,
        "threads": [{}, {"id": 70, "queue": "books", "frames": [{"imageOffset": 16, "imageIndex": 0, "symbol": "f"}]}],
        "usedImages": [{"name": "Ledger", "base": 4096}],
    }
    (found,) = read(f"{HEADER}\n{orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}")
    assert (found["pid"], found["app_name"]) == (7, "Ledger")
    assert (found["faulting_thread_id"], found["faulting_thread_name"]) == (70, "books")
    assert found["faulting_thread_stack"] == "0 Ledger 0x1010 f + 0"
    assert found["application_information"] == "abort() called"


def test_of_processes_ended_for_their_memory_the_first_is_named() -> None:
    processes = [{"name": "a", "pid": 1}, {"name": "b", "pid": 2, "reason": "vm-pageshortage"}]
    (found,) = read(f"{HEADER}\n{orjson.dumps({'processes': processes}).decode()}")
    assert (found["killed"], found["killed_name"], found["killed_pid"]) == (["b[2]: vm-pageshortage"], "b", 2)


def test_columns_that_are_there_stay_and_what_is_no_report_adds_nothing() -> None:
    none, found, text = read(None, f'{HEADER}\n{{"row":9,"message":"x","pid":1}}', "nothing of the kind")
    assert (found["row"], found["pid"]) == (1, 1)
    assert str(found["message"]).startswith(HEADER)
    assert text.get("pid") is none.get("pid") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("threads", "usedImages", "processes", "asi", "faultingThread", "panicString", "record.row", "a", "a.b")


@given(st.dictionaries(st.sampled_from(KEYS), json_values), st.text(max_size=60))
def test_any_report_is_read_without_an_error(body: dict[str, Any], text: str) -> None:
    read(f"{HEADER}\n{orjson.dumps(body).decode()}", f"{HEADER}\n{text}", text, f"Thread 1 Crashed: {text}\n\n{text}:")
