"""Records as received → fields as their log source names them, or a reject with its reason."""

from __future__ import annotations

from miharu.parse.parser import Parsed, Parser
from miharu.parse.tables import CONTAINERS, READERS

__all__ = ["CONTAINERS", "READERS", "Parsed", "Parser"]
