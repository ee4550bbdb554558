"""Settings → the API as an ASGI app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from anyio import to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from miharu import __version__
from miharu.core.settings import Settings
from miharu.serve.api import routes_alerts, routes_content, routes_events, routes_reasons, routes_system
from miharu.serve.api.access import LakeAccess, open_state, open_store
from miharu.serve.api.docs_page import PAGE_HEADERS, docs_page, operations
from miharu.serve.api.feed import AlertFeed
from miharu.serve.api.health import Doctor
from miharu.serve.api.problems import MEDIA_TYPE, Problem, handle_problems
from miharu.serve.api.services import Services
from miharu.serve.api.shelf import Shelf
from miharu.serve.api.tally import Tally, TallyMiddleware
from miharu.store import State, Store

PREFIX: Final = "/api/v1"

_ABOUT: Final = (
    "Ask miharu for events, alerts, rules and how it is. A request shows a token in `Authorization: Bearer <token>`; "
    "`miharu tokens create` makes one. What goes wrong is told as application/problem+json (RFC 9457)."
)
_PROBLEM: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def make_api(
    settings: Settings,
    store_opener: Callable[[Settings], Store] = open_store,
    state_opener: Callable[[Settings], State] = open_state,
) -> FastAPI:
    """Return the app; nothing is opened before a request needs it."""
    access = LakeAccess(settings, store_opener, state_opener)
    services = Services(settings, access, Shelf(settings), AlertFeed(access), Doctor(settings), Tally())
    app = FastAPI(
        title="miharu",
        version=__version__,
        description=_ABOUT,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.add_middleware(TallyMiddleware, tally=services.tally)
    handle_problems(app)
    for module in (routes_events, routes_alerts, routes_content, routes_reasons, routes_system):
        app.include_router(module.router, prefix=PREFIX, responses=_PROBLEM)
    app.include_router(routes_system.plain, responses=_PROBLEM)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]

    @app.get("/api/docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        """Show the routes on a page."""
        return HTMLResponse(docs_page(app.openapi()), headers=PAGE_HEADERS)

    return app


def services_of(app: FastAPI) -> Services:
    """Return what is behind the routes of an app."""
    found: Services = app.state.services
    return found


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services = services_of(app)
    try:
        yield
    finally:
        services.feed.end()
        await to_thread.run_sync(services.access.close)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        for _, _, operation in operations(schema):
            if operation.get("security") == [{"token": []}]:
                operation["security"] = [{}, {"token": ["read"]}]
        app.openapi_schema = schema
    return app.openapi_schema
