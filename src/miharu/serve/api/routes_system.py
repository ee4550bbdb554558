"""`/health`, `/metrics`, `/senders`, `/version`: how the system is and who sends."""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, Field

from miharu import __version__
from miharu.core.clock import system_clock
from miharu.core.vitals import Vitals
from miharu.pipeline import read_vitals
from miharu.serve.api.auth import Reader, Visitor, admit_metrics
from miharu.serve.api.health import Health
from miharu.serve.api.metrics import metrics_text
from miharu.serve.api.services import Here, Services

router = APIRouter(tags=["system"])
plain = APIRouter(tags=["system"])
"""Routes outside `/api/v1`, where programs look for them."""

API_VERSION: Final = "v1"


class Version(BaseModel):
    """What answers."""

    version: str = Field(description="Version of miharu.")
    api: str = Field(description="Version of the API.")


class Senders(BaseModel):
    """Who sends logs."""

    senders: list[Any] = Field(description="What the intake says of each sender since it started.")


@router.get("/health", response_model_exclude_none=True, summary="Say how the system is")
async def get_health(here: Here, token: Visitor) -> Health:
    """Say whether the system is well; to whoever shows a token also how each part, the store and the disk are.

    The status of the answer is 200 as long as the API can answer at all.
    """
    health = await here.doctor.look()
    return health if token is not None else Health(status=health.status)


@router.get("/senders", summary="List senders")
async def get_senders(here: Here, _: Reader) -> Senders:
    """List the senders the intake has heard of."""
    vitals = await to_thread.run_sync(read_vitals, here.settings.data)
    senders = vitals["intake"].details.get("senders", []) if "intake" in vitals else []
    return Senders(senders=senders)


@router.get("/version", summary="Say the version")
async def get_version(_: Reader) -> Version:
    """Say which version answers."""
    return Version(version=__version__, api=API_VERSION)


@router.get(
    "/metrics",
    dependencies=[Depends(admit_metrics)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Give metrics",
)
@plain.get(
    "/metrics",
    dependencies=[Depends(admit_metrics)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Give metrics",
)
async def get_metrics(here: Here) -> Response:
    """Give the figures of all parts as Prometheus reads them; a program on this machine needs no token."""
    vitals = {**await to_thread.run_sync(read_vitals, here.settings.data), "api": own_vitals(here)}
    disk = await to_thread.run_sync(shutil.disk_usage, here.settings.data)
    text = metrics_text(here.tally.registry, vitals, disk.free, system_clock())
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def own_vitals(here: Services, address: str = "") -> Vitals:
    """Return what the API says about itself."""
    return Vitals(
        "api",
        os.getpid(),
        system_clock(),
        "running",
        counters=dict(here.tally.counts),
        gauges={"streams": here.feed.followers, "queries": here.access.running},
        details={"address": address} if address else {},
    )
