"""The mail server's `mail.log`: Postfix receives, sends and refuses; Dovecot lets people read."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day import firewall
from bench.day.company import ADDRESS, DOMAIN, NOISE, PARTNERS, PEOPLE
from bench.day.desks import DESK_IPS, LOGINS, STATIONS
from bench.day.lines import SECOND, Ints, Template, column
from bench.day.rhythm import Day, codes, flat, pick, ports, ticks

LOG: Final = "mail.log"


def line(program: str, text: str) -> Template:
    return Template(f"%(bsd)s %(clock)s mail01 {program}: {text}")


CONNECTED: Final = line("postfix/smtpd[%(smtpd)s]", "connect from %(client)s[%(ip)s]")
CLIENT: Final = line("postfix/smtpd[%(smtpd)s]", "%(queue)s: client=%(client)s[%(ip)s]")
IDENTIFIED: Final = line("postfix/cleanup[%(cleanup)s]", "%(queue)s: message-id=<%(message)s>")
QUEUED: Final = line("postfix/qmgr[1187]", "%(queue)s: from=<%(sender)s>, size=%(size)s, nrcpt=1 (queue active)")
LOCAL: Final = line(
    "postfix/local[%(local)s]",
    "%(queue)s: to=<%(to)s>, relay=local, delay=0.%(tenths)s, delays=0.1%(tenths)s/0.01/0/0.02, dsn=2.0.0, "
    "status=sent (delivered to maildir)",
)
REMOVED: Final = line("postfix/qmgr[1187]", "%(queue)s: removed")
DISCONNECTED: Final = line(
    "postfix/smtpd[%(smtpd)s]",
    "disconnect from %(client)s[%(ip)s] ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7",
)
SUBMITTED: Final = line(
    "postfix/submission/smtpd[%(smtpd)s]",
    "%(queue)s: client=%(client)s[%(ip)s], sasl_method=PLAIN, sasl_username=%(user)s",
)
SENT: Final = line(
    "postfix/smtp[%(local)s]",
    "%(queue)s: to=<%(to)s>, relay=%(relay)s[%(peer)s]:25, delay=1.%(tenths)s, delays=0.1/0.02/0.4%(tenths)s/0.6, "
    "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as %(theirs)s)",
)
REJECTED: Final = line(
    "postfix/smtpd[%(smtpd)s]",
    "NOQUEUE: reject: RCPT from unknown[%(ip)s]: %(reason)s; from=<%(sender)s> to=<%(to)s> proto=ESMTP helo=<%(helo)s>",
)
REJECTED_LEFT: Final = line(
    "postfix/smtpd[%(smtpd)s]", "disconnect from unknown[%(ip)s] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4"
)
REASONS: Final = (
    "554 5.7.1 Service unavailable; Client host [%s] blocked using block.example.org",
    "450 4.7.25 Client host rejected: cannot find your hostname, [%s]",
)
LOOKED: Final = line("postfix/smtpd[%(smtpd)s]", "connect from mon01.example.com[%(ip)s]")
LOOKED_ON: Final = line("postfix/smtpd[%(smtpd)s]", "lost connection after CONNECT from mon01.example.com[%(ip)s]")
READ: Final = line(
    "dovecot",
    "imap-login: Login: user=<%(user)s>, method=PLAIN, rip=%(ip)s, lip=%(lip)s, mpid=%(mpid)s, TLS, "
    "session=<%(session)s>",
)
READ_LEFT: Final = line(
    "dovecot",
    "imap(%(user)s)<%(mpid)s><%(session)s>: Disconnected: Logged out in=%(read)s out=%(size)s deleted=0 expunged=0 "
    "trashed=0 hdr_count=%(tenths)s hdr_bytes=%(size)s body_count=1 body_bytes=%(size)s",
)
READ_REFUSED: Final = line(
    "dovecot",
    "imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%(user)s>, method=PLAIN, "
    "rip=%(ip)s, lip=%(lip)s, TLS, session=<%(session)s>",
)
ADDRESSES: Final = column(f"{person.login}@{DOMAIN}" for person in PEOPLE)
WORDS: Final = ("orders", "anna", "billing", "info", "kenji", "service", "lucia", "news")


def add(day: Day, template: Template, at: Ints, **values: Any) -> None:
    day.archive.add(LOG, template, "mail01", at, **values)


def numbers(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Return process ids, queue ids and sizes for messages."""
    return {
        "smtpd": rng.integers(2000, 60000, count),
        "cleanup": rng.integers(2000, 60000, count),
        "local": rng.integers(2000, 60000, count),
        "queue": codes(rng, count, 10),
        "size": rng.integers(1200, 90000, count),
        "tenths": rng.integers(1, 9, count),
    }


def received(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add mail from partners to people."""
    who, at = day.working(rng, count)
    deliver(day, rng, at, to=ADDRESSES[who], **_sender(rng, count))


def _sender(rng: np.random.Generator, count: int) -> dict[str, Any]:
    partner, word = rng.integers(0, len(PARTNERS), count), rng.integers(0, len(WORDS), count)
    senders = column(f"{word}@{domain}" for _, domain, _ in PARTNERS for word in WORDS)
    return {
        "client": column(name for name, *_ in PARTNERS)[partner],
        "ip": column(address for *_, address in PARTNERS)[partner],
        "sender": senders[partner * len(WORDS) + word],
        "message": column(f"{code}@mail.example.net" for code in codes(rng, count, 16)),
    }


def deliver(day: Day, rng: np.random.Generator, at: Ints, **values: Any) -> None:
    """Add a message, from its connection to the mailbox; give `client`, `ip`, `sender`, `message`, `to`."""
    count = len(at)
    values = {**numbers(rng, count), **values}
    steps = (
        (CONNECTED, 0),
        (CLIENT, 210),
        (IDENTIFIED, 330),
        (QUEUED, 390),
        (LOCAL, 450),
        (REMOVED, 455),
        (DISCONNECTED, 470),
    )
    for template, late in steps:
        add(day, template, at + late, **values)
    there = {"server": "mail01", "peer": values["ip"], "port": 25, "seconds": rng.integers(1, 3, count)}
    firewall.inbound(day, rng, at, 5, **there, size=values["size"] + 900)


def sent(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add mail from people to partners."""
    who, at = day.working(rng, count)
    partner = rng.integers(0, len(PARTNERS), count)
    word = rng.integers(0, len(WORDS), count)
    values = {
        **numbers(rng, count),
        "client": column(f"{station}.{DOMAIN}" for station in STATIONS)[who],
        "ip": DESK_IPS[who],
        "user": LOGINS[who],
        "sender": ADDRESSES[who],
        "message": column(f"{code}@mail01.example.com" for code in codes(rng, count, 16)),
        "to": column(f"{word}@{domain}" for _, domain, _ in PARTNERS for word in WORDS)[partner * len(WORDS) + word],
        "relay": column(name for name, *_ in PARTNERS)[partner],
        "peer": column(address for *_, address in PARTNERS)[partner],
        "theirs": codes(rng, count, 10),
    }
    steps = ((SUBMITTED, 0), (IDENTIFIED, 90), (QUEUED, 130), (SENT, 1500), (REMOVED, 1505))
    for template, late in steps:
        add(day, template, at + late, **values)
    there = {"peer": values["peer"], "service": 25, "ip": ADDRESS["mail01"], "port": ports(rng, count), "zone": "dmz"}
    ours = {"direction": "outbound", "nat": "192.0.2.25", "natted": rng.integers(1024, 65535, count)}
    firewall.connection(
        day, rng, at + 600, 6, **there, **ours, size=values["size"] + 900, seconds=rng.integers(1, 3, count)
    )


def refused(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add unwanted mail, which comes at any hour and goes no further."""
    at = flat(rng, count)
    values: dict[str, Any] = {
        "smtpd": rng.integers(2000, 60000, count),
        "ip": pick(rng, NOISE, count),
        "client": "unknown",
        "sender": pick(rng, [f"{word}{number}@offers.example.org" for word in WORDS for number in range(9)], count),
        "to": pick(rng, ADDRESSES.tolist(), count),
        "helo": pick(rng, ("localhost", "mail.example.org", "host.example.net", "win-2k19"), count),
    }
    reasons = zip(pick(rng, REASONS, count).tolist(), values["ip"].tolist(), strict=True)
    values["reason"] = column(reason % ip for reason, ip in reasons)
    for template, late in ((CONNECTED, 0), (REJECTED, 700), (REJECTED_LEFT, 1100)):
        add(day, template, at + late, **values)
    there = {"server": "mail01", "peer": values["ip"], "port": 25, "seconds": np.ones(count, dtype=np.int64)}
    firewall.inbound(day, rng, at, 11, **there, size=rng.integers(300, 1500, count))


def watched(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add the monitoring's look at the mail server."""
    at, pid = ticks(count, 20 * SECOND), rng.integers(2000, 60000, count)
    for template, late in ((LOOKED, 0), (LOOKED_ON, 12)):
        add(day, template, at + late, smtpd=pid, ip=ADDRESS["mon01"])


def read(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add people who fetch their mail."""
    who, at = day.working(rng, count)
    person = {"user": LOGINS[who], "ip": DESK_IPS[who]}
    fetch(day, rng, at, seconds=rng.integers(1, 600, count), **person)


def fetch(day: Day, rng: np.random.Generator, at: Ints, **values: Any) -> None:
    count = len(at)
    values = {
        "lip": ADDRESS["mail01"],
        "mpid": rng.integers(2000, 60000, count),
        "session": codes(rng, count, 16),
        "read": rng.integers(80, 4000, count),
        "size": rng.integers(900, 90000, count),
        "tenths": rng.integers(1, 9, count),
        **values,
    }
    add(day, READ, at, **values)
    add(day, READ_LEFT, at + values["seconds"] * SECOND, **values)


def forgotten(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add mail programs that still know an old password."""
    who, at = day.working(rng, count)
    values = {"user": LOGINS[who], "ip": DESK_IPS[who], "lip": ADDRESS["mail01"], "session": codes(rng, count, 16)}
    add(day, READ_REFUSED, at, **values)
