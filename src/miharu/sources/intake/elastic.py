"""Elasticsearch's way of taking documents, so that its agents and clients can send theirs.

What agents ask for before they send (version, licence, templates, policies, pipelines) is answered as by a small
cluster that has it all.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from miharu.sources.intake.bulk import action_of, answer_items, answer_one, cut_bulk, cut_one
from miharu.sources.intake.desk import Cut, Desk
from miharu.sources.intake.refusal import STATUS, Kind, Refusal, headers_of

CHANNEL: Final = "http-bulk"
PRODUCT: Final = {"x-elastic-product": "Elasticsearch"}
"""By this header on every answer clients know that they speak with what they were made for."""

_VERSION: Final = "8.19.0"
_CLUSTER: Final = "miharu"
_VENDOR: Final = re.compile(r"application/vnd\.elasticsearch\+[a-z-]+; ?compatible-with=(\d{1,3})")
_LICENCE: Final = {"uid": "00000000-0000-4000-8000-000000000000", "type": "basic", "mode": "basic", "status": "active"}
_SETUP_BYTES: Final = 8 << 20

_TYPES: Final[dict[Kind, str]] = {
    "no_token": "security_exception",
    "bad_authorization": "security_exception",
    "bad_token": "security_exception",
    "busy": "es_rejected_execution_exception",
    "too_large": "content_too_long_exception",
    "no_data": "action_request_validation_exception",
    "timeout": "process_cluster_event_timeout_exception",
}


def routes(desk: Desk) -> list[Route]:
    """Return the routes; those that stand for any index come last."""
    elastic = Elastic(desk)
    add, write = ["POST"], ["POST", "PUT"]
    return [
        Route("/", elastic.root, methods=["GET"]),
        Route("/_bulk", elastic.bulk, methods=write),
        Route("/{index}/_bulk", elastic.bulk, methods=write),
        Route("/{index}/_doc", elastic.document, methods=add),
        Route("/{index}/_doc/{id:path}", elastic.document, methods=write),
        Route("/{index}/_create/{id:path}", elastic.document, methods=write),
        *(Route(path, partial(elastic.known, path), methods=["GET"]) for path in _KNOWN),
        *(Route(path, partial(elastic.setup, path), methods=["GET", "PUT", "POST"]) for path in _SETUP),
    ]


def index_routes(desk: Desk) -> list[Route]:
    """Return what asks for or makes an index; its path looks like any other."""
    return [Route("/{index}", Elastic(desk).index, methods=["GET", "PUT", "POST", "DELETE"])]


class Elastic:
    """Answers requests in Elasticsearch's words."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def bulk(self, request: Request) -> Response:
        """Take many documents."""
        begun = time.monotonic()
        cut = partial(cut_bulk, index=request.path_params.get("index"), most=self._desk.limits.records)
        try:
            receipt = await self._desk.take(request, CHANNEL, cut)
        except Refusal as refusal:
            return refused(request, refusal)
        took = int((time.monotonic() - begun) * 1000)
        return _answered(request, answer_items(receipt.batch, receipt.key, took))

    async def document(self, request: Request) -> Response:
        """Take one document."""
        path = request.path_params
        only_new = "/_create/" in request.url.path or request.query_params.get("op_type") == "create"
        action = action_of("create" if only_new else "index", path["index"], path.get("id"))
        cut: Cut = partial(cut_one, action=action)
        try:
            receipt = await self._desk.take(request, CHANNEL, cut)
        except Refusal as refusal:
            return refused(request, refusal)
        return _answered(request, orjson.dumps(answer_one(receipt.batch, receipt.key)), 201)

    async def root(self, request: Request) -> Response:
        """Say who is here."""
        return self._told(
            request,
            {
                "name": _CLUSTER,
                "cluster_name": _CLUSTER,
                "cluster_uuid": "bWloYXJ1LW9ubHktdGFrZXM",
                "version": {
                    "number": _VERSION,
                    "build_flavor": "default",
                    "build_type": "docker",
                    "build_snapshot": False,
                    "lucene_version": "9.12.0",
                    "minimum_wire_compatibility_version": "7.17.0",
                    "minimum_index_compatibility_version": "7.0.0",
                },
                "tagline": "You Know, for Search",
            },
        )

    async def known(self, path: str, request: Request) -> Response:
        """Tell what is asked of the cluster."""
        content = orjson.loads(orjson.dumps(_KNOWN[path]).replace(b"ADDRESS", _address(request).encode()))
        return self._told(request, content)

    async def setup(self, path: str, request: Request) -> Response:
        """Show templates, policies, pipelines and data streams, whatever their name, and take what is put there."""
        if request.method not in ("GET", "HEAD"):
            return await self._acknowledged(request)
        name = orjson.dumps(request.path_params.get("name", "logs"))[1:-1]
        return self._told(request, orjson.loads(orjson.dumps(_SETUP[path]).replace(b"NAME", name)))

    async def index(self, request: Request) -> Response:
        """Say that any index is there."""
        name = request.path_params["index"]
        if name.startswith("_") or request.method not in ("HEAD", "PUT"):
            return unknown(request, 404, f"there is nothing at {request.method} {request.url.path[:200]}")
        if request.method == "HEAD":
            return self._told(request, {})
        return await self._acknowledged(request, shards_acknowledged=True, index=name)

    async def _acknowledged(self, request: Request, **more: Any) -> Response:
        """Let the agent believe that what it put is there: nothing here needs it."""
        try:
            self._desk.admitted(request, CHANNEL)
            await self._desk.small_body(request, CHANNEL, _SETUP_BYTES)
        except Refusal as refusal:
            return refused(request, refusal)
        return _answered(request, orjson.dumps({"acknowledged": True, **more}))

    def _told(self, request: Request, content: object) -> Response:
        try:
            self._desk.admitted(request, CHANNEL)
        except Refusal as refusal:
            return refused(request, refusal)
        return _answered(request, orjson.dumps(content))


def refused(request: Request, refusal: Refusal) -> Response:
    """Return a refusal as Elasticsearch would give it."""
    kind = _TYPES.get(refusal.kind, "illegal_argument_exception")
    status = STATUS[refusal.kind]
    return _answered(request, _error(kind, refusal.reason, status), status, headers_of(refusal))


def unknown(request: Request, status: int, reason: str) -> Response:
    """Return the answer to a request that leads nowhere."""
    where = "send logs to POST /logs, /_bulk or /services/collector/event"
    return _answered(request, _error("invalid_path_exception", f"{reason}; {where}", status), status)


def _error(kind: str, reason: str, status: int) -> bytes:
    cause = {"type": kind, "reason": reason}
    return orjson.dumps({"error": {"root_cause": [cause], **cause}, "status": status})


def _answered(request: Request, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in the media type that the sender speaks."""
    asked = _VENDOR.search(request.headers.get("accept", "")) or _VENDOR.search(request.headers.get("content-type", ""))
    media = "application/json"
    if asked:
        media = f"application/vnd.elasticsearch+json;compatible-with={asked[1]}"
    return Response(content, status, {**PRODUCT, **(headers or {})}, media)


def _address(request: Request) -> str:
    return re.sub(r"[^\w.:\[\]-]", "", request.url.netloc)


_NODE: Final = {
    "name": _CLUSTER,
    "version": _VERSION,
    "roles": ["data", "ingest", "master"],
    "http": {"publish_address": "ADDRESS", "bound_address": ["ADDRESS"]},
}
_NODES: Final = {
    "_nodes": {"total": 1, "successful": 1, "failed": 0},
    "cluster_name": _CLUSTER,
    "nodes": {_CLUSTER: _NODE},
}

_KNOWN: Final[dict[str, object]] = {
    "/_license": {"license": _LICENCE},
    "/_xpack": {"license": _LICENCE, "features": {}, "tagline": ""},
    "/_cluster/health": {
        "cluster_name": _CLUSTER,
        "status": "green",
        "timed_out": False,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
    },
    "/_nodes": _NODES,
    "/_nodes/{rest:path}": _NODES,
}
"""Questions about the cluster; `ADDRESS` stands for where the sender reached us."""

_SETUP: Final[dict[str, object]] = {
    "/_index_template": {"index_templates": []},
    "/_index_template/{name}": {"index_templates": [{"name": "NAME", "index_template": {"index_patterns": ["NAME"]}}]},
    "/_component_template/{name}": {"component_templates": [{"name": "NAME", "component_template": {"template": {}}}]},
    "/_template/{name}": {"NAME": {"index_patterns": ["NAME"], "settings": {}, "mappings": {}}},
    "/_ilm/policy/{name}": {"NAME": {"version": 1, "policy": {"phases": {}}}},
    "/_ingest/pipeline/{name}": {"NAME": {"processors": []}},
    "/_data_stream": {"data_streams": []},
    "/_data_stream/{name}": {"data_streams": [{"name": "NAME", "status": "GREEN", "template": "NAME"}]},
    "/_alias/{name}": {"NAME": {"aliases": {"NAME": {"is_write_index": True}}}},
}
"""What agents set up; `NAME` stands for the name asked for."""
