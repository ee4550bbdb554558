"""The server of everything that takes logs over HTTP, as a Starlette application; what runs it is elsewhere."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from miharu.core.clock import Clock, system_clock
from miharu.sources.intake import elastic, hec, json_logs
from miharu.sources.intake.bodies import HttpLimits
from miharu.sources.intake.counts import SenderCounts
from miharu.sources.intake.desk import Admit, Desk
from miharu.sources.intake.gate import Gate
from miharu.sources.intake.repeats import Repeats


def make_http(
    gate: Gate,
    admit: Admit,
    limits: HttpLimits,
    counts: SenderCounts,
    repeats: Repeats,
    *,
    clock: Clock = system_clock,
) -> Starlette:
    """Return the application.

    `admit` gives the name of a token, or None where it is unknown; a request without a token asks with an empty
    text. Every request is answered when its records are durable.
    """
    desk = Desk(gate, admit, limits, counts, repeats, clock=clock)
    application = Starlette(
        routes=[
            Route("/health", partial(_health, gate)),
            *json_logs.routes(desk),
            *hec.routes(desk),
            *elastic.routes(desk),
            *elastic.index_routes(desk),
        ],
        exception_handlers={HTTPException: _nowhere},
    )
    application.router.redirect_slashes = False
    return application


async def _health(gate: Gate, request: Request) -> Response:
    """Say, without a token, that the server is there and whether it takes requests now."""
    del request
    return json_logs.answer({"status": "ok", "crowded": gate.crowded})


async def _nowhere(request: Request, error: Exception) -> Response:
    """Answer a path or a method that leads nowhere."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:  # noqa: PLR2004 - method not allowed
        allowed = (error.headers or {}).get("Allow", "")
        answer = elastic.unknown(request, 405, f"{request.method} is not possible here, only {allowed}")
        answer.headers["allow"] = allowed
        return answer
    return elastic.unknown(request, error.status_code, f"there is nothing at {request.url.path[:200]}")
