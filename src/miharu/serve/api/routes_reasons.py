"""`/rules/{rule_id}/explain` and `/why-not`: why a rule holds for an event, and what it nearly held for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from miharu.core.clock import system_clock
from miharu.core.errors import OperatorError, QueryError
from miharu.detect import Rule, RuleSet
from miharu.pipeline import Lake, explain_event, look_for_misses, nearly_as_object
from miharu.search import parse_time
from miharu.serve.api.alert_shapes import row_of, tree_of
from miharu.serve.api.auth import Reader
from miharu.serve.api.problems import ProblemError, wrong_parameter
from miharu.serve.api.rows import encode
from miharu.serve.api.services import Here, Services
from miharu.store import StoreError

router = APIRouter(tags=["content"])

_MOST: Final = 100_000

_Id = Annotated[str, Path(description="Id of the rule.")]


class Reasons(BaseModel):
    """A rule's condition on one event."""

    rule_id: str = Field(description="Id of the rule.")
    title: str = Field(description="Title of the rule.")
    holds: bool = Field(description="Whether the rule holds for the event.")
    event: dict[str, Any] = Field(description="The event.")
    explanation: dict[str, Any] = Field(description="The condition as a tree, as in the evidence of an alert.")


class MissOut(BaseModel):
    """An event that the rule nearly holds for."""

    event_id: str = Field(description="Id of the event.")
    distance: int = Field(description="How many single tests would have to turn.")
    failed: str = Field(description="The part of the condition that kept the rule from holding.")
    would_hold_with: dict[str, Any] = Field(description="Columns and the values with which the rule would hold.")
    explanation: dict[str, Any] = Field(description="The condition as a tree.")
    event: dict[str, Any] | None = Field(description="The event; null: it is gone.")


class WhyNotOut(BaseModel):
    """What kept a rule from holding."""

    rule_id: str = Field(description="Id of the rule.")
    title: str = Field(description="Title of the rule.")
    stored: int = Field(description="Events of the rule's log sources in the span; 0: it could not hold.")
    events: int = Field(description="Of these, how many were looked at.")
    matched: int = Field(description="Of these, how many the rule holds for.")
    unturned: int = Field(description="Distinct events as near, for which no change was found that makes it hold.")
    misses: list[MissOut] = Field(description="The nearest misses.")


class WhyNotQuery(BaseModel):
    """What `/rules/{rule_id}/why-not` takes."""

    model_config = ConfigDict(extra="forbid")

    since: str | None = Field(None, description="Events from this instant on: ISO 8601, or `now-7d`.")
    until: str | None = Field(None, description="Events before this instant.")
    limit: int = Field(3, ge=1, le=100, description="Most misses.")
    events: int = Field(20_000, ge=1, le=_MOST, description="Most events looked at.")


@router.get(
    "/rules/{rule_id}/explain",
    response_class=Response,
    responses={200: {"model": Reasons}},
    summary="Explain a rule on an event",
)
async def get_explanation(
    here: Here, token: Reader, rule_id: _Id, event: Annotated[str, Query(description="Id of a stored event.")]
) -> Response:
    """Say for a rule and a stored event what every test looked at, wanted and found."""
    rules, rule = await _rule(here, rule_id)

    def answer(lake: Lake) -> bytes:
        try:
            row, explanation = explain_event(lake, rules, rule, event)
        except StoreError:
            raise
        except OperatorError as error:
            raise ProblemError(404, str(error)) from error
        told = {"rule_id": rule.id, "title": rule.title, "holds": explanation.verdict}
        return encode(told | {"event": row_of(row), "explanation": tree_of(explanation)})

    return Response(await here.access.ask(token.name, answer), media_type="application/json")


@router.get(
    "/rules/{rule_id}/why-not",
    response_class=Response,
    responses={200: {"model": WhyNotOut}},
    summary="Show what a rule nearly held for",
)
async def get_why_not(
    here: Here,
    token: Reader,
    rule_id: _Id,
    asked: Annotated[WhyNotQuery, Query()],
) -> Response:
    """Show the stored events that a rule nearly holds for, and what kept it from each."""
    span = _instant("since", asked.since), _instant("until", asked.until)
    rules, rule = await _rule(here, rule_id)

    def answer(lake: Lake) -> bytes:
        found = look_for_misses(lake, rules, rule, span, limit=asked.limit, most=asked.events)
        return encode(nearly_as_object(found, tree_of, row_of))

    return Response(await here.access.ask(token.name, answer), media_type="application/json")


async def _rule(here: Services, rule_id: str) -> tuple[RuleSet, Rule]:
    rules = await to_thread.run_sync(here.shelf.rules)
    rule = rules.find(rule_id)
    if rule is None:
        raise ProblemError(404, f"No rule that runs has the id {rule_id!r}.")
    return rules, rule


def _instant(name: str, text: str | None) -> datetime | None:
    try:
        return parse_time(text, system_clock()) if text else None
    except QueryError as error:
        raise wrong_parameter(f"query.{name}", str(error)) from error
