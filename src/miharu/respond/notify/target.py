"""Whom to tell, and of what: one entry of the setting `notify`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from miharu.core.alert import Alert
from miharu.core.finding import LEVELS


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver. `url` and `headers` may hold secrets, so they are not shown with it.

    It is told of alerts at or above `min_level`, of the rules in `rules` (ids; none: of all). At most `per_minute`
    messages begin within a minute; of more than `group_above` alerts within `group` the rest goes as one message.
    """

    name: str
    kind: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    min_level: str = "low"
    rules: frozenset[str] = frozenset()
    per_minute: int = 30
    group: timedelta = timedelta(seconds=10)
    group_above: int = 5
    timeout: timedelta = timedelta(seconds=10)

    def wants(self, alert: Alert) -> bool:
        """Return whether it is told of an alert."""
        severe = LEVELS.index(alert.rule_level) >= LEVELS.index(self.min_level)
        return severe and (not self.rules or alert.rule_id in self.rules)
