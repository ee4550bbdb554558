"""The shop's access log (nginx, format `main`) and the intranet's (Apache, format `combined`)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day import firewall
from bench.day.company import ADDRESS, CROWD, NOISE
from bench.day.desks import DESK_IPS, LOGINS
from bench.day.lines import SECOND, Template, column
from bench.day.rhythm import Day, bursts, pick, ports, shopping, ticks

SHOP: Final = "nginx/access.log"
INTRANET: Final = "apache2/access.log"
_COMBINED: Final = (
    '%(client)s - %(user)s [%(apache)s:%(clock)s +0000] "%(method)s %(target)s HTTP/1.1" %(status)s %(size)s '
    '"%(referrer)s" "%(agent)s"'
)
COMBINED: Final = Template(_COMBINED)
MAIN: Final = Template(f'{_COMBINED} "%(forwarded)s"')
AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
PAGES: Final = (
    "/", "/catalogue", "/catalogue?page=2", "/item/1042", "/item/2210", "/item/877", "/basket", "/help",
    "/static/site.css", "/static/shop.js", "/images/banner.webp", "/search?q=hinges", "/uploads/img_0417.jpg",
)  # fmt: skip
BASKET: Final = (("POST", "/basket/add"), ("POST", "/login"), ("GET", "/account"), ("GET", "/api/stock?item=1042"))
PROBES: Final = (
    ("/.env", 404), ("/.git/config", 404), ("/phpinfo.php", 404), ("/wp-login.php", 404), ("/admin/", 403),
    ("/xmlrpc.php", 404), ("/solr/admin/info/system", 404), ("/actuator/health", 404), ("/boaform/admin", 404),
    ("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", 404), ("/cgi-bin/luci", 404), ("/robots.txt", 200),
    ("/static/..%2f..%2f..%2fetc%2fpasswd", 400),
)  # fmt: skip
PROBERS: Final = (
    "Mozilla/5.0 (compatible; InternetMeasurement/1.0)", "Mozilla/5.0 zgrab/0.x", "curl/8.12.1", "Go-http-client/1.1",
    "python-requests/2.32.3", "masscan/1.3", "-",
)  # fmt: skip
INTRANET_PAGES: Final = (
    "/",
    "/wiki/Start",
    "/wiki/Holidays",
    "/tickets",
    "/tickets/1187",
    "/canteen",
    "/phonebook?q=weber",
)
PER_VISIT: Final = 4


def visits(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add customers of the shop: a connection through the firewall, and four requests in it."""
    at = shopping(rng, count)
    peers = pick(rng, CROWD, count)
    seconds = rng.integers(20, 120, count)
    firewall.inbound(day, rng, at, 4, server="web01", peer=peers, port=443, seconds=seconds, service=ports(rng, count))
    visit = np.repeat(np.arange(count), PER_VISIT)
    clients = peers.copy()
    newer = np.arange(count) % 20 == 7
    clients[newer] = pick(rng, [f"2001:db8:{n:x}::{n + 5:x}" for n in range(64, 128)], int(newer.sum()))
    values = {**asked(rng, len(visit)), "agent": pick(rng, AGENTS, count, (45, 20, 10, 25))[visit]}
    when = at[visit] + rng.integers(50, 20 * SECOND, len(visit))
    day.archive.add(SHOP, MAIN, "web01", when, client=clients[visit], user="-", forwarded="-", **values)


def asked(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Return requests of people who look around, and now and then buy."""
    buys = rng.random(count) < 0.08
    methods, targets = zip(*BASKET, strict=True)
    act = rng.integers(0, len(BASKET), count)
    status = pick(rng, (200, 304, 404, 302, 500), count, (880, 80, 25, 13, 2))
    return {
        "method": np.where(buys, column(methods)[act], "GET"),
        "target": np.where(buys, column(targets)[act], pick(rng, PAGES, count)),
        "status": status,
        "size": np.where(status == 304, 0, rng.integers(300, 48000, count)),
        "referrer": pick(rng, ("https://shop.example.com/", "https://search.example.net/", "-"), count, (6, 1, 3)),
    }


def watched(day: Day, _: np.random.Generator, count: int) -> None:
    """Add the monitoring's look at the shop."""
    values = {"client": ADDRESS["mon01"], "user": "-", "method": "GET", "target": "/health", "status": 200, "size": 2}
    values |= {"referrer": "-", "agent": "monitor/2.4", "forwarded": "-"}
    day.archive.add(SHOP, MAIN, "web01", ticks(count, 30 * SECOND), **values)


def probes(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add those who look for weak spots, at any hour."""
    burst, at = bursts(rng, count, 8)
    number = int(burst.max(initial=0)) + 1
    chosen = rng.integers(0, len(PROBES), count)
    paths, answers = zip(*PROBES, strict=True)
    values = {
        "client": pick(rng, NOISE, number)[burst],
        "target": column(paths)[chosen],
        "status": np.array(answers)[chosen],
        "size": rng.integers(120, 600, count),
        "agent": pick(rng, PROBERS, number)[burst],
    }
    day.archive.add(SHOP, MAIN, "web01", at, user="-", method="GET", referrer="-", forwarded="-", **values)


def intranet(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what people read inside; Apache knows them by name."""
    who, at = day.working(rng, count)
    status = pick(rng, (200, 304, 404), count, (80, 18, 2))
    values = {
        "client": DESK_IPS[who],
        "user": LOGINS[who],
        "target": pick(rng, INTRANET_PAGES, count),
        "status": status,
        "size": np.where(status == 304, "-", rng.integers(300, 30000, count).astype(object)),
    }
    referrer = "http://intra01.example.com/"
    day.archive.add(INTRANET, COMBINED, "intra01", at, method="GET", referrer=referrer, agent=AGENTS[0], **values)
