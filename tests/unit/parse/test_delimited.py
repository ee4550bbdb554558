"""Lines under a header become columns by the header's names; what does not fit is somebody else's."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.columns import RECORD_HEADER, RECORD_ROW
from miharu.parse.delimited import DIRECTIVE, header_of, read_delimited
from miharu.parse.splitting import Dialect, pieces_of, split
from miharu.parse.text import TEXT, with_text
from tests.unit.parse.record_frames import records

ZEEK = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"


def read(lines, header):
    frame = with_text(records([line.encode() for line in lines])).with_columns(pl.lit(header).alias(RECORD_HEADER))
    frames, rest = read_delimited(frame)
    rows = {}
    for one in frames:
        for row in one.drop(TEXT, strict=False).to_dicts():
            number = row[RECORD_ROW]
            rows[number] = {k: v for k, v in row.items() if not k.startswith("record.") and v is not None}
    assert sorted(rows) == (~rest).arg_true().to_list()
    return rows


def test_w3c_fields_by_name_with_date_and_time_joined():
    rows = read(["2025-06-14 08:15:02 192.0.2.7 -"], "#Fields: date time c-ip cs(User-Agent)")
    expected = {"date": "2025-06-14", "time": "08:15:02", "c-ip": "192.0.2.7", "datetime": "2025-06-14 08:15:02"}
    assert rows == {0: expected | {"message": "2025-06-14 08:15:02 192.0.2.7 -"}}


def test_the_date_of_a_directive_belongs_to_a_time_without_one():
    header = "#Software: x\n#Date: 2025-06-14 00:00:00\n#Fields: time c-ip"
    assert read(["08:15:02 192.0.2.7"], header)[0]["datetime"] == "2025-06-14 08:15:02"


def test_directives_are_records_and_lines_that_do_not_fit_are_not_taken():
    rows = read(["#Fields: a b", "1 2", "1 2 3", "#Remark: x", ""], "#Fields: a b")
    assert {number: row.get(DIRECTIVE) for number, row in rows.items()} == {0: "Fields", 1: None, 3: "Remark"}


def test_names_that_stand_for_many_columns_are_names_all_the_same():
    row = read(["1 2 3"], "#Fields: * ^.*$ c")[0]
    assert row == {"sent.*": "1", "sent.^.*$": "2", "c": "3", "message": "1 2 3"}


def test_w3c_with_commas_has_quotes():
    assert read(['1,"x, y"'], "#Fields: a,b")[0] | {"message": ""} == {"a": "1", "b": "x, y", "message": ""}


def test_zeek_types_escapes_and_nothing():
    header = ZEEK + "#fields\tts\tq\tAA\tanswers\tn\n#types\ttime\tstring\tbool\tvector[string]\tcount"
    rows = read(["1.5\tx\\x09y\\\\z\tT\ta,b\t-", "2.5\t(empty)\tF\t-\t7", "#close\t2025"], header)
    assert {k: v for k, v in rows[0].items() if k != "message"} == {
        "ts": 1.5,
        "q": "x\ty\\z",
        "AA": True,
        "answers": ["a", "b"],
        "_path": "dns",
    }
    assert rows[1]["n"] == 7
    assert rows[1]["q"] == ""
    assert "answers" not in rows[1]
    assert rows[2] == {"directive": "close", "message": "#close\t2025"}


def test_zeek_lists_and_bytes_are_what_its_json_says():
    header = ZEEK + "#fields\ts\tl\tttl\tb\n#types\tstring\tset[string]\tvector[interval]\tvector[bool]"
    rows = read(
        ["\\xc3\\xa4\\xff\\x00\tx\\x2cy,z\t60.000000,1.5\tT,F", "ä\\x5c\t(empty)\t-\t(empty)", "a\t-\t-,2.0\t-"], header
    )
    assert rows[0]["s"] == "ä\\xff\\x00"
    assert (rows[0]["l"], rows[0]["ttl"], rows[0]["b"]) == (["x,y", "z"], ["60.0", "1.5"], ["true", "false"])
    assert (rows[1]["s"], rows[1]["l"], rows[1]["b"]) == ("ä\\", [], [])
    assert "l" not in rows[2]
    assert rows[2]["ttl"] == [None, "2.0"]


def test_tables_know_their_own_header_and_their_quotes():
    rows = read(["a;b;c", '1;"x;""y""";3', "1;2"], "a;b;c")
    assert rows[0] == {"directive": "header", "message": "a;b;c"}
    assert rows[1] == {"a": "1", "b": 'x;"y"', "c": "3", "message": '1;"x;""y""";3'}
    assert 2 not in rows


@pytest.mark.parametrize(
    "text", ["#Fields:", "#fields", "#Fields: one", "#separator \\x09", "#separator \\x09\n#fields"]
)
def test_headers_of_less_than_two_columns_say_nothing(text):
    assert header_of(text) is None


def test_names_are_apart_and_never_those_of_the_house():
    header = header_of("#Fields: a a record.raw")
    assert header is not None
    assert header.names == ("a", "a.2", "sent.record.raw")


@given(st.text(max_size=60), st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_nothing_raises_and_no_line_is_taken_twice(header, lines):
    read(lines, header)
    read(lines, "#fields" + header)
    read(lines, "#separator" + header + "\n#fields\ta\tb")


VALUES = st.lists(st.text(alphabet='ab," \t;', max_size=5), min_size=2, max_size=4)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_quoted_values_are_those_of_the_standard_reader(rows):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(rows)
    lines = pl.Series(buffer.getvalue().split("\r\n")[:-1])
    assert pieces_with(lines, 2) == [row if len(row) == 2 else None for row in rows]
    assert pieces_with(lines, 3) == [row if len(row) == 3 else None for row in rows]


def pieces_with(lines, count):
    values, fits = split(lines, Dialect(",", '"'), count)
    return [list(row) if fit else None for row, fit in zip(values.iter_rows(), fits, strict=True)]


@given(st.lists(st.text(alphabet="ab,'\\", max_size=12), min_size=1, max_size=4))
def test_pieces_hold_all_of_a_line(lines):
    for dialect in (Dialect(",", "'", "backslash"), Dialect(",", "'"), Dialect(",")):
        pieces = pieces_of(pl.Series(lines, dtype=pl.String), dialect)
        assert [",".join(piece) for piece in pieces] == lines
