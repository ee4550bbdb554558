"""A filter in SQL finds exactly the events a plain reading in Python finds, whatever the filter and its values."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from miharu.core.errors import QueryError
from miharu.search import compile_search
from miharu.search.literals import text_literal

Row = dict[str, Any]
CHILD = Path(__file__).parents[1] / "unit" / "search" / "search_child.py"
UNMAPPED = {"x.user": "x.user", '`odd "key"`': 'odd "key"'}
"""Fields without a column, as written in a search and as kept in the JSON text."""
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NAMES = [
    "alice",
    "Alice",
    "ALICE-2",
    "bob",
    "b*b",
    "b?b",
    "René",
    "RENÉ",
    "",
    "a b",
    "O'Hara",
    'say "hi"',
    "x\\y",
    "%",
    "_",
]
NAMES += ["line\nbreak", "tab\there", "(x)", "a:b", "4624", "12", "9", "007", None]
ADDRESSES = [
    "192.0.2.1",
    "192.0.2.200",
    "198.51.100.7",
    "2001:db8::1",
    "2001:db8:1::",
    "::1",
    "",
    "not-an-address",
    None,
]
CODES = ["4624", "4625", "1", "1102", "abc", "", None]
PORTS = [0, 22, 443, 65535, -1, None]
SCORES = [0.5, 22.0, -3.25, None]
TAGS = [[], ["a"], ["A", "b*b"], ["René", "x y"], ["", "12"]]
TEXTS = [
    "Failed password for alice",
    "failed_PASSWORD",
    "C:\\Windows\\cmd.exe",
    "naïve café",
    "a-b c",
    "--",
    "",
    "日本語のログ",
]
EXTRA = ["alice", ["Alice", "b?b", None], 4624, 12.5, True, None, [], "RENÉ", {"deep": 1}]
TIMES = [
    datetime(1601, 1, 1, tzinfo=UTC),
    datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    NOW,
    NOW - timedelta(days=1),
]
TIMES += [datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=UTC), EPOCH]


def pick(values: list[Any], index: int, step: int) -> Any:
    return values[(index * step + index // len(values)) % len(values)]


def make_row(index: int) -> Row:
    extra = {"x.user": pick(EXTRA, index, 1), 'odd "key"': pick(NAMES, index, 5)}
    return {
        "@timestamp": (pick(TIMES, index, 3) - EPOCH) // timedelta(microseconds=1),
        "event.id": f"{index:03}",
        "event.dataset": "test.rows",
        "event.original": pick(TEXTS, index, 3),
        "message": pick([*TEXTS, None], index, 5),
        "host.name": pick([*NAMES[:6], None], index, 3),
        "user.name": pick(NAMES, index, 7),
        "event.code": pick(CODES, index, 2),
        "source.ip": pick(ADDRESSES, index, 5),
        "destination.port": pick(PORTS, index, 5),
        "event.risk_score": pick(SCORES, index, 3),
        "process.pe.signed": pick([True, False, None], index, 1),
        "tags": pick(TAGS, index, 3),
        "log.levels": pick([[], [1], [2, 22]], index, 2),
        "fields": None if index % 7 == 0 else json.dumps(extra, ensure_ascii=index % 2 == 0),
    }


ROWS = [make_row(index) for index in range(120)]


@dataclass(frozen=True)
class Case:
    """A filter as text, and what it means."""

    text: str
    holds: Callable[[Row], bool]


# -- the plain reading ---------------------------------------------------------------------------------


def fold(text: str, value: str) -> str:
    """Capitals do not count; letters beyond a-z are folded only when the value has some."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in text) if value.isascii() else text.lower()


def texts_of(row: Row, field: str) -> list[str | None]:
    if field == "tags":
        return list(row["tags"])
    if field not in UNMAPPED:
        return [row[field]]
    value = json.loads(row["fields"] or "{}").get(UNMAPPED[field])
    return [as_text(item) for item in value] if isinstance(value, list) else [as_text(value)]


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def same(text: str | None, value: str) -> bool:
    if text is None:
        return False
    if fold(text, value) == fold(value, value):
        return True
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(value, strict=False) and "/" in value
    except ValueError:
        return False


def number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d+(\.\d+)?", text) else None


def compare(left: Any, operator: str, right: Any) -> bool:
    if left is None or right is None:
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, ":": left == right}[
        operator
    ]


def has_words(text: str | None, phrase: str) -> bool:
    if text is None:
        return False
    wanted = re.findall("[0-9a-z]+", phrase.lower())
    if not phrase.isascii():
        return phrase.lower() in text.lower()
    if not wanted:
        return phrase in text
    found = re.findall("[0-9a-z\x80-\U0010ffff]+", fold(text, ""))
    return any(found[at : at + len(wanted)] == wanted for at in range(len(found)))


# -- how it is written -----------------------------------------------------------------------------------


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape(text: str) -> str:
    return re.sub(r'([\\"():<>=|*?{},` ])', r"\\\1", text)


VALUES = st.one_of(
    st.sampled_from(
        [value for value in [*NAMES, *CODES, *ADDRESSES, "192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0"] if value]
    ),
    st.text(alphabet="abÉé*?\\\"'%_() ", min_size=1, max_size=4),
)
TEXT_FIELDS = st.sampled_from(["user.name", "host.name", "event.code", "source.ip", "tags", *UNMAPPED])
OPERATORS = st.sampled_from(["<", "<=", ">", ">="])
PIECES = st.lists(
    st.one_of(st.sampled_from(["*", "?"]).map(lambda sign: (sign,)), st.sampled_from("aAbBé%_\\*l.4")), min_size=1
)


@st.composite
def text_cases(draw: st.DrawFn) -> Case:
    field, value = draw(TEXT_FIELDS), draw(VALUES)
    sign = draw(st.sampled_from([":", " : ", "=", "!="]))
    found = lambda row: any(same(text, value) for text in texts_of(row, field))  # noqa: E731
    holds = (lambda row: not found(row)) if sign == "!=" else found
    bare = not re.search(r"[\x00-\x20]", value.replace(" ", "")) and draw(st.booleans())
    return Case(f"{field}{sign}{escape(value) if bare else quote(value)}", holds)


@st.composite
def wild_cases(draw: st.DrawFn) -> Case:
    field, pieces = draw(TEXT_FIELDS), draw(PIECES)
    written = "".join(piece[0] if isinstance(piece, tuple) else escape(piece) for piece in pieces)
    assume(any(isinstance(piece, tuple) for piece in pieces) and written != "*")
    plain = "".join(piece for piece in pieces if isinstance(piece, str))
    regex = "".join(
        {"*": ".*", "?": "."}[piece[0]] if isinstance(piece, tuple) else re.escape(fold(piece, plain))
        for piece in pieces
    )
    match = lambda text: text is not None and re.fullmatch(regex, fold(text, plain), re.DOTALL) is not None  # noqa: E731
    return Case(f"{field}: {written}", lambda row: any(match(text) for text in texts_of(row, field)))


@st.composite
def exists_cases(draw: st.DrawFn) -> Case:
    field = draw(st.sampled_from(["user.name", "tags", "x.user", "destination.port", "source.ip"]))
    if field == "destination.port":
        return Case(f"{field}:*", lambda row: row[field] is not None)
    return Case(f"{field} : *", lambda row: any(text is not None for text in texts_of(row, field)))


@st.composite
def number_cases(draw: st.DrawFn) -> Case:
    field = draw(st.sampled_from(["destination.port", "event.risk_score", "log.levels"]))
    sign = draw(st.one_of(OPERATORS, st.just(":")))
    value = draw(
        st.one_of(st.sampled_from([22, 443, 0, -1, 1, 2**70]), st.floats(-100, 100).map(lambda f: round(f, 2)))
    )
    values = lambda row: row[field] if isinstance(row[field], list) else [row[field]]  # noqa: E731
    return Case(f"{field} {sign} {value}", lambda row: any(compare(item, sign, value) for item in values(row)))


@st.composite
def text_range_cases(draw: st.DrawFn) -> Case:
    field, sign = draw(st.sampled_from(["event.code", "user.name"])), draw(OPERATORS)
    if draw(st.booleans()):
        value = draw(st.sampled_from([4624, 10, 1102.5]))
        return Case(f"{field} {sign} {value}", lambda row: compare(number(row[field]), sign, value))
    text = draw(st.sampled_from(["alice", "B", "4624", ""]))
    left = lambda row: None if row[field] is None else fold(row[field], text).encode()  # noqa: E731
    return Case(f"{field} {sign} {quote(text)}", lambda row: compare(left(row), sign, text.lower().encode()))


@st.composite
def time_cases(draw: st.DrawFn) -> Case:
    sign = draw(st.one_of(OPERATORS, st.just(":")))
    day = datetime(2026, 11, 24, tzinfo=UTC)
    spans = {
        "2026-11-24": (day, day + timedelta(days=1)),
        '"2026-11-24 12:00"': (NOW, NOW + timedelta(minutes=1)),
        "2026-11-24T12:00:00Z": (NOW, NOW + timedelta(seconds=1)),
        "2026-11-23T23:59:59.999999": (TIMES[5], day),
        "now-1d": (TIMES[3], TIMES[3] + timedelta(microseconds=1)),
        "1601-01-01": (TIMES[0], TIMES[0] + timedelta(days=1)),
        "2999-12-31": (datetime(2999, 12, 31, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)),
        "0001-01-01": (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)),
    }
    text = draw(st.sampled_from(list(spans)))
    begin, end = spans[text]

    def holds(row: Row) -> bool:
        at = EPOCH + timedelta(microseconds=row["@timestamp"])
        return {":": begin <= at < end, "<": at < begin, "<=": at < end, ">": at >= end, ">=": at >= begin}[sign]

    return Case(f"@timestamp {sign} {text}", holds)


@st.composite
def word_cases(draw: st.DrawFn) -> Case:
    phrase = draw(
        st.sampled_from(["failed", "PASSWORD", "password for", "for password", "c:\\windows", "café", "b", "--", "語"])
    )
    if draw(st.booleans()):
        field = draw(st.sampled_from(["message", "event.original"]))
        return Case(f"{field} : {quote(phrase)}", lambda row: has_words(row[field], phrase))
    written = quote(phrase) if draw(st.booleans()) else escape(phrase)
    return Case(written, lambda row: has_words(row["event.original"], phrase) or has_words(row["message"], phrase))


@st.composite
def group_cases(draw: st.DrawFn) -> Case:
    field, first, second = draw(TEXT_FIELDS), draw(VALUES), draw(VALUES)
    word = draw(st.sampled_from(["or", "AND"]))
    holds = any if word == "or" else all
    test = lambda row, value: any(same(text, value) for text in texts_of(row, field))  # noqa: E731
    text = f"{field} : ({quote(first)} {word} {quote(second)})"
    return Case(text, lambda row: holds(test(row, value) for value in (first, second)))


LEAVES = st.one_of(
    text_cases(),
    wild_cases(),
    exists_cases(),
    number_cases(),
    text_range_cases(),
    time_cases(),
    word_cases(),
    group_cases(),
    st.sampled_from([True, False]).map(
        lambda flag: Case(f"process.pe.signed : {str(flag).lower()}", lambda row: row["process.pe.signed"] is flag)
    ),
)


def joined(parts: list[Case], word: str) -> Case:
    text = f" {word} ".join(f"({part.text})" for part in parts)
    if word == "or":
        return Case(text, lambda row: any(part.holds(row) for part in parts))
    return Case(text, lambda row: all(part.holds(row) for part in parts))


def extend(cases: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    several = st.lists(cases, min_size=2, max_size=3)
    return st.one_of(
        st.builds(joined, several, st.sampled_from(["and", "or", ""])),
        cases.map(lambda case: Case(f"not ({case.text})", lambda row: not case.holds(row))),
    )


CASES = st.recursive(LEAVES, extend, max_leaves=6)


# -- the tests -----------------------------------------------------------------------------------------


class Engine:
    """The child process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(CHILD), str(folder)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.types: dict[str, str] = self.ask(ROWS)["types"]

    def ask(self, request: Any) -> dict[str, Any]:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(json.dumps(request) + "\n")
        self.child.stdin.flush()
        answer: dict[str, Any] = json.loads(self.child.stdout.readline())
        return answer

    def search(self, text: str) -> list[list[Any]]:
        answer = self.ask(compile_search(text, self.types, limit=10_000, now=NOW).sql)
        assert "rows" in answer, (text, answer)
        rows: list[list[Any]] = answer["rows"]
        return rows

    def close(self) -> None:
        self.child.communicate(timeout=30)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    found = Engine(tmp_path_factory.mktemp("search") / "data")
    yield found
    found.close()


@pytest.mark.mission("S3")
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=CASES)
def test_filter_equals_the_plain_reading(case: Case, engine: Engine) -> None:
    found = {row[0] for row in engine.search(f"{case.text} | keep event.id")}
    assert found == {row["event.id"] for row in ROWS if case.holds(row)}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=20), field=st.sampled_from(["user.name", "tags", "x.user", "message", "nosuchfield"]))
def test_no_value_breaks_out(text: str, field: str, engine: Engine) -> None:
    literal = engine.ask(f"SELECT hex({text_literal(text)})")
    assert literal == {"rows": [[text.encode().hex().upper()]]}
    for query in (f"{field} : {quote(text)}", quote(text)):
        assert len(engine.search(query)) <= len(ROWS)
    if field != "message":
        found = {row[0] for row in engine.search(f"{field}:{quote(text)} | keep event.id")}
        expected = (
            {row["event.id"] for row in ROWS if any(same(item, text) for item in texts_of(row, field))}
            if (field != "nosuchfield")
            else set()
        )
        assert found == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(
        st.sampled_from([*"ab:()\"|*\\<>=@`'., -", "and ", "or ", "not ", "user.name", "stats ", "by ", "where "])
    ).map("".join)
)
def test_any_text_is_an_answer_or_an_error_with_a_place(text: str, engine: Engine) -> None:
    try:
        engine.search(text)
    except QueryError as error:
        caught = error
    else:
        return
    assert caught.position is None or 0 <= caught.position <= len(text)
    assert str(caught)
