"""What listeners hand frames to: something that says when a frame is durable, and when there is too much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from miharu.core.errors import OperatorError
from miharu.core.frame import Frame


class IntakeFullError(OperatorError):
    """What waits to be processed has reached its limit, or the disk is full: the sender has to come again."""


class Gate(Protocol):
    """Where frames go in. Everything is called in the loop's own thread."""

    def offer(self, frame: Frame, *, patient: bool) -> asyncio.Future[None]:
        """Return what is done when the frame is durable.

        Patient (a stream, whose sender would not learn of a failure): never fails, is tried until it is durable.
        Not patient: fails with `IntakeFullError` when the frame cannot be taken now.
        """

    @property
    def crowded(self) -> bool:
        """Whether too much waits for the disk: streams are not read on, datagrams and requests are refused."""

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, in the loop, when it is no longer crowded."""
