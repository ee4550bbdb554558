"""Alerts → the JSON objects kept in the outbox → words for people; nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson

from miharu.core.alert import Alert
from miharu.core.finding import LEVELS
from miharu.store import Delivery

_VALUE_SHOWN: Final = 1_000
_LINE_SHOWN: Final = 200
_LISTED: Final = 50
_UNSEEN: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
"""White space, control characters, and marks that reorder text: values come from logs, which attackers write."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed to a receiver: the delivery's id, the worst level in it, a title and a text."""

    delivery: str
    level: str
    title: str
    text: str


class DeliveryError(Exception):
    """A message was not taken.

    `permanent`: trying again cannot help. `retry_after`: seconds after which the receiver wants to be tried again.
    """

    def __init__(self, text: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.permanent = permanent
        self.retry_after = retry_after


class Notifier(Protocol):
    """One way to reach a receiver."""

    def render(self, delivery: Delivery) -> Message:
        """Make the message of a delivery; the same for the same delivery."""

    def send(self, message: Message) -> None:
        """Hand a message to the receiver. Raises DeliveryError where it was not taken."""


def alert_context(alert: Alert, kind: str) -> dict[str, Any]:
    """Return what is told about an alert: the kind of notice and the alert as a JSON object."""
    entity: Mapping[str, Any] = orjson.loads(alert.entity or "{}")
    return {
        "kind": kind,
        "alert": {
            "id": alert.id,
            "rule_id": alert.rule_id,
            "rule_name": alert.rule_name[:_VALUE_SHOWN],
            "rule_level": alert.rule_level,
            "entity": {name: _cut(value) for name, value in entity.items()},
            "first": _stamp(alert.first),
            "last": _stamp(alert.last),
            "count": alert.count,
            "state": alert.state,
        },
    }


def trial_delivery(target: str, now: datetime) -> Delivery:
    """Return a delivery that says that messages arrive."""
    level = LEVELS[0]
    alert = Alert("0" * 32, "miharu-test", "A test of this target", level, "{}", now, now, "0" * 32, 0)
    stamp = f"{int(now.timestamp() * 1_000_000):032x}"
    return Delivery(stamp, target, (alert_context(alert, "test"),), 1, now)


def worst_first(delivery: Delivery) -> list[Mapping[str, Any]]:
    """Return the notices of a delivery, the most severe first, then the latest."""
    by_id = sorted(delivery.bodies, key=lambda body: str(body["alert"]["id"]))
    by_time = sorted(by_id, key=lambda body: str(body["alert"]["last"]), reverse=True)
    return sorted(by_time, key=lambda body: -LEVELS.index(body["alert"]["rule_level"]))


def words(delivery: Delivery) -> Message:
    """Return a message in plain words."""
    notices = worst_first(delivery)
    level = str(notices[0]["alert"]["rule_level"])
    if len(notices) == 1:
        return Message(delivery.id, level, _title(notices[0]), _details(notices[0], delivery.id))
    title = f"[{level}] {len(notices):,} alerts together"
    return Message(delivery.id, level, title, _list(notices, delivery.id))


def _title(notice: Mapping[str, Any]) -> str:
    alert = notice["alert"]
    name = one_line(alert["rule_name"])
    if notice["kind"] == "test":
        return f"miharu: {name}"
    risen = " (level rose)" if notice["kind"].startswith("raised") else ""
    about = _about(alert)
    return one_line(f"[{alert['rule_level']}] {name}{risen}{f': {about}' if about else ''}")


def _details(notice: Mapping[str, Any], delivery: str) -> str:
    if notice["kind"] == "test":
        return f"Messages from miharu arrive here.\ndelivery {delivery}"
    alert = notice["alert"]
    facts = [one_line(f"{name}: {value}") for name, value in alert["entity"].items()]
    span = f"{_short(alert['first'])} to {_short(alert['last'])} UTC"
    rest = [
        f"{alert['count']:,} findings, {span}",
        f"rule {one_line(alert['rule_id'])}",
        f"alert {alert['id']}; miharu alerts show {alert['id'][:8]}",
        f"delivery {delivery}",
    ]
    return "\n".join([*facts, *rest])


def _list(notices: Sequence[Mapping[str, Any]], delivery: str) -> str:
    lines = [f"{notice['alert']['id'][:8]} {_title(notice)}" for notice in notices[:_LISTED]]
    if len(notices) > _LISTED:
        lines.append(f"and {len(notices) - _LISTED:,} more; miharu alerts list")
    return "\n".join([*lines, f"delivery {delivery}"])


def _about(alert: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in alert["entity"].values())


def one_line(text: object) -> str:
    """Return a text as one line of bounded length, without characters that hide or reorder."""
    line = _UNSEEN.sub(" ", str(text)).strip()
    return line if len(line) <= _LINE_SHOWN else line[: _LINE_SHOWN - 1] + "…"


def _cut(value: object) -> object:
    return value[:_VALUE_SHOWN] if isinstance(value, str) else value


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _short(stamp: str) -> str:
    return stamp[:19].replace("T", " ")
