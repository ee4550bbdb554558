"""Splunk's HTTP Event Collector → records: the envelope of an event as it came, or the lines of a raw body.

Since a request is answered when it is durable, whatever acknowledgement is asked for has been given.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from miharu.sources.cut import BLANK
from miharu.sources.intake.desk import Desk
from miharu.sources.intake.documents import (
    Batch,
    NotJsonError,
    batch_of,
    split_documents,
    split_lines,
    whole,
    without_mark,
)
from miharu.sources.intake.json_logs import answer
from miharu.sources.intake.refusal import STATUS, Kind, Refusal, headers_of
from miharu.sources.reports import REPORT_HEAD, is_report

CHANNEL: Final = "http-hec"
_BASE: Final = "/services/collector"
_ACK_BYTES: Final = 1 << 20
_CHANNEL_HEADER: Final = "x-splunk-request-channel"

_ANSWERS: Final[dict[Kind, tuple[int, int, str]]] = {
    "no_token": (401, 2, "Token is required"),
    "bad_authorization": (401, 3, "Invalid authorization"),
    "bad_token": (403, 4, "Invalid token"),
    "no_data": (400, 5, "No data"),
    "invalid": (400, 6, "Invalid data format"),
    "busy": (503, 9, "Server is busy"),
    "no_event": (400, 12, "Event field is required"),
    "blank_event": (400, 13, "Event field cannot be blank"),
    "too_large": (413, 27, "Request entity too large"),
}
"""Status, code and text by which senders know what happened."""


class _Envelope(msgspec.Struct):
    event: msgspec.Raw = msgspec.Raw(b"null")


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


class _Asked(msgspec.Struct):
    acks: list[int]


def routes(desk: Desk) -> list[Route]:
    """Return the routes of the collector."""
    hec = Collector(desk)
    posts = {
        "": hec.events,
        "/event": hec.events,
        "/event/{version}": hec.events,
        "/raw": hec.raw,
        "/raw/{version}": hec.raw,
        "/ack": hec.acknowledge,
    }
    made = [Route(_BASE + path, endpoint, methods=["POST"]) for path, endpoint in posts.items()]
    return [*made, Route(f"{_BASE}/health", hec.health), Route(f"{_BASE}/health/{{version}}", hec.health)]


class Collector:
    """Answers requests to the collector."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def events(self, request: Request) -> Response:
        """Take events in their envelopes."""
        return await self._take(request, raw=False)

    async def raw(self, request: Request) -> Response:
        """Take lines."""
        return await self._take(request, raw=True)

    async def acknowledge(self, request: Request) -> Response:
        """Say of every request asked for that it is durable."""
        try:
            self._desk.admitted(request, CHANNEL)
            body = await self._desk.small_body(request, CHANNEL, _ACK_BYTES)
            asked = msgspec.json.decode(body, type=_Asked).acks
        except Refusal as refusal:
            return _refused(refusal)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _refused(Refusal("invalid", f'send {{"acks":[…]}} with the ids to ask for ({error})'))
        if _channel_of(request) is None:
            detail = f"name the channel in the query (?channel=) or in the header {_CHANNEL_HEADER}"
            return answer({"text": "Data channel is missing", "code": 10, "detail": detail}, 400)
        return answer({"acks": {str(number): True for number in asked}})

    async def health(self, request: Request) -> Response:
        """Say whether events are taken now."""
        del request
        if self._desk.gate.crowded:
            return answer({"text": "HEC is unhealthy, queues are full", "code": 18}, 503)
        return answer({"text": "HEC is healthy", "code": 17})

    async def _take(self, request: Request, *, raw: bool) -> Response:
        cut = partial(cut_raw if raw else cut_events, most=self._desk.limits.records)
        try:
            receipt = await self._desk.take(request, CHANNEL, cut)
        except Refusal as refusal:
            return _refused(refusal)
        done: dict[str, Any] = {"text": "Success", "code": 0}
        if _channel_of(request) is not None:
            # Any number will do that is the same when the request is repeated and fits a 64-bit float.
            done["ackId"] = int(receipt.key[:12], 16)
        return answer(done)


def cut_raw(body: bytes, *, most: int) -> Batch:
    """Cut a raw body into lines; a diagnostic report is one record."""
    body = without_mark(body)
    if is_report(body[:REPORT_HEAD]):
        return batch_of("report", body, whole(body))
    batch = batch_of("lines", body, split_lines(body, most))
    if not batch.records:
        raise Refusal("no_data", "the body is empty; send at least one line")
    return batch


def cut_events(body: bytes, *, most: int) -> Batch:
    """Cut a body into envelopes and see that each holds an event."""
    body = without_mark(body)
    if not body.strip(BLANK):
        raise Refusal("no_data", "the body is empty; send at least one event")
    try:
        spans = split_documents(body, most)
    except NotJsonError as error:
        raise Refusal("invalid", f"{error}; send JSON objects with a member `event`, one after the other") from None
    starts, stops = spans[0].tolist(), spans[1].tolist()
    if not starts:
        raise Refusal("no_data", "the body holds no event; send at least one")
    decode = _ENVELOPE.decode
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        try:
            event = bytes(decode(body[start:stop]).event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            text = f"event {number}, at byte {start}, is not a JSON object ({error}); nothing of this request is kept"
            raise Refusal("invalid", text, item=number) from None
        if event == b"null":
            raise Refusal(
                "no_event", f"event {number} has no member `event`; nothing of this request is kept", item=number
            )
        if event == b'""':
            raise Refusal("blank_event", f"event {number} is blank; nothing of this request is kept", item=number)
    return batch_of("json", body, spans)


def _channel_of(request: Request) -> str | None:
    return request.query_params.get("channel") or request.headers.get(_CHANNEL_HEADER)


def _refused(refusal: Refusal) -> Response:
    status, code, text = _ANSWERS.get(refusal.kind, (STATUS[refusal.kind], 6, "Invalid data format"))
    content: dict[str, Any] = {"text": text, "code": code, "detail": refusal.reason}
    if refusal.item is not None:
        content["invalid-event-number"] = refusal.item
    return Response(orjson.dumps(content), status, headers_of(refusal), "application/json")
