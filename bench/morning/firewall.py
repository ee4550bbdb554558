"""The firewall's syslog: the traffic of a morning, a scan from outside, and a machine that calls out."""

from __future__ import annotations

import random
from datetime import timedelta

from bench import asa
from bench.morning.story import ATTACKER, BEGIN, CONTROL, DESK_IP, END, WEB_OUTSIDE, Line, clock

SCAN = (21, 22, 23, 25, 80, 110, 135, 139, 443, 445, 1433, 3306, 3389, 5432, 5900, 6379, 8080, 8443, 9200, 27017)


def log(rng: random.Random) -> list[Line]:
    """Return the lines that `fw01` sends."""
    count = 1500
    traffic = [Line(at, text) for at, text in asa.lines(count, rng, BEGIN, (END - BEGIN) / count)]
    return sorted(traffic + scan(rng) + calls_out(rng) + loot())


def scan(rng: random.Random) -> list[Line]:
    found, at = [], clock("8:41")
    for port in SCAN:
        at += timedelta(milliseconds=rng.randrange(200, 1500))
        if port in {80, 443, 22}:
            continue  # allowed: the shop, and the door that should not have been open
        message = (
            f"Deny tcp src outside:{ATTACKER}/{rng.randrange(40000, 60000)} dst dmz:{WEB_OUTSIDE}/{port} "
            'by access-group "outside_in" [0x0, 0x0]'
        )
        found.append(Line(at, asa.stamped(at, 4, 106023, message)))
    return found


def calls_out(rng: random.Random) -> list[Line]:
    """From 10:05 the desk tries to reach a chat server every minute; the policy refuses it."""
    found = []
    for minute in range(25):
        at = clock("10:05") + timedelta(minutes=minute, seconds=rng.randrange(0, 9))
        message = (
            f"Deny tcp src inside:{DESK_IP}/{rng.randrange(49152, 65535)} dst outside:{CONTROL}/6667 "
            'by access-group "inside_out" [0x0, 0x0]'
        )
        found.append(Line(at, asa.stamped(at, 4, 106023, message)))
    return found


def loot() -> list[Line]:
    """One long connection over an allowed port carries 412 MB away."""
    begin, end = clock("10:31:04"), clock("10:48:40")
    peers = f"outside:{CONTROL}/443", f"inside:{DESK_IP}/53122"
    built = f"Built outbound TCP connection 4990001 for {peers[0]} ({CONTROL}/443) to {peers[1]} (192.0.2.1/53122)"
    span = "duration 0:17:36 bytes 412316860 TCP FINs"
    torn_down = f"Teardown TCP connection 4990001 for {peers[0]} to {peers[1]} {span}"
    return [
        Line(begin, asa.stamped(begin, 6, 302013, built)),
        Line(end, asa.stamped(end, 6, 302014, torn_down)),
    ]
