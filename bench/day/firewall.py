"""The firewall's syslog (Cisco ASA): translations, connections, what is denied, name look-ups of the servers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day.company import ADDRESS, HOSTS, NAT, NOISE
from bench.day.lines import SECOND, Ints, Template, spans
from bench.day.rhythm import Day, bursts, flat, pick, ports

LOG: Final = "asa.log"


def message(severity: int, code: int, text: str) -> Template:
    """Return a line as the device sends it: facility local4, its own stamp with the year, its name."""
    return Template(f"<{20 * 8 + severity}>%(asa)s %(clock)s fw01 : %ASA-{severity}-{code}: {text}")


_PEERS: Final = "outside:%(peer)s/%(service)s to %(zone)s:%(ip)s/%(port)s"
_BOTH: Final = (
    "for outside:%(peer)s/%(service)s (%(peer)s/%(service)s) to %(zone)s:%(ip)s/%(port)s (%(nat)s/%(natted)s)"
)
TRANSLATED: Final = message(
    6, 305011, "Built dynamic TCP translation from %(zone)s:%(ip)s/%(port)s to outside:%(nat)s/%(natted)s"
)
BUILT: Final = message(6, 302013, f"Built %(direction)s TCP connection %(connection)s {_BOTH}")
ENDED: Final = message(
    6, 302014, f"Teardown TCP connection %(connection)s for {_PEERS} duration %(span)s bytes %(size)s %(end)s"
)
BUILT_UDP: Final = message(6, 302015, f"Built %(direction)s UDP connection %(connection)s {_BOTH}")
ENDED_UDP: Final = message(
    6, 302016, f"Teardown UDP connection %(connection)s for {_PEERS} duration %(span)s bytes %(size)s"
)
DENIED: Final = message(
    4,
    106023,
    'Deny tcp src outside:%(peer)s/%(service)s dst dmz:%(ip)s/%(port)s by access-group "outside_in" [0x0, 0x0]',
)
STRAY: Final = message(
    6, 106015, "Deny TCP (no connection) from %(ip)s/%(port)s to %(peer)s/443 flags %(flags)s on interface inside"
)
REFUSED: Final = message(
    2,
    106001,
    "Inbound TCP connection denied from %(peer)s/%(service)s to %(ip)s/%(port)s flags SYN on interface outside",
)
ENDS: Final = ("TCP FINs", "TCP Reset-O", "TCP Reset-I", "SYN Timeout")
SCANNED: Final = (22, 23, 25, 80, 445, 1433, 3306, 3389, 5432, 5900, 6379, 8080, 8443, 9200)
SHOWN: Final = tuple(host.outside for host in HOSTS if host.outside)


def numbered(at: Ints, slot: int) -> Ints:
    """Return the numbers of connections: they rise with time, and no two slots (0 to 15) share any."""
    rank = np.arange(len(at))
    return (np.maximum.accumulate(at - rank) + rank) * 16 + slot


def outbound(day: Day, rng: np.random.Generator, at: Ints, slot: int, **values: Any) -> None:
    """Add a translation, a connection and its end for each moment; give `peer`, `service`, `ip`, `port`."""
    values = {
        "zone": "inside",
        "nat": NAT,
        "natted": rng.integers(1024, 65535, len(at)),
        "direction": "outbound",
        **values,
    }
    day.archive.add(LOG, TRANSLATED, "fw01", at, **values)
    connection(day, rng, at, slot, **values)


def inbound(day: Day, rng: np.random.Generator, at: Ints, slot: int, *, server: str, **values: Any) -> None:
    """Add a connection from outside to a server and its end for each moment; give `peer` and `port`."""
    outside = next(host.outside for host in HOSTS if host.name == server)
    ours = {"zone": "dmz", "ip": ADDRESS[server], "nat": outside, "natted": values["port"], "direction": "inbound"}
    connection(day, rng, at, slot, **{"service": ports(rng, len(at)), **ours, **values})


def connection(day: Day, rng: np.random.Generator, at: Ints, slot: int, **values: Any) -> None:
    """Add a connection and its end; `seconds` and `size` (bytes) are drawn when they are not given."""
    count = len(at)
    seconds = values.pop("seconds", None)
    if seconds is None:
        seconds = np.minimum(rng.exponential(25, count).astype(np.int64), 7200)
    values = {
        "size": (rng.pareto(0.9, count) * 900 + 300).astype(np.int64) % 50_000_000,
        "end": pick(rng, ENDS, count, (80, 8, 9, 3)),
        **values,
        "connection": numbered(at, slot),
    }
    day.archive.add(LOG, BUILT, "fw01", at + 1, **values)
    closed = at + 2 + seconds * SECOND + rng.integers(0, 900, count)
    day.archive.add(LOG, ENDED, "fw01", closed, span=spans()[seconds], **values)


def lookups(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add the domain controllers' questions to the provider's name servers."""
    busy = count * 3 // 4
    at = np.sort(np.concatenate((day.working(rng, busy)[1], flat(rng, count - busy))))
    values = {
        "direction": "outbound",
        "connection": numbered(at, 1),
        "peer": pick(rng, ("198.51.100.53", "203.0.113.53"), count),
        "service": 53,
        "zone": "inside",
        "ip": pick(rng, (ADDRESS["dc01"], ADDRESS["dc02"]), count),
        "port": ports(rng, count),
        "nat": NAT,
        "natted": rng.integers(1024, 65535, count),
    }
    seconds = rng.integers(0, 3, count)
    day.archive.add(LOG, BUILT_UDP, "fw01", at, **values)
    day.archive.add(
        LOG,
        ENDED_UDP,
        "fw01",
        at + seconds * SECOND + 90,
        span=spans()[seconds],
        size=rng.integers(90, 600, count),
        **values,
    )


def denied(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what the internet tries and the policy refuses: scans in bursts, and single knocks."""
    swept, single = count // 2, count - count // 2
    burst, at = bursts(rng, swept, 12)
    peers = pick(rng, NOISE, int(burst.max(initial=0)) + 1)
    scan = {"peer": peers[burst], "ip": pick(rng, SHOWN, swept)}
    day.archive.add(LOG, DENIED, "fw01", at, service=ports(rng, swept), port=pick(rng, SCANNED, swept), **scan)
    kinds = rng.choice(3, single, p=(0.5, 0.35, 0.15))
    at = flat(rng, single)
    for kind, template in enumerate((DENIED, STRAY, REFUSED)):
        when = at[kinds == kind]
        number = len(when)
        stray = template is STRAY
        day.archive.add(
            LOG,
            template,
            "fw01",
            when,
            peer=pick(rng, NOISE, number),
            service=ports(rng, number),
            ip=pick(rng, tuple(host.ip for host in HOSTS[:40]), number) if stray else pick(rng, SHOWN, number),
            port=ports(rng, number) if stray else pick(rng, SCANNED, number),
            flags=pick(rng, ("FIN ACK", "RST", "RST ACK", "ACK"), number),
        )
