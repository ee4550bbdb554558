"""Digests and addresses worked out in columns are those that Python's own libraries tell."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from ipaddress import ip_address

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.normalise import sha1 as columns
from miharu.normalise.flows import flow_fields

FOUR = st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**32 - 1, 0x0A000001, 0x01020304])
SIX = st.integers(0, 2**128 - 1)
PORT = st.integers(0, 65_535)
FLOW = st.tuples(st.tuples(FOUR, FOUR) | st.tuples(SIX, SIX), PORT, PORT, st.sampled_from(["6", "17", "132"]))


@pytest.mark.parametrize("size", [4, 12, 16, 36, 40, 52])
@pytest.mark.parametrize("count", [0, 1, 767, 768, 9000])
def test_digests_are_those_of_hashlib(size: int, count: int) -> None:
    messages = np.random.default_rng(size).integers(0, 256, (count, size), dtype=np.uint8)
    told = columns.digests(messages).astype(">u4").tobytes()
    assert told == b"".join(sha1(row.tobytes(), usedforsecurity=False).digest() for row in messages)


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=5), st.integers(160, 400))
def test_digests_of_any_bytes(rows: list[bytes], times: int) -> None:
    messages = np.frombuffer(b"".join(rows * times), dtype=np.uint8).reshape(-1, 16)
    told = columns.digests(messages).astype(">u4").tobytes()
    assert told == b"".join(sha1(row, usedforsecurity=False).digest() for row in rows) * times


@given(st.lists(FLOW, min_size=1, max_size=20))
def test_ids_are_what_the_specification_says(flows: list[tuple[tuple[int, int], int, int, str]]) -> None:
    texts = [[str(ip_address(end)) for end in ends] for ends, *_ in flows]
    batch = pl.DataFrame(
        {
            "source.ip": [one[0] for one in texts],
            "destination.ip": [one[1] for one in texts],
            "source.port": [one[1] for one in flows],
            "destination.port": [one[2] for one in flows],
            "network.iana_number": [one[3] for one in flows],
        }
    )
    made = {series.name: series for series in flow_fields(batch)}.get("network.community_id")
    assert made is not None
    assert made.to_list() == [naive(*row) for row in batch.iter_rows()]


def naive(source: str, destination: str, first: int, second: int, number: str) -> str | None:
    ends = sorted([(ip_address(source).packed, first), (ip_address(destination).packed, second)])
    (low, low_port), (high, high_port) = ends
    if len(low) != len(high):
        return None
    data = b"\0\0" + low + high + bytes([int(number), 0]) + low_port.to_bytes(2) + high_port.to_bytes(2)
    return "1:" + b64encode(sha1(data, usedforsecurity=False).digest()).decode()
