"""Deliveries out of the outbox → messages to people and programs; each kind of receiver is one small class."""

from miharu.respond.notify.kinds import NOTIFIERS, deliver
from miharu.respond.notify.loading import load_targets
from miharu.respond.notify.message import DeliveryError, Message, Notifier, alert_context, trial_delivery
from miharu.respond.notify.target import Target

__all__ = [
    "NOTIFIERS",
    "DeliveryError",
    "Message",
    "Notifier",
    "Target",
    "alert_context",
    "deliver",
    "load_targets",
    "trial_delivery",
]
