"""Files of Apple's system log are told by content; each message is one record, also where a file grows or breaks."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miharu.core.chunk import Chunk
from miharu.sources import DEFAULT_LIMITS, Limits, expand
from tests.unit.sources.asl_writer import Message, asl_file

KEY = "0123456789abcdef" * 2
MESSAGES = [
    Message(1, 1_749_888_902, "short", nanos=17_678_000),
    Message(2, 1_749_888_903, "a text that stands elsewhere", more={"ut_user": "alice", "a longer key": "7"}),
    Message(3, 2**63, "é", level=3, sender="com.example.agent"),
]


def chunks(tmp_path: Path, data: bytes, begin: int = 0, end: int | None = None, **more: int) -> list[Chunk]:
    (tmp_path / "2025.06.14.asl").write_bytes(data)
    limits = Limits(record=more.pop("record")) if "record" in more else DEFAULT_LIMITS
    (file,) = expand([tmp_path / "2025.06.14.asl"], limits=limits)
    assert file.format == "asl"
    return list(file.chunks(KEY, begin, end, **more))


def told(found: list[Chunk]) -> list[dict[str, object]]:
    return [orjson.loads(raw) for chunk in found for raw in chunk.records["record.raw"]]


def test_messages_say_what_was_logged(tmp_path: Path) -> None:
    first, second, third = told(chunks(tmp_path, asl_file(MESSAGES)))
    number, more = ("ASLMessageID", 1), ("Time", "2025-06-14T08:15:02.017678+00:00")
    names = ("Level", "PID", "UID", "GID", "ReadUID", "ReadGID", "RefPID", "Host", "Sender", "Facility", "Message")
    values = (5, 1, 0, 0, -1, 80, 0, "mac1", "sshd", "auth", "short")
    assert first == dict([number, more, *zip(names, values, strict=True)])
    assert (second["Message"], second["ut_user"], second["a longer key"]) == (MESSAGES[1].text, "alice", "7")
    assert (third["Message"], third["Time"], third["Sender"]) == ("é", 2**63, "com.example.agent")


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    whole = chunks(tmp_path, asl_file(MESSAGES), rows=1)
    assert len(whole) == len(MESSAGES)
    for chunk in whole:
        (again,) = chunks(tmp_path, asl_file(MESSAGES), chunk.begin, chunk.end)
        assert again.records.drop("record.reference").equals(chunk.records.drop("record.reference"))
    before = chunks(tmp_path, asl_file(MESSAGES[:2]))
    after = chunks(tmp_path, asl_file(MESSAGES), before[-1].end)
    assert [one["ASLMessageID"] for one in told(before) + told(after)] == [1, 2, 3]


@pytest.mark.parametrize("left", [1, 9, 60])
def test_a_file_that_breaks_off_keeps_its_rest(tmp_path: Path, left: int) -> None:
    data = asl_file(MESSAGES)[:-left]
    *good, last = chunks(tmp_path, data)
    assert [one["ASLMessageID"] for one in told(good)] == [1, 2]
    ((reason, raw),) = last.rejects.select("reject.reason", "reject.raw").rows()
    assert (reason, last.begin, last.end) == ("asl_record", good[-1].end, good[-1].end)
    assert data.endswith(raw)


def test_a_list_that_runs_in_a_circle_ends(tmp_path: Path) -> None:
    data = bytearray(asl_file(MESSAGES))
    first = int.from_bytes(data[16:24], "big")
    data[first + 6 : first + 14] = first.to_bytes(8, "big")
    (only,) = chunks(tmp_path, bytes(data))
    assert (told([only]), only.rejects["reject.reason"].to_list()) == ([], ["asl_record"])


def test_a_file_beyond_the_limit_is_kept(tmp_path: Path) -> None:
    data = asl_file(MESSAGES)
    found = chunks(tmp_path, data, record=100)
    kept = [row for chunk in found for row in chunk.rejects.select("reject.reason", "reject.raw").rows()]
    assert {reason for reason, _ in kept} == {"too_long"}
    assert b"".join(raw for _, raw in kept) == data


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_survived(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(asl_file(MESSAGES))
    for place in data.draw(st.lists(st.integers(12, len(raw) - 1), max_size=6)):
        raw[place] = data.draw(st.integers(0, 255))
    told(chunks(tmp_path, bytes(raw)))
