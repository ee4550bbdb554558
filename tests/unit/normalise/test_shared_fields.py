from __future__ import annotations

import polars as pl

from miharu.normalise.shared_fields import with_shared_fields


def filled(**columns: list[object]) -> list[dict[str, object]]:
    frame = pl.DataFrame({name.replace("_", "."): values for name, values in columns.items()}, strict=False)
    batch = with_shared_fields(frame, "9")
    return [{key: value for key, value in row.items() if value is not None} for row in batch.to_dicts()]


def test_network_type_needs_two_ends_or_a_transport() -> None:
    one, two, none = filled(source_ip=["192.0.2.1", "2001:db8::1", None], destination_ip=[None, "2001:db8::2", None])
    assert "network.type" not in one
    assert two["network.type"] == "ipv6"
    assert "network.type" not in none
    only, without = filled(source_ip=["192.0.2.1", "192.0.2.1"], network_transport=["TCP", None])
    assert only["network.type"] == "ipv4"
    assert only["network.transport"] == "tcp"
    assert only["network.iana_number"] == "6"
    assert "network.type" not in without


def test_what_is_there_stays() -> None:
    (event,) = filled(event_kind=["alert"], source_bytes=[3], destination_bytes=[4])
    assert event["event.kind"] == "alert"
    assert event["network.bytes"] == 7
    (event,) = filled(network_bytes=[9], source_bytes=[3], destination_bytes=[4])
    assert event["network.bytes"] == 9


def test_related_lists_gather_scalars_and_lists_without_doubles() -> None:
    found = filled(
        related_ip=[["192.0.2.9"], None, None],
        source_ip=["192.0.2.1", None, None],
        host_ip=[["192.0.2.1", "192.0.2.2"], ["192.0.2.3"], None],
    )
    assert found[0]["related.ip"] == ["192.0.2.9", "192.0.2.1", "192.0.2.2"]
    assert found[1]["related.ip"] == ["192.0.2.3"]
    assert "related.ip" not in found[2]
