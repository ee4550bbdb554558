from __future__ import annotations

import ipaddress
import random

import polars as pl
import pytest

from miharu.normalise.flows import flow_fields

# The values that https://github.com/corelight/community-id-spec/tree/master/baseline publishes for seed 0.
BASELINE = [
    ("58", "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    ("58", "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    ("58", "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 136, "1:zavyT/cezQr1fmImYCwYnMXbgck="),
    ("58", "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="),
    (
        "58",
        "3ffe:501:410:0:2c0:dfff:fe47:33e",
        "3ffe:507:0:1:200:86ff:fe05:80da",
        1,
        4,
        "1:hLZd0XGWojozrvxqE0dWB1iM6R0=",
    ),
    ("58", "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 129, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    ("58", "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 128, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
    ("58", "fe80::200:86ff:fe05:80da", "ff02::2", 133, 134, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
    ("58", "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 133, "1:pkvHqCL88/tg1k4cPigmZXUtL00="),
    ("1", "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("1", "192.168.0.1", "192.168.0.89", 0, 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    ("1", "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="),
    (
        "6",
        "2001:470:e5bf:dead:4957:2174:e82c:4887",
        "2607:f8b0:400c:c03::1a",
        63943,
        25,
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (
        "6",
        "2607:f8b0:400c:c03::1a",
        "2001:470:e5bf:dead:4957:2174:e82c:4887",
        25,
        63943,
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    ("132", "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    ("6", "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("6", "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    ("17", "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("17", "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    ("46", "10.1.12.1", "10.1.12.2", None, None, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    ("46", "10.1.12.2", "10.1.12.1", None, None, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
]
COLUMNS = ["network.iana_number", "source.ip", "destination.ip", "source.port", "destination.port"]


def made_of(batch: pl.DataFrame, name: str) -> pl.Series | None:
    return next((series for series in flow_fields(batch) if series.name == name), None)


def community_ids(batch: pl.DataFrame) -> pl.Series | None:
    return made_of(batch, "network.community_id")


def direction(source: pl.Series, destination: pl.Series) -> pl.Series:
    found = made_of(pl.DataFrame([source.alias("source.ip"), destination.alias("destination.ip")]), "network.direction")
    assert found is not None
    return found


def flows(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def test_community_id_is_that_of_the_published_baseline() -> None:
    made = community_ids(flows([row[:5] for row in BASELINE]))
    assert made is not None
    assert made.to_list() == [row[5] for row in BASELINE]


@pytest.mark.parametrize(
    "row",
    [
        ("6", "192.0.2.1", None, 1, 2),
        ("6", "192.0.2.1", "198.51.100.1", 1, None),
        ("6", "192.0.2.1", "2001:db8::1", 1, 2),
        ("6", "192.0.2.1", "198.51.100.1", 1, 70_000),
        (None, "192.0.2.1", "198.51.100.1", 1, 2),
        ("300", "192.0.2.1", "198.51.100.1", 1, 2),
        ("six", "192.0.2.1", "198.51.100.1", 1, 2),
    ],
)
def test_a_flow_that_is_not_whole_has_no_id(row: tuple[object, ...]) -> None:
    whole = ("17", "192.0.2.1", "198.51.100.1", 40_000, 53)
    made = community_ids(flows([row, whole]))
    assert made is not None
    assert made[0] is None
    assert made[1] is not None


def test_without_flows_there_is_no_column() -> None:
    assert community_ids(pl.DataFrame({"source.ip": ["192.0.2.1"]})) is None
    assert community_ids(flows([("6", "192.0.2.1", None, None, None)]).cast({"destination.ip": pl.String})) is None


@pytest.mark.parametrize(
    ("source", "destination", "word"),
    [
        ("10.1.1.1", "192.168.1.1", "internal"),
        ("172.31.0.9", "203.0.113.5", "outbound"),
        ("203.0.113.5", "172.31.0.9", "inbound"),
        ("203.0.113.5", "198.51.100.9", "external"),
        ("127.0.0.1", "127.0.0.1", "internal"),
        ("fe80::1", "ff02::fb", "internal"),
        ("fd00::1", "2001:db8::1", "outbound"),
        ("10.1.1.1", "255.255.255.255", "internal"),
        ("0.0.0.0", "10.1.1.1", "inbound"),
        ("10.1.1.1", None, None),
        (None, "10.1.1.1", None),
    ],
)
def test_direction_is_told_by_zones(source: str | None, destination: str | None, word: str | None) -> None:
    ends = [pl.Series([value, None], dtype=pl.String) for value in (source, destination)]
    assert direction(*ends).to_list() == [word, None]


def test_many_flows_at_once_are_what_each_is_alone() -> None:
    rng = random.Random(7)
    texts = ["192.0.2.1", "192.0.2.2", "10.0.0.1", "255.255.255.255", "224.0.0.1", "2001:db8::1", "fe80::1", "ff02::1",
             "01.2.3.4", "1.2.3", "", None]  # fmt: skip
    numbers = ["6", "17", "1", "58", "47", "300", "x", None]
    ports = [None, 0, 8, 128, 443, 65_535, 70_000, -1]
    rows = [
        (rng.choice(texts), rng.choice(texts), rng.choice(numbers), rng.choice(ports), rng.choice(ports))
        for _ in range(800)
    ]
    names = ("source.ip", "destination.ip", "network.iana_number", "source.port", "destination.port")
    schema = dict(zip(names, (pl.String, pl.String, pl.String, pl.Int64, pl.Int64), strict=True))
    batch = pl.DataFrame(rows, schema=schema, orient="row")
    alone = [community_ids(batch[place]) for place in range(batch.height)]
    together = community_ids(batch)
    assert together is not None
    assert together.to_list() == [None if one is None else one[0] for one in alone]
    assert together.null_count() < batch.height
    told = direction(batch["source.ip"], batch["destination.ip"]).to_list()
    assert told == [direction(batch["source.ip"][[at]], batch["destination.ip"][[at]])[0] for at in range(batch.height)]
    assert told == [_direction(source, destination) for source, destination in batch.select(names[:2]).iter_rows()]


def _direction(source: str | None, destination: str | None) -> str | None:
    try:
        ends = [ipaddress.ip_address(text or "") for text in (source, destination)]
    except ValueError:
        return None
    inside = [
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    ]
    reached = [*inside, "255.255.255.255/32", "0.0.0.0/8", "224.0.0.0/4", "::/128", "ff00::/8"]
    here = any(ends[0] in ipaddress.ip_network(text) for text in inside)
    there = any(ends[1] in ipaddress.ip_network(text) for text in reached)
    words = {(True, True): "internal", (True, False): "outbound", (False, True): "inbound", (False, False): "external"}
    return words[here, there]
