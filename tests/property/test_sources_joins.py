"""Lines joined to records, and the headers before them, are those a naive reader finds, however the text is cut."""

import io
import re
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.catalog import Join
from miharu.core.columns import RECORD_HEADER, RECORD_OFFSET, RECORD_RAW
from miharu.sources import Limits, SourceFile
from miharu.sources.content import StreamOver
from miharu.sources.headers import Headers, table_header
from miharu.sources.joining import Joiner
from miharu.sources.lines import LineCutter
from miharu.sources.textcoding import TextWindow

KEY = "0" * 32
JOINS = (
    Join(start="^A", continues=r"^\s|^at "),
    Join(start="^# user", leads="^# time"),
    Join(start="^Q,", quotes='"'),
    Join(start="^[0-9]", next="^LogName="),
    Join(start="^only", first="^A"),
)
PARTS = [b"A", b"A one", b"at x", b"  more", b"# time", b"# user", b"SET;", b'Q,"', b'Q,"a"', b'x"', b"LogName=", b"12"]
PARTS += [b"\xe9", b"", b" ", b"#Fields: a b", b"#fields\ta\tb", b"#Date: 1", b"1 2", b"only", b"x" * 40]
LINES = st.lists(st.sampled_from(PARTS), max_size=30)
TEXT = st.builds(lambda lines, end, tail: end.join(lines) + tail, LINES, st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n"]))  # fmt: skip


class Bytes:
    def __init__(self, data):
        self.data = data

    def open(self):
        return StreamOver(io.BytesIO(self.data))


def file_of(data, joins=JOINS, **limits):
    return SourceFile("a", datetime(2024, 1, 1, tzinfo=UTC), Bytes(data), Limits(**limits)).joined_by(joins)


def filled_lines(data):
    """Return (begin, line) of each line that is not blank."""
    offset, found = 0, []
    for line in data.splitlines(keepends=True):
        bare = line.rstrip(b"\r\n")
        if bare.strip(b" \t\n\r\x0b\x0c"):
            found.append((offset, bare))
        offset += len(line)
    return found


def naive(data, joins=JOINS):
    """Return (begin, record) of the records, line by line."""
    lines = filled_lines(data)
    first = lines[0][1] if lines else b""
    rules = [join for join in joins if not join.first or has(join.first, first)]
    records, owner, quoted, alive = [], None, -1, False
    for at, (begin, line) in enumerate(lines):
        rule = None if at <= quoted else beginning(rules, lines, at, records, owner)
        if at <= quoted or (rule is None and alive and goes_on(owner, lines, at)):
            records[-1].append((begin, line))
            continue
        records.append([(begin, line)])
        owner, alive = rule, rule is not None
        if rule is not None and rule.quotes and line.count(rule.quotes.encode()) % 2:
            rest = [n for n in range(at + 1, len(lines)) if lines[n][1].count(rule.quotes.encode()) % 2]
            quoted = rest[0] if rest else -1
    return [(lines[0][0], data[lines[0][0] : lines[-1][0] + len(lines[-1][1])]) for lines in records]


def beginning(rules, lines, at, records, owner):
    line, following = lines[at][1], lines[at + 1][1] if at + 1 < len(lines) else None
    for rule in rules:
        leads = bool(rule.leads) and has(rule.leads, line)
        if not leads and not has(rule.start, line):
            continue
        if rule.next and (following is None or not has(rule.next, following)):
            continue
        behind = not leads and rule.leads and at and has(rule.leads, lines[at - 1][1])
        return None if behind else rule
    return None


def goes_on(owner, lines, at):
    if owner.quotes:
        return False
    return not owner.continues or has(owner.continues, lines[at][1])


def has(pattern, line):
    return re.search(pattern.encode(), line) is not None


def cut(data, block):
    window = TextWindow(StreamOver(io.BytesIO(data)), "utf-8", 0, block)
    lines = filled_lines(data)
    first = lines[0][1] if lines else b""
    cutter = LineCutter(1 << 20, 1 << 18, joiner=Joiner(JOINS, first), headers=Headers(table_header(first)))
    records, headers = [], []
    while not window.final:
        found = cutter.cut(window, window.fill())
        pairs = zip(found.starts.tolist(), found.stops.tolist(), strict=True)
        records += [(window.base + a, window.data[a:b]) for a, b in pairs]
        headers += [None] * len(found.starts) if found.headers is None else found.headers.to_list()
        window.drop(found.used)
    return records, headers


def naive_headers(data):
    """Return the header before each record: of blocks of lines with `#`, those that name columns."""
    lines = filled_lines(data)
    current = table_header(lines[0][1] if lines else b"") or None
    found, at = {}, 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end][1].startswith(b"#"):
            end += 1
        block = tuple(line for _, line in lines[at:end])
        if any(re.match(rb"#fields(?![0-9a-z_])", line.lower()) for line in block):
            current = block
        end = max(end, at + 1)
        found |= {begin: current for begin, _ in lines[at:end]}
        at = end
    return [found[begin] for begin, _ in naive(data)]


def shape(header):
    if header is None:
        return None
    lines = header.encode("utf-8", "surrogateescape") if not header.startswith("#") else None
    if lines is not None:
        return lines
    return tuple(line.encode() for line in header.replace("\r", "").split("\n") if line.strip())


@settings(deadline=None)
@given(TEXT, st.integers(2, 60))
def test_records_are_those_of_a_naive_reader(data, block):
    assert cut(data, block)[0] == naive(data)


@settings(deadline=None)
@given(TEXT, st.integers(2, 60))
def test_no_line_is_lost_or_changed(data, block):
    lines = [line for _, raw in cut(data, block)[0] for _, line in filled_lines(raw)]
    assert lines == [line for _, line in filled_lines(data)]


@settings(deadline=None)
@given(TEXT, st.integers(2, 60))
def test_headers_are_those_of_a_naive_reader(data, block):
    if b"\xe9" in data:
        data = data.replace(b"\xe9", b"e")
    assert [shape(header) for header in cut(data, block)[1]] == naive_headers(data)


def rows_of(chunks):
    rows = []
    for chunk in chunks:
        records = chunk.records
        headers = records[RECORD_HEADER].to_list() if RECORD_HEADER in records.columns else [None] * records.height
        rows += zip(records["record.id"], records[RECORD_OFFSET], records[RECORD_RAW], headers, strict=True)
    return rows


@settings(deadline=None)
@given(TEXT, st.integers(1, 4), st.integers(2, 60))
def test_any_chunk_read_again_and_any_rest_give_the_same(data, rows, block):
    file = file_of(data, block=block)
    if file.format != "lines":
        return
    chunks = list(file.chunks(KEY, rows=rows))
    whole = rows_of(file_of(data).chunks(KEY))
    assert rows_of(chunks) == whole
    for chunk in chunks:
        assert rows_of(file.chunks(KEY, chunk.begin, chunk.end)) == rows_of([chunk])
        assert rows_of(file.chunks(KEY, chunk.end)) == [row for row in whole if row[1] >= chunk.end]


@settings(deadline=None)
@given(TEXT, TEXT, st.integers(1, 4))
def test_a_grown_file_loses_no_line(data, more, rows):
    before, after = file_of(data), file_of(data + more)
    if {before.format, after.format} != {"lines"}:
        return
    end = ([0] + [chunk.end for chunk in before.chunks(KEY)])[-1]
    both = rows_of(before.chunks(KEY)) + rows_of(after.chunks(KEY, end, rows=rows))
    assert len({row[0] for row in both}) == len(both)
    words = [word for row in both for word in row[2].split()]
    assert b"".join(words) == b"".join((data + more).split())


@given(st.binary(max_size=60))
def test_any_first_line_is_no_trouble(line):
    assert table_header(line) in (b"", line)
