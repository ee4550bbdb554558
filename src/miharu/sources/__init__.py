"""Paths and listeners → chunks and frames of records: recognised by content, or framed as they arrive."""

from miharu.sources.expand import expand
from miharu.sources.intake import (
    Admit,
    Gate,
    HttpLimits,
    IntakeFullError,
    Repeats,
    SenderCount,
    SenderCounts,
    StreamLimits,
    TcpListener,
    UdpListener,
    make_http,
)
from miharu.sources.limits import CHUNK_BYTES, DEFAULT_LIMITS, Limits
from miharu.sources.source_file import Scan, SourceFile

__all__ = [
    "CHUNK_BYTES",
    "DEFAULT_LIMITS",
    "Admit",
    "Gate",
    "HttpLimits",
    "IntakeFullError",
    "Limits",
    "Repeats",
    "Scan",
    "SenderCount",
    "SenderCounts",
    "SourceFile",
    "StreamLimits",
    "TcpListener",
    "UdpListener",
    "expand",
    "make_http",
]
