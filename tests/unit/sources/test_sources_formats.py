"""Content is recognised by what it is, and cut into records that are exact bytes at exact places."""

import json
from datetime import UTC, datetime

import pytest

from miharu.core.columns import RECORD_SCHEMA, REJECT_SCHEMA
from miharu.core.identity import record_ids
from miharu.sources import Limits, expand

KEY = "0123456789abcdef" * 2
NAMESPACE = b"xmlns='http://schemas.microsoft.com/win/2004/08/events/event'"
EVENT = b"<Event " + NAMESPACE + b"><System><EventID>1</EventID></System></Event>"
SPREAD = b"<Event " + NAMESPACE + b">\r\n  <System>\r\n    <EventID>2</EventID>\r\n  </System>\r\n</Event>"


def parse(tmp_path, data, limits=None, **kwargs):
    """Return format, raws and rejects (reason, detail, raw) of content."""
    path = tmp_path / "content"
    path.write_bytes(data)
    (file,) = expand([path], limits or Limits())
    chunks = list(file.chunks(KEY, **kwargs))
    for chunk in chunks:
        assert dict(chunk.records.schema) == RECORD_SCHEMA
        assert dict(chunk.rejects.schema) == REJECT_SCHEMA
    raws = [raw for chunk in chunks for raw in chunk.records["record.raw"]]
    rejects = [row[1:4] for chunk in chunks for row in chunk.rejects.iter_rows()]
    return file.format, raws, rejects


@pytest.mark.parametrize(
    ("data", "format_", "raws"),
    [
        (b"a\nb\r\nc\rd", "lines", [b"a", b"b", b"c", b"d"]),
        (b"\n \n\ta \r\n\x0b\n", "lines", [b"\ta "]),
        ("a\u0085b\n".encode(), "lines", ["a\u0085b".encode()]),
        (b"\xef\xbb\xbfa\nb\n", "lines", [b"a", b"b"]),
        (b"caf\xe9 \xff\n\x80\n", "lines", [b"caf\xe9 \xff", b"\x80"]),
        (b'{"a":1}\n{"b":2}\n', "lines", [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\nplain text\n', "lines", [b'{"a":1}', b"plain text"]),
        (b'{"a":1}', "lines", [b'{"a":1}']),
        (b'{"a":{"b":[{"c":1}]},"time":2}\n', "lines", [b'{"a":{"b":[{"c":1}]},"time":2}']),
        (b'{"a":1}{"b":2} {"c":3}', "json", [b'{"a":1}', b'{"b":2}', b'{"c":3}']),
        (b'{"a":1},\n{"b":2},\n', "json", [b'{"a":1}', b'{"b":2}']),
        (b'{\n "a": 1\n}\n{\n "b": 2\n}\n', "json", [b'{\n "a": 1\n}', b'{\n "b": 2\n}']),
        (b'{"head":1}\n{\n "b": 2\n}\n', "json", [b'{"head":1}', b'{\n "b": 2\n}']),
        (b'{\n "a": 1\n}\nthen text\nmore\n', "lines", [b"{", b' "a": 1', b"}", b"then text", b"more"]),
        (b'[{"a":1}, 2, "x,]", null , [3,4]]', "json", [b'{"a":1}', b"2", b'"x,]"', b"null", b"[3,4]"]),
        (b"[\n  1,\n  2\n]\n", "json", [b"1", b"2"]),
        (b"[]", "json", []),
        (
            (
                b'Filtering the log data using "a"\nSkipping debug messages, pass --debug to include.\n'
                b'[{\n"a":1},{\n"b":2}]\n'
            ),
            "json",
            [
                b'Filtering the log data using "a"\nSkipping debug messages, pass --debug to include.',
                b'{\n"a":1}',
                b'{\n"b":2}',
            ],
        ),
        (b'Filtering the log data using "a"\n{"a":1}\n', "lines", [b'Filtering the log data using "a"', b'{"a":1}']),
        (b'[{"a":1}]\n[{"b":2}]\n', "json", [b'{"a":1}', b'{"b":2}']),
        (b'[{"a":1}] text\n', "lines", [b'[{"a":1}] text']),
        (b"[main]\nkey = value\n", "lines", [b"[main]", b"key = value"]),
        (b"[10, main] INFO x\n[11, main] INFO y\n", "lines", [b"[10, main] INFO x", b"[11, main] INFO y"]),
        (b'{"Records":[{"a":1},{"b":"]"}]}', "json", [b'{"a":1}', b'{"b":"]"}']),
        (b'{"Records":[{"a":1}]}\n{"Records":[{"b":2}]}\n', "json", [b'{"a":1}', b'{"b":2}']),
        (b'{"@odata.context":"c","tags":["t"],"value":[{"a":1}],"next":null}', "json", [b'{"a":1}']),
        (b'{"time":1,"value":[{"a":1}]}\n', "lines", [b'{"time":1,"value":[{"a":1}]}']),
        (b'{"actor":{"x":1},"events":[{"a":1}]}\n', "lines", [b'{"actor":{"x":1},"events":[{"a":1}]}']),
        (b"{not json}\n{at all}\n", "lines", [b"{not json}", b"{at all}"]),
        (b"server {\n  listen 80;\n}\n", "lines", [b"server {", b"  listen 80;", b"}"]),
        (b'{\n "a": b\n}\n', "lines", [b"{", b' "a": b', b"}"]),
    ],
)
def test_format_and_records(tmp_path, data, format_, raws):
    assert parse(tmp_path, data) == (format_, raws, [])
    assert parse(tmp_path, data, Limits(block=3)) == (format_, raws, [])


def test_offsets_and_ids_are_of_the_decompressed_content(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\n two\n")
    (file,) = expand([path])
    (chunk,) = file.chunks(KEY)
    assert chunk.records["record.offset"].to_list() == [3, 10]
    assert chunk.records["record.row"].to_list() == [0, 1]
    assert chunk.records["record.id"].to_list() == record_ids(KEY, chunk.records["record.offset"].to_numpy()).to_list()
    assert chunk.records["record.reference"].unique().to_list() == [file.modified]
    assert (chunk.begin, chunk.end, file.modified.tzinfo) == (0, 15, UTC)
    assert abs((datetime.now(UTC) - file.modified).total_seconds()) < 600


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_becomes_utf8(tmp_path, encoding):
    text = "Überwachung gestartet 漢\r\nsecond line 😀\r\n"
    data = ("\ufeff" + text).encode("utf-16-be") if encoding == "utf-16" else text.encode(encoding)
    assert parse(tmp_path, data)[1] == [line.encode() for line in text.split("\r\n")[:2]]
    items = json.dumps([{"k": "wert"}, {"k": "x" * 20}]).encode()
    assert parse(tmp_path, items.decode().encode(encoding))[:2] == ("json", [b'{"k": "wert"}', items[16:-1].strip()])


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 40,
        b"\x00" * 3000,
        b"MZ\x90\x00\x03\x00\x00\x00\x04" + bytes(200),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00",
    ],
)
def test_binary_content_is_kept_whole(tmp_path, data):
    _, raws, rejects = parse(tmp_path, data)
    assert (raws, [(reason, raw) for reason, _, raw in rejects]) == ([], [("binary", data)])
    _, raws, rejects = parse(tmp_path, data, Limits(record=100))
    assert len(rejects) == -(-len(data) // 100)
    assert b"".join(raw for _, _, raw in rejects) == data


@pytest.mark.mission("S10")
def test_a_line_beyond_the_limit_is_kept_in_pieces(tmp_path):
    data = b"short\n" + b"x" * 10_000 + b"\nlast\n"
    _, raws, rejects = parse(tmp_path, data, Limits(record=1024, block=700))
    assert raws == [b"short", b"last"]
    assert {reason for reason, _, _ in rejects} == {"too_long"}
    assert b"".join(raw for _, _, raw in rejects) == b"x" * 10_000
    assert max(len(raw) for _, _, raw in rejects) == 1024


def test_a_json_item_beyond_the_limit_is_kept_in_pieces(tmp_path):
    big = b'{"x":"' + b"y" * 5000 + b'"}'
    _, raws, rejects = parse(tmp_path, b'[{"a":1},\n ' + big + b' ,\n{"b":2}]', Limits(record=1024, block=700))
    assert raws == [b'{"a":1}', b'{"b":2}']
    assert b"".join(raw for _, _, raw in rejects).rstrip() == big


@pytest.mark.parametrize(
    ("data", "raws", "rest", "words"),
    [
        (b'[{"a":1},{"b":2},{"c":', [b'{"a":1}', b'{"b":2}'], b'{"c":', "breaks off"),
        (b'{"Records":[{"a":1},{"b":2', [b'{"a":1}'], b'{"b":2', "breaks off"),
        (b'{\n "a": 1\n}\n{\n "b"', [b'{\n "a": 1\n}'], b'{\n "b"', "breaks off"),
        (b'[{"a":1},{"b":2},}, x\n', [b'{"a":1}', b'{"b":2}'], b"}, x\n", "another kind"),
        (b'[{"a":1},\n{"b":"2\n},\n{"c":3}]', [b'{"a":1}'], b'{"b":"2\n},\n{"c":3}]', "within a string"),
    ],
)
def test_json_that_breaks_off_gives_the_items_before(tmp_path, data, raws, rest, words):
    format_, read, rejects = parse(tmp_path, data)
    assert (format_, read) == ("json", raws)
    assert [(reason, raw.strip()) for reason, _, raw in rejects] == [("json_invalid", rest.strip())]
    assert words in rejects[0][1]
    assert "byte " in rejects[0][1]


def test_json_text_behind_the_first_bytes_is_kept(tmp_path):
    documents = b'{\n "a": 1\n}\n' * 120_000
    _, raws, rejects = parse(tmp_path, documents + b"plain\ntext\n")
    assert len(raws) == 120_000
    assert [(reason, raw) for reason, _, raw in rejects] == [("json_invalid", b"plain\ntext\n")]


def test_a_growing_json_file_goes_on_before_the_broken_item(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b'{\n "a": 1\n}\n{\n "b":')
    (file,) = expand([path])
    chunks = list(file.chunks(KEY))
    path.write_bytes(b'{\n "a": 1\n}\n{\n "b": 2\n}\n')
    (file,) = expand([path])
    assert [raw for chunk in file.chunks(KEY, begin=chunks[-1].end) for raw in chunk.records["record.raw"]] == [
        b'{\n "b": 2\n}'
    ]


@pytest.mark.parametrize(
    ("data", "raws"),
    [
        (EVENT + EVENT + b"\n", [EVENT, EVENT]),
        (SPREAD + b"\r\n" + EVENT, [SPREAD, EVENT]),
        (b'<?xml version="1.0"?>\n<Events>\n' + SPREAD + b"\n" + EVENT + b"</Events>\n", [SPREAD, EVENT]),
        (b"Record 1\n" + SPREAD + b"\nRecord 2\n" + SPREAD, [b"Record 1", SPREAD, b"Record 2", SPREAD]),
        (SPREAD + b"\n" + SPREAD[:60], [SPREAD, SPREAD[:60].rstrip()]),
        (SPREAD[:90] + b"\n" + EVENT, [SPREAD[:90].rstrip(), EVENT]),
        (b"Oct 1 host x: " + EVENT + b" end\n", [b"Oct 1 host x: " + EVENT + b" end"]),
        (b"<Event>\n<System/>\n</Event>\nplain\n", [b"<Event>\n<System/>\n</Event>", b"plain"]),
        (b"<Events>\n<other/>\n", [b"<Events>", b"<other/>"]),
        (b"<Event id='3'>\ntext\n", [b"<Event id='3'>", b"text"]),
    ],
)
def test_windows_events_in_xml_are_one_record_each(tmp_path, data, raws):
    assert parse(tmp_path, data) == ("lines", raws, [])
    assert parse(tmp_path, data, Limits(block=5)) == ("lines", raws, [])


def test_chunks_are_bounded_and_numbered(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"".join(b"%d\n" % i for i in range(1000)))
    (file,) = expand([path])
    chunks = list(file.chunks(KEY, rows=300))
    assert [len(chunk.records) for chunk in chunks] == [300, 300, 300, 100]
    assert [chunk.begin for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    assert chunks[-1].end == path.stat().st_size
    assert all(chunk.records["record.row"].to_list() == list(range(len(chunk.records))) for chunk in chunks)


def test_scan_gives_digests_of_beginnings(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x" * 5000)
    two.write_bytes(b"x" * 5000 + b"y" * 5000)
    (first,), (second,) = expand([one]), expand([two])
    scan, grown = first.scan([5000, 9999]), second.scan([5000, 0])
    assert scan.size == 5000
    assert list(scan.heads) == [1 << power for power in range(13)]
    assert list(scan.prefixes) == [5000]
    assert grown.prefixes[5000] == scan.digest == scan.prefixes[5000]
    assert grown.heads == scan.heads
    assert grown.digest != scan.digest
