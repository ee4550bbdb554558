"""Findings → alerts: hits of one rule on one entity, near in time, become one thing to look at."""

from miharu.respond.alerting import Change, regroup
from miharu.respond.sessions import Session, sessions

__all__ = ["Change", "Session", "regroup", "sessions"]
