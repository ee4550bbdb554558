"""The body of Elasticsearch's `_bulk`, or of one document → records, and the answer to each action in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
import orjson

from miharu.core.identity import hash_parts, ids_of, key_words
from miharu.sources.intake.documents import Batch, batch_from, without_mark
from miharu.sources.intake.refusal import Refusal

_Operation: TypeAlias = Literal["index", "create", "update", "delete"]
_REMEMBERED: Final = 1024
_SHOWN: Final = 80

_DONE: Final = (
    b',"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},'
    b'"_seq_no":0,"_primary_term":1,"status":201}}'
)
_ONLY_NEW: Final = "events are only added here, never changed or deleted; send `create` or `index`"
_DOCUMENT: Final[msgspec.json.Decoder[msgspec.Raw]] = msgspec.json.Decoder(msgspec.Raw)


class _Where(msgspec.Struct):
    index: str | None = msgspec.field(name="_index", default=None)
    id: str | int | float | None = msgspec.field(name="_id", default=None)


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    index: _Where | None = None
    create: _Where | None = None
    update: _Where | None = None
    delete: _Where | None = None


_LINE: Final = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with a document. `head` begins the answer to it, up to its id."""

    operation: _Operation
    index: str
    id: str | None
    head: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One action and, if its document was turned down, why."""

    action: Action
    reason: str = ""


def action_of(operation: _Operation, index: str, document: str | None) -> Action:
    """Return the action of a document with an id or without."""
    head = b'{"%b":{"_index":%b,"_id":' % (operation.encode(), orjson.dumps(index))
    return Action(operation, index, document, head)


def cut_one(body: bytes, action: Action) -> Batch:
    """Take a body that is one document."""
    document = without_mark(body).strip()
    _check_document(document)
    return _batch([Item(action)], [document], [_natural(action)])


def cut_bulk(body: bytes, *, index: str | None, most: int) -> Batch:
    """Take the actions of a body; `index` is that of the path. Refuses it whole where an action cannot be read.

    A document that is not JSON and an action other than index and create are answered so, item by item.
    """
    lines = without_mark(body).split(b"\n")
    items: list[Item] = []
    documents: list[bytes] = []
    ids: list[str | None] = []
    seen: dict[bytes, Item] = {}
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        item = seen.get(line)
        if item is None:
            if not line.strip():
                continue
            item = Item(_read_action(line, number, index))
            if len(seen) < _REMEMBERED and item.action.id is None:
                seen[line] = item
        if len(items) >= most:
            raise Refusal("too_large", f"the body holds more than {most} actions; send smaller requests")
        action = item.action
        if action.operation == "delete":
            items.append(Item(action, _ONLY_NEW))
            continue
        document = next(numbered, (number, None))[1]
        if document is None:
            raise _malformed(number, line, "its document to follow on the next line")
        reason = _ONLY_NEW if action.operation == "update" else _fault(document)
        if reason:
            items.append(Item(action, reason))
            continue
        items.append(item)
        documents.append(document.rstrip(b"\r"))
        ids.append(None if action.id is None else _natural(action))
    if not items:
        raise Refusal("no_data", "the body is empty; send an action and a document, each on a line of its own")
    return _batch(items, documents, ids)


def answer_items(batch: Batch, key: str, took: int) -> bytes:
    """Return the answer to a bulk request whose frame has this key, as JSON."""
    made = _made_ids(batch, key)
    parts = [_item(item, made) for item in batch.answer]
    errors = b"true" if batch.refused else b"false"
    return b'{"took":%d,"errors":%b,"items":[%b]}' % (took, errors, b",".join(parts))


def answer_one(batch: Batch, key: str) -> dict[str, Any]:
    """Return the answer to a request with one document."""
    answer: dict[str, Any] = next(iter(orjson.loads(_item(batch.answer[0], _made_ids(batch, key))).values()))
    del answer["status"]
    return answer


def _batch(items: list[Item], documents: list[bytes], ids: list[str | None]) -> Batch:
    named = tuple(ids) if any(ids) else None
    return batch_from("json", documents, ids=named, refused=len(items) - len(documents), answer=items)


def _natural(action: Action) -> str | None:
    return None if action.id is None else hash_parts("_id", action.index, action.id)


def _made_ids(batch: Batch, key: str) -> Iterator[str]:
    """Return the ids by which the records are found, for documents that came without one."""
    ids: list[str] = ids_of(*key_words(key), np.arange(batch.records, dtype=np.uint64)).to_list()
    return iter(ids)


def _item(item: Item, made: Iterator[str]) -> bytes:
    action = item.action
    if not item.reason:
        name = next(made)
        if action.id is None:
            return b'%b"%b"%b' % (action.head, name.encode(), _DONE)
        return action.head + orjson.dumps(action.id) + _DONE
    kind = "illegal_argument_exception" if item.reason == _ONLY_NEW else "mapper_parsing_exception"
    error = orjson.dumps({"type": kind, "reason": item.reason})
    return b'%b%b,"status":400,"error":%b}}' % (action.head, orjson.dumps(action.id), error)


def _read_action(line: bytes, number: int, index: str | None) -> Action:
    try:
        read = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        read = _Line()
    operations: tuple[tuple[_Operation, _Where | None], ...] = (
        ("create", read.create),
        ("index", read.index),
        ("update", read.update),
        ("delete", read.delete),
    )
    found = [(operation, where) for operation, where in operations if where is not None]
    if len(found) != 1:
        raise _malformed(number, line, "an object with one of `index`, `create`, `update` or `delete`")
    operation, where = found[0]
    name = where.index or index
    if not name:
        raise _malformed(number, line, "an `_index` here or in the path")
    return action_of(operation, name, None if where.id is None else str(where.id))


def _malformed(number: int, line: bytes, expected: str) -> Refusal:
    shown = line[:_SHOWN].decode("utf-8", "replace").strip()
    return Refusal("invalid", f"Malformed action/metadata line [{number}]: expected {expected}, found {shown}")


def _fault(document: bytes) -> str:
    """Say why a document cannot be taken; an empty text if it can."""
    try:
        _DOCUMENT.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"failed to parse: the document is not JSON ({error})"
    if document[:1] == b"{" or document.lstrip()[:1] == b"{":
        return ""
    return "failed to parse: the document is not a JSON object"


def _check_document(document: bytes) -> None:
    reason = _fault(document)
    if reason:
        raise Refusal("invalid", reason)
