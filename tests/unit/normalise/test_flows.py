from __future__ import annotations

import polars as pl
import pytest

from miharu.normalise.flows import community_ids, direction

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
