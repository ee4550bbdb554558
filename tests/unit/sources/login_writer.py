"""A seed → files of logins as glibc and shadow write them, made field by field with `struct`: no layout of miharu's."""

from __future__ import annotations

import ipaddress
import random
import struct
from dataclasses import dataclass

UTMP = {384: "hi32s4s32s256shhiii16s20x", 400: "h2xi32s4s32s256shhqqq16s20x4x"}
BEGUN = 1_700_000_000


@dataclass(frozen=True)
class Login:
    """One record of utmp, as it was meant."""

    type: int
    pid: int
    line: str = ""
    id: str = ""
    user: str = ""
    host: str = ""
    session: int = 0
    seconds: int = BEGUN
    micros: int = 0
    address: str = ""

    def packed(self, size: int = 384, order: str = "<") -> bytes:
        """Return the record's bytes."""
        octets = ipaddress.ip_address(self.address).packed if self.address else b""
        # glibc keeps what fits; a text that fills its field has no NUL at its end.
        texts = (self.line.encode(), self.id.encode(), self.user.encode(), self.host.encode())
        form = order + UTMP[size].replace("hi32s", "h2xi32s", 1) if size == 384 else order + UTMP[size]
        return struct.pack(
            form, self.type, self.pid, *texts, 0, 0, self.session, self.seconds, self.micros, octets
        )  # fmt: skip


def logins(seed: int, count: int) -> list[Login]:
    """Return a plausible wtmp: a boot, a runlevel, logins from everywhere, logouts."""
    rng = random.Random(seed)
    made = [
        Login(2, 0, "~", "~~", "reboot", "6.1.0-25-amd64"),
        Login(1, ord("5") + 256 * ord("N"), "~", "~~", "runlevel", "6.1.0-25-amd64"),
        Login(6, 700, "tty1", "tty1", "LOGIN"),
    ]
    while len(made) < count:
        terminal = f"pts/{rng.randrange(40)}"
        pid = rng.randrange(1, 4_000_000)
        address = rng.choice([f"192.0.2.{rng.randrange(256)}", f"2001:db8::{rng.randrange(1, 65536):x}", ""])
        host = rng.choice([address, f"h{rng.randrange(9)}.example.com", "x" * 256]) if address else ":0"
        user = rng.choice(["alice", "bob", "u" * 32, "müller"])
        when = BEGUN + 60 * len(made)
        made.append(
            Login(7, pid, terminal, terminal[-4:], user, host, rng.randrange(99), when, rng.randrange(10**6), address)
        )
        made.append(Login(8, pid, terminal, "", "", "", 0, when + 30, rng.randrange(10**6)))
    return made[:count]


def refused(seed: int, count: int) -> list[Login]:
    """Return a plausible btmp of sshd."""
    rng = random.Random(seed)
    return [
        Login(6, rng.randrange(1, 99999), "ssh:notty", "", rng.choice(["root", "admin"]), a, 0, BEGUN + at, 0, a)
        for at, a in enumerate(f"198.51.100.{rng.randrange(256)}" for _ in range(count))
    ]


def lastlog(entries: dict[int, tuple[int, str, str]], users: int, size: int = 292) -> bytes:
    """Return a lastlog of `users` slots: by user's number the time, the terminal and the host."""
    form = "<i32s256s" if size == 292 else "<q32s256s"
    empty = bytes(size)
    packed = {uid: struct.pack(form, when, a.encode(), b.encode()) for uid, (when, a, b) in entries.items()}
    return b"".join(packed.get(uid, empty) for uid in range(users))


def faillog(entries: dict[int, tuple[int, int, str, int]], users: int, size: int = 32) -> bytes:
    """Return a faillog of `users` slots: by user's number how many, the most allowed, the terminal and the time."""
    form = "<hh12sqq" if size == 32 else "<hh12sii"
    empty = bytes(size)
    packed = {uid: struct.pack(form, n, most, a.encode(), when, 0) for uid, (n, most, a, when) in entries.items()}
    return b"".join(packed.get(uid, empty) for uid in range(users))
