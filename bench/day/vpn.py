"""People at home: OpenVPN's syslog on its host, AnyConnect's sessions in the firewall's."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day import firewall
from bench.day.company import ADDRESS, CROWD, NOISE, PEOPLE, PERSON
from bench.day.desks import LOGINS
from bench.day.lines import HOUR, MINUTE, SECOND, Ints, Template, column, spans
from bench.day.rhythm import Day, codes, flat, pick, ports

LOG: Final = "openvpn.log"
REMOTE: Final = ("chie", "hiro", "sara", "nils", "zoe", "leo", "dina", "wei", "sven")
ON_THE_ROAD: Final = ("farid", "olga", "tomoko", "quinn", "isla")


def line(text: str) -> Template:
    return Template(f"%(bsd)s %(clock)s vpn01 ovpn-server[812]: {text}")


_PEER: Final = "%(ip)s:%(port)s"
_NAMED: Final = f"%(user)s/{_PEER}"
GREETED: Final = line(f"{_PEER} TLS: Initial packet from [AF_INET]{_PEER}, sid=%(sid)s %(sid)s")
AUTHORITY: Final = line(f"{_PEER} VERIFY OK: depth=1, CN=Example VPN CA")
VERIFIED: Final = line(f"{_PEER} VERIFY OK: depth=0, CN=%(user)s")
VERSION: Final = line(f"{_PEER} peer info: IV_VER=2.6.12")
PLATFORM: Final = line(f"{_PEER} peer info: IV_PLAT=win")
PASSWORD: Final = line(f"{_PEER} TLS: Username/Password authentication succeeded for username '%(user)s'")
CHANNEL: Final = line(
    f"{_PEER} Control Channel: TLSv1.3, cipher TLSv1.3 TLS_AES_256_GCM_SHA384, peer certificate: 2048 bits RSA, "
    "signature: RSA-SHA256"
)
INITIATED: Final = line(f"{_PEER} [%(user)s] Peer Connection Initiated with [AF_INET]{_PEER}")
POOL: Final = line(f"{_NAMED} MULTI_sva: pool returned IPv4=%(inner)s, IPv6=(Not enabled)")
LEARNT: Final = line(f"{_NAMED} MULTI: Learn: %(inner)s -> {_NAMED}")
PRIMARY: Final = line(f"{_NAMED} MULTI: primary virtual IP for {_NAMED}: %(inner)s")
PUSHED: Final = line(
    f"{_NAMED} SENT CONTROL [%(user)s]: 'PUSH_REPLY,route 10.20.0.0 255.255.0.0,topology subnet,ping 10,"
    "ping-restart 120,ifconfig %(inner)s 255.255.255.0,peer-id 0,cipher AES-256-GCM' (status=1)"
)
LEFT: Final = line(f"{_NAMED} SIGTERM[soft,remote-exit] received, client-instance exiting")
REFUSED: Final = line(f"{_PEER} TLS Auth Error: Auth Username/Password verification failed for peer")
STRANGE: Final = line(
    f"{_PEER} TLS Error: TLS key negotiation failed to occur within 60 seconds (check your network connectivity)"
)
BROKEN: Final = line(f"{_PEER} TLS Error: TLS handshake failed")
OPENING: Final = (
    GREETED,
    AUTHORITY,
    VERIFIED,
    VERSION,
    PLATFORM,
    PASSWORD,
    CHANNEL,
    INITIATED,
    POOL,
    LEARNT,
    PRIMARY,
    PUSHED,
)

PARENT: Final = firewall.message(
    6, 113039, "Group <Staff> User <%(user)s> IP <%(ip)s> AnyConnect parent session started."
)
TUNNEL: Final = firewall.message(
    6, 722022, "Group <Staff> User <%(user)s> IP <%(ip)s> TCP SVC connection established without compression"
)
TUNNEL_ENDED: Final = firewall.message(
    6, 722023, "Group <Staff> User <%(user)s> IP <%(ip)s> TCP SVC connection terminated without compression"
)
ENDED: Final = firewall.message(
    4,
    113019,
    "Group = Staff, Username = %(user)s, IP = %(ip)s, Session disconnected. Session Type: AnyConnect-Parent, "
    "Duration: %(span)s, Bytes xmt: %(out)s, Bytes rcv: %(size)s, Reason: User Requested",
)
HOMES: Final = column(CROWD[number * 5] for number in range(len(PEOPLE)))
"""Where each person lives, as the internet sees it."""


def tunnel(day: Day, rng: np.random.Generator, at: Ints, until: Ints, *, slot: int, **values: Any) -> None:
    """Add sessions of OpenVPN in the order in which they begin; give `user`, `ip` and `inner`."""
    values = {"sid": column(code[:8].lower() for code in codes(rng, len(at), 8)), "port": ports(rng, len(at)), **values}
    for number, template in enumerate(OPENING):
        day.archive.add(LOG, template, "vpn01", at + number * 90, **values)
    day.archive.add(LOG, LEFT, "vpn01", until, **values)
    flow = {"connection": firewall.numbered(at, slot), "direction": "inbound", "peer": values["ip"]}
    flow |= {"service": values["port"], "zone": "dmz", "ip": ADDRESS["vpn01"], "port": 1194}
    flow |= {"nat": "192.0.2.30", "natted": 1194, "size": rng.integers(1 << 20, 1 << 28, len(at))}
    seconds = (until - at) // SECOND
    day.archive.add(firewall.LOG, firewall.BUILT_UDP, "fw01", at, **flow)
    day.archive.add(firewall.LOG, firewall.ENDED_UDP, "fw01", until, span=spans()[seconds], **flow)


def anyconnect(day: Day, rng: np.random.Generator, at: Ints, seconds: Ints, **values: Any) -> None:
    """Add a session of AnyConnect; give `user` and `ip`."""
    spans = column(f"{s // 3600}h:{s // 60 % 60:02}m:{s % 60:02}s" for s in seconds.tolist())
    values = {"out": rng.integers(1 << 20, 1 << 28, len(at)), "size": rng.integers(1 << 18, 1 << 26, len(at)), **values}
    end = at + seconds * SECOND
    for template, when in ((PARENT, at), (TUNNEL, at + 900), (TUNNEL_ENDED, end), (ENDED, end + 40)):
        day.archive.add(firewall.LOG, template, "fw01", when, span=spans, **values)


def homes(day: Day, rng: np.random.Generator) -> None:
    """Add those who work from elsewhere, by day or in the evening."""
    who = np.array([PERSON[login] for login in REMOTE])
    begin = np.sort(np.where(np.arange(len(who)) % 2 == 0, 9, 19) * HOUR + rng.integers(0, HOUR, len(who)))
    until = begin + rng.integers(40 * MINUTE, 160 * MINUTE, len(who))
    inner = column(f"10.30.0.{20 + number}" for number in range(len(who)))
    tunnel(day, rng, begin, until, slot=9, user=LOGINS[who], ip=HOMES[who], inner=inner)
    who = np.array([PERSON[login] for login in ON_THE_ROAD])
    begin = rng.integers(9 * HOUR, 16 * HOUR, len(who))
    anyconnect(day, rng, begin, rng.integers(900, 9000, len(who)), user=LOGINS[who], ip=HOMES[who])
    wrong = np.array([PERSON["leo"], PERSON["zoe"]])
    at = np.array((19 * HOUR + 61 * SECOND, 9 * HOUR - 50 * SECOND))
    day.archive.add(LOG, REFUSED, "vpn01", at, ip=HOMES[wrong], port=ports(rng, 2))


def strangers(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add those from outside who try the door of the VPN and get no answer."""
    at, values = flat(rng, count), {"ip": pick(rng, NOISE, count), "port": ports(rng, count), "sid": "5f1e0c3a"}
    for template, late in ((GREETED, 0), (STRANGE, MINUTE), (BROKEN, MINUTE + 2)):
        day.archive.add(LOG, template, "vpn01", at + late, **values)
