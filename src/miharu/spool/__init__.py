"""Frames from listeners → frames for workers, kept on disk between the two so that nothing taken is lost."""

from miharu.spool.position import Damage, Position, SpoolFullError, Taken
from miharu.spool.reader import SpoolReader
from miharu.spool.recent import recent
from miharu.spool.writer import SpoolWriter

__all__ = ["Damage", "Position", "SpoolFullError", "SpoolReader", "SpoolWriter", "Taken", "recent"]
