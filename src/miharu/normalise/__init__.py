"""Fields as their log source names them → events in the Elastic Common Schema."""

from __future__ import annotations

from miharu.normalise.normaliser import Normaliser, read_time_texts
from miharu.normalise.tables import CONVERSIONS, TIME_FORMATS

__all__ = ["CONVERSIONS", "TIME_FORMATS", "Normaliser", "read_time_texts"]
