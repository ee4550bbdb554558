"""Seeded Cisco ASA syslog lines in realistic proportions, for the samples and for measuring."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

SERVICES = ((443, "tcp", 60), (80, "tcp", 12), (53, "udp", 18), (123, "udp", 4), (25, "tcp", 3), (22, "tcp", 3))
SCANNED = (22, 23, 80, 443, 445, 1433, 3306, 3389, 5900, 8080)
FLAGS = ("FIN ACK", "RST", "RST ACK", "PSH ACK", "ACK")
ENDS = ("TCP FINs", "TCP Reset-O", "TCP Reset-I", "SYN Timeout", "Conn-timeout")


def stamped(at: datetime, severity: int, code: int, message: str, host: str = "fw01") -> str:
    """Return one line as the device sends it: facility local4, its own stamp with the year, its name."""
    return f"<{20 * 8 + severity}>{at.strftime('%b %d %Y %H:%M:%S')} {host} : %ASA-{severity}-{code}: {message}"


def span(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def outside(rng: random.Random) -> str:
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randrange(1, 255)}"


def inside(rng: random.Random) -> str:
    return f"10.{rng.randrange(20, 24)}.{rng.randrange(1, 30)}.{rng.randrange(2, 250)}"


def built(at: datetime, number: int, rng: random.Random) -> str:
    host, peer, port = inside(rng), outside(rng), rng.randrange(1024, 65535)
    service, protocol, _ = rng.choices(SERVICES, [weight for *_, weight in SERVICES])[0]
    code = 302013 if protocol == "tcp" else 302015
    return stamped(
        at,
        6,
        code,
        f"Built outbound {protocol.upper()} connection {number} for outside:{peer}/{service} ({peer}/{service}) "
        f"to inside:{host}/{port} (192.0.2.1/{port})",
    )


def torn_down(at: datetime, number: int, rng: random.Random) -> str:
    host, peer, port = inside(rng), outside(rng), rng.randrange(1024, 65535)
    service, protocol, _ = rng.choices(SERVICES, [weight for *_, weight in SERVICES])[0]
    code, end = (302014, " " + rng.choice(ENDS)) if protocol == "tcp" else (302016, "")
    size = int(rng.paretovariate(0.9) * 400) % 50_000_000
    return stamped(
        at,
        6,
        code,
        f"Teardown {protocol.upper()} connection {number} for outside:{peer}/{service} to inside:{host}/{port} "
        f"duration {span(rng.randrange(0, 5400))} bytes {size}{end}",
    )


def denied(at: datetime, _: int, rng: random.Random) -> str:
    peer, port, target = outside(rng), rng.randrange(1024, 65535), rng.choice(SCANNED)
    return stamped(
        at,
        4,
        106023,
        f"Deny tcp src outside:{peer}/{port} dst dmz:192.0.2.{rng.randrange(8, 16)}/{target} "
        'by access-group "outside_in" [0x0, 0x0]',
    )


def refused(at: datetime, _: int, rng: random.Random) -> str:
    port, target = rng.randrange(1024, 65535), rng.choice(SCANNED)
    flags = "SYN"
    return stamped(
        at,
        2,
        106001,
        f"Inbound TCP connection denied from {outside(rng)}/{port} to {inside(rng)}/{target} flags {flags} "
        "on interface outside",
    )


def stray(at: datetime, _: int, rng: random.Random) -> str:
    port = rng.randrange(1024, 65535)
    return stamped(
        at,
        6,
        106015,
        f"Deny TCP (no connection) from {inside(rng)}/{port} to {outside(rng)}/443 flags {rng.choice(FLAGS)} "
        "on interface inside",
    )


def translated(at: datetime, _: int, rng: random.Random) -> str:
    port = rng.randrange(1024, 65535)
    return stamped(
        at, 6, 305011, f"Built dynamic TCP translation from inside:{inside(rng)}/{port} to outside:192.0.2.1/{port}"
    )


MAKERS = ((built, 38), (torn_down, 36), (denied, 12), (stray, 5), (refused, 2), (translated, 7))


def lines(count: int, rng: random.Random, begin: datetime, step: timedelta) -> Iterator[tuple[datetime, str]]:
    """Yield `count` lines with their instants, `step` apart."""
    makers = rng.choices([maker for maker, _ in MAKERS], [weight for _, weight in MAKERS], k=count)
    for number, maker in enumerate(makers):
        at = begin + number * step
        yield at, maker(at, 4_000_000 + number, rng)
