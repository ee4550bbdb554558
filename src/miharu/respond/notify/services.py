"""A delivery → a message through Apprise: mail, chat, pagers, telephones, by its address."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Final

from miharu.respond.notify.message import DeliveryError, Message, one_line, words
from miharu.respond.notify.target import Target
from miharu.store import Delivery

if TYPE_CHECKING:
    from apprise import Apprise

_TYPES: Final = {"critical": "failure", "high": "failure", "medium": "warning"}


class Service:
    """Tells one service that Apprise knows."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @staticmethod
    def check(target: Target) -> tuple[str, str] | None:
        """Return the key and the fault of a target that cannot be one of this kind."""
        if target.secret or target.headers:
            return "secret" if target.secret else "headers", "is for webhooks; a service has its secrets in its url"
        if _open(target) is None:
            return "url", "is no address that Apprise knows"
        return None

    def render(self, delivery: Delivery) -> Message:
        """Make a title and lines of text."""
        return words(delivery)

    def send(self, message: Message) -> None:
        """Hand it to the service. Apprise does not say whether a failure will pass, so each may."""
        service = _open(self._target)
        if service is None:
            raise DeliveryError("its url is no address that Apprise knows", permanent=True)
        outcome = service.notify(
            title=message.title,
            body=message.text,
            notify_type=_TYPES.get(message.level, "info"),
            body_format="text",
        )
        if not outcome:
            said = [entry.message for entry in outcome.logs()]
            raise DeliveryError(one_line(said[-1]) if said else "the service did not take it")


def _open(target: Target) -> Apprise | None:
    # A fifth of a second and a hundred modules, for those only who use it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415

        # What goes wrong is in the outcome; on stderr it would only be said twice.
        logging.getLogger("apprise").addHandler(logging.NullHandler())
        logging.getLogger("apprise").propagate = False
        asset = AppriseAsset(async_mode=False, app_id="miharu", app_desc="miharu")
        service = Apprise.instantiate(target.url, asset=asset)
        if service is None:
            return None
    one = Apprise(asset=asset)
    one.add(service)
    return one
