from __future__ import annotations

import polars as pl

from miharu.normalise.shared_fields import Makers, with_shared_fields


def filled(**columns: list[object]) -> list[dict[str, object]]:
    frame = pl.DataFrame(
        {name if "." in name else name.replace("_", "."): values for name, values in columns.items()}, strict=False
    )
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


def test_a_transport_has_one_name_whatever_the_record_calls_it() -> None:
    names = ["ICMPv6", "6", "UDP", None, "weird"]
    events = filled(network_transport=names, **{"network.iana_number": [None, None, None, "50", None]})
    assert [event["network.transport"] for event in events] == ["ipv6-icmp", "tcp", "udp", "esp", "weird"]
    assert [event.get("network.iana_number") for event in events] == ["58", "6", "17", "50", None]


def test_an_end_has_an_address_and_is_an_ip_or_a_domain() -> None:
    host, ip, path, there = filled(
        source_address=["db1.example.com", "192.0.2.7", "/run/a.sock", "x.example.net"],
        source_domain=[None, None, None, "y.example.net"],
    )
    assert (host["source.domain"], host.get("source.ip")) == ("db1.example.com", None)
    assert (ip["source.ip"], ip.get("source.domain")) == ("192.0.2.7", None)
    assert path.keys().isdisjoint({"source.ip", "source.domain"})
    assert there["source.domain"] == "y.example.net"
    (only,) = filled(client_ip=["192.0.2.7"])
    assert only["client.address"] == "192.0.2.7"


def test_events_say_their_module_type_and_outcome() -> None:
    web, told, none = filled(
        event_dataset=["apache.access", "x.y.z", "generic"],
        event_category=[["web"], ["file"], None],
        event_type=[None, ["deletion"], None],
        **{"http.response.status_code": [404, 200, None], "event.outcome": [None, "unknown", None]},
    )
    assert (web["event.module"], told["event.module"], none["event.module"]) == ("apache", "x", "generic")
    assert (web["event.type"], told["event.type"]) == (["info"], ["deletion"])
    assert (web["event.outcome"], told["event.outcome"]) == ("failure", "unknown")
    assert none.keys().isdisjoint({"event.type", "event.outcome"})


def test_syslog_codes_have_their_names() -> None:
    named, odd = filled(
        **{"log.syslog.severity.code": [3, 9], "log.syslog.facility.code": [10, 99], "log.level": [None, "warn"]}
    )
    assert named["log.syslog.severity.name"] == named["log.level"] == "error"
    assert named["log.syslog.facility.name"] == "authpriv"
    assert odd["log.level"] == "warn"
    assert odd.keys().isdisjoint({"log.syslog.severity.name", "log.syslog.facility.name"})


def test_who_watched_is_named_only_where_somebody_watched() -> None:
    makers = Makers({"a.b": "Example"}, {"a.b": "Wall"})
    batch = pl.DataFrame({"event.dataset": ["a.b", "a.b", "c.d"], "observer.hostname": ["fw1", None, "fw2"]})
    one, two, three = with_shared_fields(batch, "9", makers).to_dicts()
    assert (one["observer.vendor"], one["observer.product"], one["observer.name"]) == ("Example", "Wall", "fw1")
    assert two["observer.vendor"] is two["observer.name"] is None
    assert (three["observer.vendor"], three["observer.name"]) == (None, "fw2")


def test_flows_have_a_direction_and_an_id() -> None:
    flow, told = filled(
        source_ip=["10.0.0.1", "10.0.0.1"],
        source_port=[40_000, 40_000],
        destination_ip=["198.51.100.7", "198.51.100.7"],
        destination_port=[53, 53],
        network_transport=["udp", "udp"],
        **{"network.direction": [None, "ingress"], "network.community_id": [None, "1:x"]},
    )
    assert flow["network.direction"] == "outbound"
    assert str(flow["network.community_id"]).startswith("1:")
    assert (told["network.direction"], told["network.community_id"]) == ("ingress", "1:x")


def test_hashes_of_every_owner_are_related() -> None:
    (event,) = filled(**{"process.parent.hash.sha256": ["aa"], "process.pe.imphash": ["bb"], "tls.client.ja3": ["cc"]})
    assert event["related.hash"] == ["aa", "bb", "cc"]
