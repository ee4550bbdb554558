"""`/alerts`: list, show, follow, open and close."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from miharu.core.alert import Alert
from miharu.core.clock import system_clock
from miharu.core.errors import OperatorError, QueryError
from miharu.core.finding import LEVELS
from miharu.pipeline import Lake, open_case
from miharu.search import parse_time
from miharu.serve.api.alert_shapes import AlertOut, AlertPage, Case, NewState, case_of
from miharu.serve.api.auth import Reader, Writer
from miharu.serve.api.bodies import body_of, read_body
from miharu.serve.api.event_stream import EventStream, comment, message
from miharu.serve.api.problems import ProblemError, busy, wrong_parameter
from miharu.serve.api.rows import encode
from miharu.serve.api.services import Here, Services
from miharu.store import AlertFilter, State, StateError

router = APIRouter(tags=["alerts"])

_MOST_STREAMS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger()

Level = Literal["informational", "low", "medium", "high", "critical"]
_Id = Annotated[str, Path(description="The alert's id, or its first digits where they name one.")]


class AlertQuery(BaseModel):
    """What `/alerts` takes."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["open", "closed", "superseded", "all"] = Field("open", description="State wanted.")
    level: Level | None = Field(None, description="At least this severe.")
    rule: str | None = Field(None, description="Id of the rule.")
    since: str | None = Field(None, description="Alerts whose last finding is not before: ISO 8601, or `now-24h`.")
    until: str | None = Field(None, description="Alerts whose first finding is not after.")
    limit: int = Field(100, ge=1, le=1000, description="Most alerts of this page.")
    cursor: str | None = Field(None, description="`next` of the page before.")


@router.get("/alerts", summary="List alerts")
async def get_alerts(here: Here, _: Reader, asked: Annotated[AlertQuery, Query()]) -> AlertPage:
    """List alerts, the latest first, page by page."""
    state = None if asked.state == "all" else asked.state
    since, until = _instant("since", asked.since), _instant("until", asked.until)
    wanted = AlertFilter(state, asked.rule, asked.level, since, until)
    after, limit = _read_cursor(asked.cursor) if asked.cursor else None, asked.limit
    found = await here.access.note(lambda state: state.page_alerts(wanted, after, limit + 1))
    page = found[:limit]
    more = _cursor(page[-1]) if len(found) > limit else None
    return AlertPage(alerts=[AlertOut.of(alert) for alert in page], next=more)


# Before the route of one alert, whose id could be any word.
@router.get(
    "/alerts/stream",
    status_code=200,
    response_class=EventStream,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    summary="Follow alerts",
)
async def stream_alerts(
    here: Here,
    _: Reader,
    level: Annotated[Level | None, Query(description="At least this severe.")] = None,
    last_event_id: Annotated[
        int | None, Header(ge=0, description="Id of the last event that was received; without it only new ones come.")
    ] = None,
) -> EventStream:
    """Follow new and changed alerts as server-sent events.

    Each is `event: alert` with an `id` to go on from and the alert as JSON in `data`. A comment comes when nothing
    else does, every 15 seconds. An alert that changed twice in a moment may come once, as it is now.
    """
    if here.feed.followers >= _MOST_STREAMS:
        raise busy(429, f"{_MOST_STREAMS} streams are open; close one first.")
    return EventStream(_changes(here, last_event_id, LEVELS.index(level) if level else 0))


@router.get("/alerts/{alert_id}", response_class=Response, responses={200: {"model": Case}}, summary="Explain an alert")
async def get_alert(
    here: Here,
    token: Reader,
    alert_id: _Id,
    limit: Annotated[int, Query(ge=1, le=100, description="Most findings explained.")] = 3,
) -> Response:
    """Show an alert with its first findings, their events, and why the rule holds for each."""
    alert = await here.access.note(lambda state: _one(state, alert_id))
    case = await here.access.ask(token.name, lambda lake: _explained(here, lake, alert.id, limit))
    return Response(case, media_type="application/json")


@router.patch("/alerts/{alert_id}", openapi_extra=body_of(NewState), summary="Open or close an alert")
async def patch_alert(request: Request, here: Here, token: Writer, alert_id: _Id) -> AlertOut:
    """Open or close an alert and return it as it is then."""
    change = await read_body(request, NewState)
    alert = await here.access.note(lambda state: _changed(state, alert_id, change.state))
    _log.info("alert changed", action="alert-state", alert=alert.id, state=alert.state, token=token.name)
    return AlertOut.of(alert)


async def _changes(here: Services, since: int | None, least: int) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(here.feed.follow(since)) as batches:
            async for batch in batches:
                pieces = [
                    message("alert", str(revision), encode(AlertOut.of(alert).model_dump()))
                    for revision, alert in batch
                    if LEVELS.index(alert.rule_level) >= least
                ]
                yield b"".join(pieces) if pieces else comment("alerts follow")
    except StateError as error:
        _log.warning("a stream of alerts ends", action="state-lost", error=str(error))


def _one(state: State, start: str) -> Alert:
    try:
        found = state.alert(start)
    except StateError:
        raise
    except OperatorError as error:
        raise ProblemError(409, str(error)) from error
    if found is None:
        raise ProblemError(404, f"No alert has an id that starts with {start!r}.")
    return found


def _changed(state: State, start: str, wanted: str) -> Alert:
    known = _one(state, start)
    try:
        changed = state.set_alert_state(known.id, wanted)
    except StateError:
        raise
    except OperatorError as error:
        raise ProblemError(409, str(error)) from error
    assert changed is not None
    return changed


def _explained(here: Services, lake: Lake, alert_id: str, limit: int) -> bytes:
    with here.shelf.detector() as detector:
        return encode(case_of(open_case(lake, detector, alert_id, limit)))


def _instant(name: str, text: str | None) -> datetime | None:
    try:
        return parse_time(text, system_clock()) if text else None
    except QueryError as error:
        raise wrong_parameter(f"query.{name}", str(error)) from error


def _cursor(alert: Alert) -> str:
    text = f"{(alert.last - _EPOCH) // timedelta(microseconds=1)}:{alert.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        last, _, id_ = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(":")
        return _EPOCH + timedelta(microseconds=int(last)), id_
    except (ValueError, OverflowError, binascii.Error) as error:
        raise wrong_parameter("query.cursor", "not one this API gave") from error
