"""The kinds of receivers, and a delivery to one of them."""

from __future__ import annotations

from typing import Final

from miharu.respond.notify.message import Notifier
from miharu.respond.notify.services import Service
from miharu.respond.notify.target import Target
from miharu.respond.notify.webhook import Webhook
from miharu.store import Delivery

NOTIFIERS: Final[dict[str, type[Webhook | Service]]] = {
    "webhook": Webhook,
    "apprise": Service,
}
"""What `kind` may say → the class that does it."""


def deliver(target: Target, delivery: Delivery) -> None:
    """Send a delivery to its target. Raises DeliveryError where it was not taken."""
    notifier: Notifier = NOTIFIERS[target.kind](target)
    notifier.send(notifier.render(delivery))
