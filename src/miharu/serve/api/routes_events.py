"""`/events` and `/sql`: a search or a SELECT → rows, as one document or as JSON lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import polars as pl
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from miharu.core.clock import system_clock
from miharu.core.columns import LEFTOVERS
from miharu.core.errors import QueryError
from miharu.pipeline import Lake
from miharu.search import compile_search, parse_time
from miharu.serve.api.auth import Reader
from miharu.serve.api.bodies import body_of, read_body
from miharu.serve.api.problems import wrong_parameter
from miharu.serve.api.rows import document, event_rows, filled_columns, lines
from miharu.serve.api.services import Here

router = APIRouter(tags=["events"])

NDJSON: Final = "application/x-ndjson"
_SMALL: Final = 1_000
"""Rows that are written out at once; more are written as they are taken."""

_Accept = Annotated[str, Header(description=f"`{NDJSON}` gives rows only, one a line.")]


class Events(BaseModel):
    """What a search found."""

    columns: list[str] = Field(description="Columns that hold a value in some event.")
    events: list[dict[str, Any]] = Field(description="Flat objects with dotted ECS names, newest first; no nulls.")
    count: int = Field(description="Events in this answer.")
    truncated: bool = Field(description="Whether there are more than `limit`.")
    seconds: float = Field(description="How long the search took.")


class Statement(BaseModel):
    """A question in SQL."""

    sql: str = Field(description="One SELECT over events, findings and rejects, in ClickHouse SQL.")


class Rows(BaseModel):
    """What a SELECT gave."""

    columns: list[str] = Field(description="Columns of the result, in their order.")
    rows: list[dict[str, Any]] = Field(description="One object a row.")
    count: int = Field(description="Rows in this answer.")
    seconds: float = Field(description="How long the question took.")


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was asked for."""

    text: str
    start: datetime | None
    end: datetime | None
    limit: int
    columns: tuple[str, ...]


class EventQuery(BaseModel):
    """What `/events` takes."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", description="The search, as in docs/reference/search.md; empty: all events.")
    start: str | None = Field(None, alias="from", description="From this instant on: ISO 8601, or `now-24h`.")
    end: str | None = Field(None, alias="to", description="Before this instant.")
    limit: int = Field(100, ge=1, description="Most events; at most the setting `query_rows`.")
    columns: str = Field("", description="Names of the columns wanted, with commas; empty: all.")


@router.get("/events", response_class=Response, responses={200: {"model": Events}}, summary="Search events")
async def get_events(
    here: Here, token: Reader, asked: Annotated[EventQuery, Query()], accept: _Accept = ""
) -> Response:
    """Search events in the search language, newest first unless the search says otherwise."""
    most, limit = here.settings.query_rows, asked.limit
    if limit > most:
        raise wrong_parameter("query.limit", f"at most {most}, the setting query_rows")
    names = tuple(name.strip() for name in asked.columns.split(",") if name.strip())
    search = Search(asked.q, _instant("from", asked.start), _instant("to", asked.end), limit, names)
    began = time.perf_counter()
    found = await here.access.ask(token.name, lambda lake: find(lake, search, most))
    seconds = round(time.perf_counter() - began, 6)
    frame, truncated = found.head(limit), found.height > limit or found.height >= most
    rows = event_rows(frame, names)
    here.tally.counts["rows"] += frame.height
    if NDJSON in accept:
        return _answer(frame, lines(rows), NDJSON, {"X-Truncated": str(truncated).lower()})
    tail = {"count": frame.height, "truncated": truncated, "seconds": seconds}
    head = {"columns": [name for name in filled_columns(frame) if not names or name in names]}
    return _answer(frame, document(head, "events", rows, tail))


@router.post(
    "/sql",
    response_class=Response,
    responses={200: {"model": Rows}},
    openapi_extra=body_of(Statement),
    summary="Ask in SQL",
)
async def post_sql(request: Request, here: Here, token: Reader, accept: _Accept = "") -> Response:
    """Run one SELECT, which can read the three tables and nothing else."""
    statement = await read_body(request, Statement)
    began = time.perf_counter()
    frame = await here.access.ask(token.name, lambda lake: select(lake, statement.sql))
    seconds = round(time.perf_counter() - began, 6)
    here.tally.counts["rows"] += frame.height
    rows = frame.iter_rows(named=True)
    if NDJSON in accept:
        return _answer(frame, lines(rows), NDJSON)
    return _answer(
        frame, document({"columns": frame.columns}, "rows", rows, {"count": frame.height, "seconds": seconds})
    )


def find(lake: Lake, search: Search, most: int) -> pl.DataFrame:
    """Return what a search finds, one event more than its limit if there are (but never more than `most`)."""
    limit = min(search.limit + 1, most)
    query = compile_search(search.text, lake.store.columns("events"), search.start, search.end, limit)
    sql = query.sql
    if search.columns:
        known = [name for name in query.columns if name in search.columns]
        if len(known) < len(set(search.columns)) and LEFTOVERS in query.columns:
            known.append(LEFTOVERS)
        if not known:
            named = ", ".join(search.columns)
            raise QueryError(f"The search gives none of the columns {named}; it gives {', '.join(query.columns)}.")
        sql = f"SELECT {', '.join(f'`{name}`' for name in known)} FROM ({query.sql})"  # noqa: S608 - known names
    return lake.store.query_readonly(sql)


def select(lake: Lake, sql: str) -> pl.DataFrame:
    """Return what a user's SELECT gives. Raises QueryError."""
    try:
        return lake.store.query_readonly(sql)
    except pl.exceptions.PanicException as error:
        # Polars gives up on two columns of one name.
        hint = "give every column a name of its own with AS"
        raise QueryError("The result cannot be read: two of its columns have the same name.", None, hint) from error


def _instant(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(text, system_clock())
    except QueryError as error:
        raise wrong_parameter(f"query.{name}", str(error)) from error


def _answer(
    frame: pl.DataFrame,
    pieces: Iterator[bytes],
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> Response:
    if frame.height <= _SMALL:
        return Response(b"".join(pieces), 200, headers, media_type)
    return StreamingResponse(pieces, 200, headers, media_type)
