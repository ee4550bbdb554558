from __future__ import annotations

import polars as pl
import pytest

from miharu.parse.syslog import read_syslog


def read(line: str) -> dict[str, object] | None:
    found, rest = read_syslog(pl.Series([line]))
    if not found:
        assert rest.to_list() == [0]
        return None
    ((rows, fields),) = found
    assert rows.to_list() == [0]
    assert rest.is_empty()
    return fields.row(0, named=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "<34>Jun 14 08:15:02 web1 su[7]: it: is so",
            {"priority": 34, "facility": 4, "severity": 2, "timestamp": "Jun 14 08:15:02", "hostname": "web1"}
            | {"program": "su", "pid": "7", "message": "it: is so"},
        ),
        (
            "Jun  4 08:15:02 web1 su(pam_unix)[7]: opened",
            {"timestamp": "Jun  4 08:15:02", "hostname": "web1", "program": "su(pam_unix)", "pid": "7"}
            | {"message": "opened"},
        ),
        ("Jun 14 2025 08:15:02 fw1 : %ASA-6-1: x", {"timestamp": "Jun 14 2025 08:15:02", "hostname": "fw1"}
            | {"program": "%ASA-6-1", "message": "x"}),
        ("2025 Jun 14 08:15:02 web1 su: x", {"timestamp": "2025 Jun 14 08:15:02", "hostname": "web1"}
            | {"program": "su", "message": "x"}),
        ("Jun 14 08:15:02 2025 web1 su: x", {"timestamp": "Jun 14 08:15:02 2025", "hostname": "web1"}
            | {"program": "su", "message": "x"}),
        (
            "Jun 14 08:15:02 mac1 com.apple.xpc.launchd[1] (com.example.agent[4711]) <Notice>: exited",
            {"timestamp": "Jun 14 08:15:02", "hostname": "mac1", "program": "com.apple.xpc.launchd", "pid": "1"}
            | {"asl_job": "com.example.agent[4711]", "asl_level": "Notice", "message": "exited"},
        ),
        ("Jun 14 08:15:02 su[1]: x", {"timestamp": "Jun 14 08:15:02", "program": "su", "pid": "1", "message": "x"}),
        ("Jun 14 08:15:02 web1 no tag here", {"timestamp": "Jun 14 08:15:02", "hostname": "web1"}
            | {"message": "no tag here"}),
        ("Jun 14 08:15:02 2001:db8::1 su: x", {"timestamp": "Jun 14 08:15:02", "hostname": "2001:db8::1"}
            | {"program": "su", "message": "x"}),
        (
            "2025-06-14T08:15:02.125+02:00 web1 su: x",
            {"timestamp": "2025-06-14T08:15:02.125+02:00", "hostname": "web1", "program": "su", "message": "x"},
        ),
        (
            "<189>45: *Jun 14 08:15:02.125 UTC: %SYS-5-CONFIG_I: x",
            {"priority": 189, "facility": 23, "severity": 5, "timestamp": "Jun 14 08:15:02.125", "timezone": "UTC"}
            | {"program": "%SYS-5-CONFIG_I", "message": "x"},
        ),
        ("Jun 14 08:15:02 relay :Jun 14 06:15:02 UTC: %ASA-session-5-106100: x",
            {"timestamp": "Jun 14 08:15:02", "hostname": "relay", "program": "%ASA-session-5-106100", "message": "x"}),
        ("Jun 14 08:15:02 [sshd] x", {"timestamp": "Jun 14 08:15:02", "program": "sshd", "message": "x"}),
        ("<13>su: x", {"priority": 13, "facility": 1, "severity": 5, "program": "su", "message": "x"}),
        (
            "2025-06-14 08:15:02.801612-0700  mac1 sshd[7]: x",
            {"timestamp": "2025-06-14 08:15:02.801612-0700", "hostname": "mac1", "program": "sshd", "pid": "7"}
            | {"message": "x"},
        ),
        ("<13>just words", {"priority": 13, "facility": 1, "severity": 5, "message": "just words"}),
        ("<999>x", {"priority": 999, "message": "x"}),
        ("%ASA-6-302013: Built", {"program": "%ASA-6-302013", "message": "Built"}),
        ("Jun 14 08:15:02 fw1: %ASA-6-302013: Built", {"timestamp": "Jun 14 08:15:02", "hostname": "fw1"}
            | {"program": "%ASA-6-302013", "message": "Built"}),
        ("Jun 14 08:15:02 sw1 78: %SYS-5-CONFIG_I: x", {"timestamp": "Jun 14 08:15:02", "hostname": "sw1"}
            | {"program": "%SYS-5-CONFIG_I", "message": "x"}),
        ("<164>Jun 14 08:15:02 fw1 %ASA-4-400013 IPS:2003 x", {"priority": 164, "facility": 20, "severity": 4}
            | {"timestamp": "Jun 14 08:15:02", "hostname": "fw1", "program": "%ASA-4-400013", "message": "IPS:2003 x"}),
        ("<13>su: %d items", {"priority": 13, "facility": 1, "severity": 5, "program": "su", "message": "%d items"}),
        ("%ASA-4-400013 IPS:2003 x", {"program": "%ASA-4-400013", "message": "IPS:2003 x"}),
        ("fw1(config)# %ASA-5-111008: x", {"program": "%ASA-5-111008", "message": "x"}),
        ("sw1#%SYS-5-CONFIG_I: x", {"program": "%SYS-5-CONFIG_I", "message": "x"}),
        (
            "<189>: 2025 Jun 14 08:15:02 UTC: %VSHD-5-VSHD_SYSLOG_CONFIG_I: x",
            {"priority": 189, "facility": 23, "severity": 5, "timestamp": "2025 Jun 14 08:15:02", "timezone": "UTC"}
            | {"program": "%VSHD-5-VSHD_SYSLOG_CONFIG_I", "message": "x"},
        ),
        (
            "<166>:Jun 14 08:15:02 UTC: %ASA-session-6-302010: x",
            {"priority": 166, "facility": 20, "severity": 6, "timestamp": "Jun 14 08:15:02", "timezone": "UTC"}
            | {"program": "%ASA-session-6-302010", "message": "x"},
        ),
        ("Jun 14 08:15:02 su [71]: x", {"timestamp": "Jun 14 08:15:02", "program": "su", "pid": "71", "message": "x"}),
        ("Jun 14 08:15:02 web1 [error] [app] x", {"timestamp": "Jun 14 08:15:02", "hostname": "web1"}
            | {"message": "[error] [app] x"}),
        ("Jun 14 08:15:02 fw1 CEF: 0|a|b", {"timestamp": "Jun 14 08:15:02", "hostname": "fw1"}
            | {"message": "CEF:0|a|b"}),
        ("Jun 14 08:15:02 fw1 \ufeffCEF:0|a|b", {"timestamp": "Jun 14 08:15:02", "hostname": "fw1"}
            | {"message": "CEF:0|a|b"}),
        ("web1 su[71]: x", {"hostname": "web1", "program": "su", "pid": "71", "message": "x"}),
        ("Jun 14 08:15:02 web1 su: grüße\nzweite", {"timestamp": "Jun 14 08:15:02", "hostname": "web1"}
            | {"program": "su", "message": "grüße\nzweite"}),
    ],
)  # fmt: skip
def test_rfc3164_as_it_is_found(line: str, expected: dict[str, object]) -> None:
    assert read(line) == expected


def test_rfc5424_in_full() -> None:
    line = '<165>1 2025-06-14T08:15:02.003Z web1 app 12 ID4 [a@1 x="1" y="q\\"\\]\\\\"][b z="ü"] \ufeffhello'
    assert read(line) == {
        "priority": 165,
        "facility": 20,
        "severity": 5,
        "version": "1",
        "timestamp": "2025-06-14T08:15:02.003Z",
        "hostname": "web1",
        "program": "app",
        "pid": "12",
        "msgid": "ID4",
        "message": "hello",
        "sd.a@1.x": "1",
        "sd.a@1.y": 'q"]\\',
        "sd.b.z": "ü",
    }


def test_rfc5424_nil_values_and_names_for_process_ids() -> None:
    assert read("<13>1 - - - worker-3 - -") == {
        "priority": 13,
        "facility": 1,
        "severity": 5,
        "version": "1",
        "procid": "worker-3",
        "message": "",
    }


@pytest.mark.parametrize(
    "line",
    [
        "2025-06-14T08:15:02.667Z: Failed Login: username=bob ip=192.0.2.7",
        "",
        "plain words",
        "2025-06-14T08:15:02Z INFO main: started",
        "2025-06-14 08:15:02 web1 su: x",
        "2025-06-14 08:15:02 INFO main: x",
        "Juni 14 08:15:02 web1 su: x",
        "<9999>x",
        "%d items: x",
        "fw1# show clock",
        "fw1# 100% of %ASA-5-111008: x",
    ],
)
def test_lines_without_a_header_are_left(line: str) -> None:
    assert read(line) is None


def test_rows_keep_their_numbers_in_a_mixed_series() -> None:
    lines = ["plain", "<13>x", "Jun 14 08:15:02 web1 su: y", "<13>1 - - - - - - z", "more", "%ASA-1-1: w"]
    found, rest = read_syslog(pl.Series(lines))
    seen = {
        row: message
        for rows, fields in found
        for row, message in zip(rows.to_list(), fields.get_column("message").to_list(), strict=True)
    }
    assert seen == {1: "x", 2: "y", 3: "z", 5: "w"}
    assert rest.to_list() == [0, 4]


STAMP, RELAY, KEPT = "record.stamp", "record.kept.envelope.host.name", "record.kept.envelope."
INNER = {"timestamp": "Jun 14 08:15:00", "hostname": "web1", "program": "su", "pid": "7", "message": "x"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Jun 14 08:15:02 relay Jun 14 08:15:00 web1 su[7]: x", INNER | {STAMP: "Jun 14 08:15:02", RELAY: "relay"}),
        (
            "<13>Jun 14 08:15:02 relay <86>Jun 14 08:15:00 web1 su[7]: x",
            INNER
            | {"priority": 86, "facility": 10, "severity": 6}
            | {STAMP: "Jun 14 08:15:02", RELAY: "relay", f"{KEPT}log.syslog.priority": 13},
        ),
        (
            '<13>1 2025-06-14T08:15:02Z relay - - - [a@1 b="c"] Jun 14 08:15:00 web1 su[7]: x',
            INNER
            | {"priority": 13, "facility": 1, "severity": 5}
            | {STAMP: "2025-06-14T08:15:02Z", RELAY: "relay", f"{KEPT}sd.a@1.b": "c"},
        ),
        (
            "Jun 14 08:15:02 192.0.2.1 2025 Jun 14 11:14:34 gw1.example <50000> Dropped",
            {"timestamp": "2025 Jun 14 11:14:34", "hostname": "gw1.example", "message": "<50000> Dropped"}
            | {STAMP: "Jun 14 08:15:02", RELAY: "192.0.2.1"},
        ),
        (
            "Jun 14 08:15:02 web1 Jun 14 08:15:00 something was moved",
            {"timestamp": "Jun 14 08:15:02", "hostname": "web1", "message": "Jun 14 08:15:00 something was moved"},
        ),
    ],
)
def test_the_inner_header_is_the_record_s_and_the_relay_is_kept(line: str, expected: dict[str, object]) -> None:
    assert read(line) == expected


def test_headers_within_headers_end() -> None:
    line = "Jun 14 08:15:02 relay1 " * 30 + "Jun 14 08:15:00 web1 su[7]: x"
    assert read(line) is not None


def test_relayed_and_plain_records_among_each_other() -> None:
    lines = ["Jun 14 08:15:02 relay Jun 14 08:15:00 web1 su: x", "Jun 14 08:15:02 web2 y", "no header"]
    found, rest = read_syslog(pl.Series(lines))
    hosts = {row: fields["hostname"][at] for rows, fields in found for at, row in enumerate(rows)}
    assert hosts == {0: "web1", 1: "web2"}
    assert rest.to_list() == [2]


def test_identifiers_of_structured_data_end_with_the_enterprise() -> None:
    fields = read('<14>1 2025-06-14T08:15:02Z fw1 RT_FLOW - TAG [junos@2636.1.1.1.2.129 source-address="192.0.2.1"]')
    assert fields is not None
    assert fields["sd.junos@2636.source-address"] == "192.0.2.1"
