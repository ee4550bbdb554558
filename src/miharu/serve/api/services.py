"""What every route needs, made once for an app and handed to the routes as a dependency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from miharu.core.settings import Settings
from miharu.serve.api.access import LakeAccess
from miharu.serve.api.feed import AlertFeed
from miharu.serve.api.health import Doctor
from miharu.serve.api.shelf import Shelf
from miharu.serve.api.tally import Tally


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the routes."""

    settings: Settings
    access: LakeAccess
    shelf: Shelf
    feed: AlertFeed
    doctor: Doctor
    tally: Tally


async def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Here = Annotated[Services, Depends(_services)]
