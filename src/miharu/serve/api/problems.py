"""Errors → `application/problem+json` (RFC 9457), without internals."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from miharu.core.errors import ContentError, MiharuError, OperatorError, QueryError
from miharu.store import StateError, StoreError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 2

KINDS: Final[dict[str, str]] = {
    "query": "A search or SQL text is wrong: `position` is the 0-based character where, `hint` what would help.",
    "parameters": "A parameter or the body is not what the route takes: `errors` says which and why.",
    "token": "No token was given, it is not a live one, or it does not allow this: see the route's scope.",
    "busy": "Too much is asked at once: ask again after `Retry-After` seconds.",
    "unavailable": "The store or the state cannot be reached now: ask again after `Retry-After` seconds.",
    "fault": "A fault of miharu's own; the log names it by `fault`.",
}
"""Kinds of problem, as the member `type` names them; other problems are `about:blank`, told by their status."""

_log = structlog.get_logger()


class Problem(BaseModel):
    """What went wrong, as RFC 9457 lays it out."""

    type: str = Field("about:blank", description="Kind of the problem.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field("", description="What went wrong and what to do, in a sentence.")
    position: int | None = Field(None, description="Of a wrong query: the 0-based character where.")
    hint: str | None = Field(None, description="Of a wrong query: what would help.")
    errors: list[dict[str, str]] | None = Field(None, description="Of wrong parameters: `where` and `text` of each.")
    fault: str | None = Field(None, description="Of a fault: what the log calls it.")


class ProblemError(Exception):
    """Ends a request with a problem; `more` are further members of the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def answer(self) -> JSONResponse:
        """Return the problem as a response."""
        content = {
            "type": f"/api/docs#{self.kind}" if self.kind else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return JSONResponse(content | self.more, self.status, self.headers, MEDIA_TYPE)


def wrong_parameter(where: str, text: str) -> ProblemError:
    """Return the problem of one parameter that is not what it should be."""
    return ProblemError(422, f"{where}: {text}", "parameters", more={"errors": [{"where": where, "text": text}]})


def busy(status: int, detail: str) -> ProblemError:
    """Return the problem of asking too much at once."""
    return ProblemError(status, detail, "busy", headers={"Retry-After": str(RETRY_SECONDS)})


def problem_of(error: MiharuError) -> ProblemError:
    """Return what an error of ours says to somebody who asked over HTTP."""
    if isinstance(error, QueryError):
        sentence = str(error).split("\n", 1)[0]
        return ProblemError(400, sentence, "query", more={"position": error.position, "hint": error.hint})
    if isinstance(error, StoreError | StateError):
        what = "store" if isinstance(error, StoreError) else "state"
        _log.warning(f"the {what} cannot be asked", action=f"{what}-lost", error=str(error))
        detail = f"The {what} cannot be reached now; ask again in a moment."
        return ProblemError(503, detail, "unavailable", headers={"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, ContentError):
        _log.error("content has faults", action="content-refused", error=str(error))
        return ProblemError(500, "Content files have faults; the log of the API lists them.", "fault")
    return ProblemError(400 if isinstance(error, OperatorError) else 500, str(error))


def handle_problems(app: FastAPI) -> None:
    """Let every error of an app leave as a problem."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(MiharuError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fault)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return error.answer()


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MiharuError)
    return problem_of(error).answer()


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"where": ".".join(str(part) for part in fault["loc"]), "text": str(fault["msg"])} for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['where']}: {fault['text']}" for fault in errors)
    return ProblemError(422, detail, "parameters", more={"errors": errors}).answer()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = {404: f"Nothing is at {request.url.path}.", 405: f"{request.method} is not for {request.url.path}."}
    detail = words.get(error.status_code, str(error.detail))
    return ProblemError(error.status_code, detail, headers=error.headers).answer()


async def _gone(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClientDisconnect)
    return ProblemError(400, "The client hung up before its request was whole.").answer()  # nobody reads it


async def _fault(request: Request, error: Exception) -> JSONResponse:
    # The server raises it again after the answer, and so writes down where it happened.
    name = secrets.token_hex(4)
    _log.error("a request failed", action="fault", fault=name, route=request.url.path, kind=type(error).__name__)
    detail = f"A fault of miharu's own; the log of the API names it {name}."
    return ProblemError(500, detail, "fault", more={"fault": name}).answer()
