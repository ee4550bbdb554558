"""Paths → chunks of records: files, folders and archives, recognised by content and cut into records."""

from miharu.sources.expand import expand
from miharu.sources.limits import DEFAULT_LIMITS, Limits
from miharu.sources.source_file import Scan, SourceFile

__all__ = ["DEFAULT_LIMITS", "Limits", "Scan", "SourceFile", "expand"]
