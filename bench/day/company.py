"""The cast: who works here, which machines there are, and whom they speak with outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DOMAIN: Final = "example.com"
SID: Final = "S-1-5-21-1004336348-1177238915-682003330-"
"""The domain's identifier; an account's is made by adding its number."""


@dataclass(frozen=True)
class Person:
    """Somebody who works here; the desk has the person's number, beginning with `WS01`."""

    login: str
    name: str
    team: str


@dataclass(frozen=True)
class Host:
    """A machine: short name, address inside, and the one under which the internet sees it, if it does."""

    name: str
    ip: str
    outside: str = ""
    windows: bool = False

    @property
    def computer(self) -> str:
        return f"{self.name}.{DOMAIN}" if self.windows else self.name


PEOPLE: Final = tuple(
    Person(*row)
    for row in (
        ("aiko", "Aiko Hayashi", "accounts"), ("ben", "Ben Carter", "sales"), ("chie", "Chie Mori", "development"),
        ("daniel", "Daniel Weber", "systems"), ("emi", "Emi Sato", "development"),
        ("farid", "Farid Rahimi", "sales"), ("mika", "Mika Virtanen", "accounts"),
        ("noah", "Noah Fischer", "development"), ("olga", "Olga Petrova", "sales"),
        ("pablo", "Pablo Ruiz", "support"), ("quinn", "Quinn Murphy", "sales"), ("rosa", "Rosa Costa", "accounts"),
        ("sven", "Sven Larsen", "systems"), ("tomoko", "Tomoko Ueda", "management"), ("uwe", "Uwe Braun", "stores"),
        ("vera", "Vera Novak", "support"), ("wei", "Wei Chen", "development"), ("xenia", "Xenia Pappas", "sales"),
        ("yuto", "Yuto Ogawa", "stores"), ("zoe", "Zoe Martin", "management"),
        ("amir", "Amir Haddad", "development"), ("britta", "Britta Holm", "accounts"),
        ("carlos", "Carlos Vega", "stores"), ("dina", "Dina Levy", "sales"), ("elif", "Elif Demir", "support"),
        ("felix", "Felix Wagner", "development"), ("gita", "Gita Rao", "management"),
        ("hiro", "Hiro Nakagawa", "development"), ("isla", "Isla Duarte", "sales"),
        ("jonas", "Jonas Berg", "stores"), ("kaori", "Kaori Ishii", "support"), ("leo", "Leo Bianchi", "sales"),
        ("maria", "Maria Lopes", "accounts"), ("nils", "Nils Dahl", "development"), ("omar", "Omar Aziz", "support"),
        ("petra", "Petra Kovacs", "sales"), ("ryo", "Ryo Kimura", "development"),
        ("sara", "Sara Nilsson", "management"), ("taro", "Taro Abe", "stores"), ("ulla", "Ulla Koch", "sales"),
    )
)  # fmt: skip
DESKS: Final = tuple(Host(f"WS{number:02}", f"10.20.3.{number}", windows=True) for number in range(1, 46))
SERVERS: Final = (
    Host("DC01", "10.20.1.2", windows=True),
    Host("DC02", "10.20.1.3", windows=True),
    Host("FILE01", "10.20.1.5", windows=True),
    Host("intra01", "10.20.1.7"),
    Host("mon01", "10.20.1.8"),
    Host("backup01", "10.20.1.9"),
    Host("web01", "10.20.0.10", "192.0.2.10"),
    Host("jump01", "10.20.0.20", "192.0.2.20"),
    Host("mail01", "10.20.0.25", "192.0.2.25"),
    Host("vpn01", "10.20.0.30", "192.0.2.30"),
    Host("fw01", "10.20.0.1", "192.0.2.1"),
)
HOSTS: Final = DESKS + SERVERS
HOST: Final = {host.name.lower(): number for number, host in enumerate(HOSTS)}
PERSON: Final = {person.login: number for number, person in enumerate(PEOPLE)}
ADDRESS: Final = {host.name.lower(): host.ip for host in HOSTS}
WINDOWS: Final = tuple(number for number, host in enumerate(HOSTS) if host.windows)
LINUX: Final = tuple(number for number, host in enumerate(HOSTS) if not host.windows and host.name != "fw01")
ADMINS: Final = ("daniel", "sven")
NAT: Final = "192.0.2.1"

ATTACKER: Final = "198.51.100.77"
CONTROL: Final = "203.0.113.66"  # serves the script, takes the loot
SITES: Final = tuple(
    (f"{word}.{zone}", f"{net}.{place}")
    for place, (word, zone, net) in enumerate(
        (
            ("www", "example.net", "203.0.113"), ("cdn", "example.org", "198.51.100"),
            ("news", "example.net", "203.0.113"), ("maps", "example.org", "198.51.100"),
            ("search", "example.net", "203.0.113"), ("static", "example.org", "198.51.100"),
            ("video", "example.net", "203.0.113"), ("chat", "example.org", "198.51.100"),
            ("code", "example.net", "203.0.113"), ("packages", "example.org", "198.51.100"),
            ("update", "example.net", "203.0.113"), ("bank", "example.org", "198.51.100"),
            ("travel", "example.net", "203.0.113"), ("weather", "example.org", "198.51.100"),
            ("office", "example.net", "203.0.113"), ("fonts", "example.org", "198.51.100"),
            ("parcel", "example.net", "203.0.113"), ("supplier", "example.org", "198.51.100"),
            ("tickets", "example.net", "203.0.113"), ("telemetry", "example.org", "198.51.100"),
        ),
        start=5,
    )
)  # fmt: skip
"""Web sites that people use: name and address."""
PARTNERS: Final = tuple(
    (f"mx{number}.{word}.{zone}", f"{word}.{zone}", f"203.0.113.{30 + number}")
    for number, (word, zone) in enumerate(
        (
            ("paper", "example.net"), ("bolts", "example.org"), ("freight", "example.net"),
            ("lawyers", "example.org"), ("printers", "example.net"), ("customer1", "example.org"),
            ("customer2", "example.net"), ("press", "example.org"),
        ),
        start=1,
    )
)  # fmt: skip
"""Whom we exchange mail with: mail server, domain, address."""
CROWD: Final = tuple(f"203.0.113.{number}" for number in range(100, 255)) + tuple(
    f"198.51.100.{number}" for number in range(100, 160)
)
"""Customers of the shop and people at home."""
NOISE: Final = tuple(f"198.51.100.{number}" for number in range(161, 255)) + tuple(
    f"203.0.113.{number}" for number in range(70, 100)
)
"""Addresses that try every door, all day."""
