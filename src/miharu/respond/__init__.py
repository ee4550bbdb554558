"""Findings → alerts: hits of one rule on one entity, near in time, become one thing to look at and to tell of."""

from miharu.respond.alerting import Change, regroup
from miharu.respond.notify import (
    NOTIFIERS,
    DeliveryError,
    Message,
    Notifier,
    Target,
    alert_context,
    deliver,
    load_targets,
    trial_delivery,
)
from miharu.respond.sessions import Session, sessions

__all__ = [
    "NOTIFIERS",
    "Change",
    "DeliveryError",
    "Message",
    "Notifier",
    "Session",
    "Target",
    "alert_context",
    "deliver",
    "load_targets",
    "regroup",
    "sessions",
    "trial_delivery",
]
