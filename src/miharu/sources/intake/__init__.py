"""What arrives over the network → frames of records, handed to a gate that makes them durable."""

from __future__ import annotations

from miharu.sources.intake.bodies import HttpLimits
from miharu.sources.intake.counts import SenderCount, SenderCounts
from miharu.sources.intake.desk import Admit
from miharu.sources.intake.gate import Gate, IntakeFullError
from miharu.sources.intake.http import make_http
from miharu.sources.intake.repeats import Repeats
from miharu.sources.intake.tcp import StreamLimits, TcpListener
from miharu.sources.intake.udp import UdpListener

__all__ = [
    "Admit",
    "Gate",
    "HttpLimits",
    "IntakeFullError",
    "Repeats",
    "SenderCount",
    "SenderCounts",
    "StreamLimits",
    "TcpListener",
    "UdpListener",
    "make_http",
]
