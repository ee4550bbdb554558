"""`POST /logs`: JSON lines, JSON documents, an array of them, lines of text, or a report → records."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from miharu.sources.cut import BLANK
from miharu.sources.intake.desk import Desk
from miharu.sources.intake.documents import (
    Batch,
    NotJsonError,
    Spans,
    batch_of,
    split_documents,
    split_json_lines,
    split_lines,
    whole,
    without_mark,
)
from miharu.sources.intake.refusal import STATUS, Refusal, headers_of
from miharu.sources.json_shape import remarks_before
from miharu.sources.reports import REPORT_HEAD, is_report

CHANNEL: Final = "http-json"
_JSON: Final = "application/json"


def routes(desk: Desk) -> list[Route]:
    """Return the routes of `/logs`."""
    logs = Logs(desk)
    return [
        Route("/logs", logs.take, methods=["POST", "PUT"]),
        Route("/logs/json", logs.take, methods=["POST", "PUT"]),
    ]


class Logs:
    """Answers requests to `/logs`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, request: Request) -> Response:
        """Take a body of logs."""
        kind = request.headers.get("content-type", "").lower()
        claims_json = request.url.path.endswith("/json") or "json" in kind
        cut = partial(
            cut_logs, most=self._desk.limits.records, text=kind.startswith("text/plain"), claims_json=claims_json
        )
        try:
            receipt = await self._desk.take(request, CHANNEL, cut)
        except Refusal as refusal:
            return refused(refusal)
        return answer({"accepted": receipt.batch.records, "repeated": receipt.repeated})


def cut_logs(body: bytes, *, most: int, text: bool, claims_json: bool) -> Batch:
    """Cut a body into records: as JSON if it looks like that, else into lines.

    Lines that are meant to be JSON objects each are a record whatever is wrong with one of them. Refuses what was
    announced as JSON and is cut in no way.
    """
    body = without_mark(body)
    if is_report(body[:REPORT_HEAD]):
        return batch_of("report", body, whole(body))
    said = remarks_before(body)
    head = body[said : said + 4096].lstrip(BLANK) or body[said:].lstrip(BLANK)
    if said and head[:1] == b"[":
        return batch_of("json", body, _behind(body, said, most))
    if text or head[:1] not in (b"{", b"["):
        return batch_of("lines", body, split_lines(body, most))
    try:
        return batch_of("json", body, split_documents(body, most))
    except NotJsonError as error:
        spans = split_json_lines(body, most)
        if spans is not None:
            return batch_of("json", body, spans)
        if claims_json:
            raise Refusal("invalid", f"{error}; send JSON, or lines of text with Content-Type text/plain") from None
        return batch_of("lines", body, split_lines(body, most))


def _behind(body: bytes, said: int, most: int) -> Spans:
    """Return what a command said before its JSON as a record, and those behind it; or the lines, where it is none."""
    try:
        starts, stops = split_documents(body[said:], most)
    except NotJsonError:
        return split_lines(body, most)
    remarks = len(body[:said].rstrip(BLANK))
    return np.append(0, starts + said), np.append(remarks, stops + said)


def answer(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(content), status, headers, _JSON)


def refused(refusal: Refusal) -> Response:
    """Return a refusal in JSON."""
    status = STATUS[refusal.kind]
    return answer({"error": refusal.reason, "status": status}, status, headers_of(refusal))
