"""JSON bodies are cut into documents and items as a parser finds them, whatever separates them."""

import json
import random

import numpy as np
import pytest

from miharu.sources.intake import documents
from miharu.sources.intake.bulk import cut_bulk
from miharu.sources.intake.documents import NotJsonError, batch_of, split_documents, split_json_lines
from miharu.sources.intake.json_logs import cut_logs
from miharu.sources.intake.refusal import Refusal

VALUES = ["", "x", 'quo"te', "back\\slash", '\\"', "{", "}", "[", "],", "\n", "ü", "a\\", 0, -1.5, None, True, [], {}]


def parts(body: bytes, most: int = 10_000) -> list[bytes]:
    starts, stops = split_documents(body, most)
    return [body[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]


def a_value(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(4) if depth else 3
    if kind == 0:
        return {chance.choice(["a", "b{", 'c"', "d\\"]): a_value(chance, depth - 1) for _ in range(chance.randrange(4))}
    if kind == 1:
        return [a_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return chance.choice(VALUES)


@pytest.mark.parametrize("block", [7, 64, 1 << 21])
@pytest.mark.parametrize("seed", range(12))
def test_documents_are_those_of_a_parser(monkeypatch, seed, block):
    monkeypatch.setattr(documents, "_BLOCK", block)
    chance = random.Random(seed)
    for _ in range(60):
        body, expected = "", []
        for _ in range(chance.randrange(1, 8)):
            gap = chance.choice(["", " ", "\n", ",\n", "\x1e", "  \r\n\t "])
            indent = chance.choice([None, 1])
            if chance.random() < 0.7:
                value = {"event": a_value(chance, 3)}
                expected.append(value)
            else:
                value = [a_value(chance, 2) for _ in range(chance.randrange(4))]
                expected += value
            body += gap + json.dumps(value, indent=indent, ensure_ascii=chance.random() < 0.5)
        assert [json.loads(part) for part in parts(body.encode())] == expected


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_cut_or_refused(seed):
    chance, texts = random.Random(seed), []
    for _ in range(200):
        body = b"{" + bytes(chance.choices(b'{}[]",: \\\nab1\x1e\xff', k=chance.randrange(40)))
        try:
            found = parts(body)
        except NotJsonError as error:
            found, texts = [], [*texts, str(error)]
        assert all(part[:1] not in b" \n" for part in found)
        batch = cut_logs(body, most=10_000, text=False, claims_json=False)
        assert np.frombuffer(batch.lengths, dtype="<u4").sum() == len(batch.data)
    assert texts
    assert all("byte" in text for text in texts)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a":1} x {"b":2}', "byte 8"),
        (b'{"a":1}}', "byte 7"),
        (b'{"a":1}{"b"', "begins at byte 7"),
        (b'{"a":1]', "opened at byte 0"),
        (b'{"a":"\n"}', "byte 6"),
        (b'{"a":1}"b{}"', "byte 7"),
        (b'{"a":1}    \n\n  z', "byte 15"),
        (b"[1,2", "begins at byte 0"),
    ],
)
def test_a_fault_has_a_place(body, place):
    with pytest.raises(NotJsonError, match=place):
        parts(body)


def test_more_records_than_allowed_are_refused():
    for body in (b"{}" * 11, b"[" + b"1," * 11 + b"1]", b'{"a":1}\n' * 11):
        with pytest.raises(Refusal, match="more than 10 records"):
            cut_logs(body, most=10, text=False, claims_json=True)
    assert cut_logs(b"{}" * 10, most=10, text=False, claims_json=True).records == 10


def test_a_member_of_an_object_is_no_record():
    body = b'{"a":[1,2],"b":3} [1,{"c":[4,5],"d":6}]{"e":7}'
    assert parts(body, 4) == [b'{"a":[1,2],"b":3}', b"1", b'{"c":[4,5],"d":6}', b'{"e":7}']


def test_lines_that_look_like_objects():
    body = b'{"a":1}\n\n  {"b" oops}  \r\n{"c":3}'
    spans = split_json_lines(body, 100)
    assert spans is not None
    assert batch_of("json", body, spans).data == b'{"a":1}{"b" oops}{"c":3}'
    assert split_json_lines(b'{"a":1}\nplain', 100) is None
    assert split_json_lines(b"\n", 100) is None


def test_an_action_whose_key_is_no_text_is_refused_in_words():
    with pytest.raises(Refusal, match="Malformed action/metadata line"):
        cut_bulk(b'{"\x9cndex":{"_id":"x"}}\n{}\n', index=None, most=10)
