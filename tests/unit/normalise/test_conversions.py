from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.normalise import CONVERSIONS
from miharu.normalise.addresses import canonical_ip
from miharu.normalise.lists import distinct_lists
from tests.unit.normalise import test_endpoint_values, test_windows_values


def convert(name: str, *values: str | None) -> list[object]:
    frame = pl.DataFrame({"v": values}, schema={"v": pl.String})
    return frame.select(CONVERSIONS[name](pl.col("v"))).to_series().to_list()


HASHES = "SHA1=AB12,MD5=CD34,SHA256=EF56,IMPHASH=0077"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("account_domain", "CORP\\alice", "CORP"),
        ("account_domain", "alice@corp.example.com", "corp.example.com"),
        ("account_domain", "alice", None),
        ("account_name", "CORP\\alice", "alice"),
        ("account_name", "alice@corp.example.com", "alice"),
        ("account_name", "alice", "alice"),
        ("account_name", "-", None),
        ("address_domain", "mail.example.com", "mail.example.com"),
        ("address_domain", "192.0.2.1", None),
        ("address_domain", "2001:db8::1", None),
        ("address_domain", "-", None),
        ("dn_domain", "CN=Jane,OU=DC,DC=example,dc=com", "example.com"),
        ("dn_domain", "CN=Jane", None),
        ("dn_name", "CN=Doe\\, Jane,OU=Staff,DC=example", "Doe, Jane"),
        ("dn_name", "OU=Staff", "Staff"),
        ("dn_name", "-", None),
        ("address_list", '"10.0.0.2, 203.0.113.9" 192.0.2.1', ["10.0.0.2", "203.0.113.9", "192.0.2.1"]),
        ("address_list", "192.0.2.1", ["192.0.2.1"]),
        ("bar_list", "www.example.com||", ["www.example.com"]),
        ("bar_list", "a||b", ["a", "", "b"]),
        ("bar_list", "|", None),
        ("executable_arguments", "/bin/a b|args=a -x 1", ["/bin/a b", "a", "-x", "1"]),
        ("doubled_quotes", 'select ""a""', 'select "a"'),
        ("executable_arguments", "/bin/a", ["/bin/a"]),
        ("form_text", "Mozilla/5.0+(X11)+a%2Bb", "Mozilla/5.0 (X11) a+b"),
        ("form_text", "Frob/1.0+(X)", "Frob/1.0 (X)"),
        ("basename", "C:\\Windows\\cmd.exe", "cmd.exe"),
        ("basename", "/usr/bin/ls", "ls"),
        ("basename", "ls", "ls"),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("boolean", "maybe", None),
        ("decimal", " 1.5 ", 1.5),
        ("dirname", "C:\\Windows\\cmd.exe", "C:\\Windows"),
        ("dirname", "/ls", ""),
        ("dirname", "ls", None),
        ("duration_clock", "1:02:03", 3_723_000_000_000),
        ("duration_clock", "0h:03m:04s", 184_000_000_000),
        ("duration_clock", "1d 2h:03m:04s", 93_784_000_000_000),
        ("duration_clock", "1 hour", None),
        ("duration_ms", "1.5", 1_500_000),
        ("duration_s", "2", 2_000_000_000),
        ("duration_s_us", "0.000431060791015625", 431_000),
        ("duration_s_us", "0.000431", 431_000),
        ("duration_us", "7", 7_000),
        ("instant", "1749888902.5", "2025-06-14T08:15:02.500000Z"),
        ("instant", "1749888902500", "2025-06-14T08:15:02.500000Z"),
        ("instant", "1749888902500000", "2025-06-14T08:15:02.500000Z"),
        ("instant", "-1.5", "1969-12-31T23:59:58.500000Z"),
        ("instant", "2025-06-14T08:15:02Z", "2025-06-14T08:15:02Z"),
        ("instant", "2025-06-14T08:15:02", "2025-06-14T08:15:02Z"),
        ("instant", "1e300", "1e300"),
        ("duration_s", "inf", None),
        ("email_domain", "Alice <alice@example.com>", "example.com"),
        ("extension", "/a.b/c.tar.gz", "gz"),
        ("extension", "/a.b/c", None),
        ("first_client", "10.0.0.2, 203.0.113.9, 198.51.100.1", "203.0.113.9"),
        ("first_client", "10.0.0.2, unknown", "10.0.0.2"),
        ("first_client", "203.0.113.9", "203.0.113.9"),
        ("first_client", '"10.0.0.2, 203.0.113.9" 10.0.0.3', "203.0.113.9"),
        ("first_client_domain", "proxy.example.com, 10.0.0.1", "proxy.example.com"),
        ("first_client_domain", "203.0.113.9, a", None),
        ("hash_imphash", HASHES, "0077"),
        ("hash_md5", HASHES, "cd34"),
        ("hash_sha1", HASHES, "ab12"),
        ("hash_sha256", HASHES, "ef56"),
        ("hash_sha512", HASHES, None),
        ("audit_arguments", 'argc=3 a0="sh" a1="-c" a2=6C73202F', "sh -c ls /"),
        ("audit_arguments", 'argc=1 a0[0]="x=y a1=z"', "x=y a1=z"),
        ("audit_arguments", "argc=1 a0=FFFE", "FFFE"),
        ("audit_arguments", "argc=0", None),
        ("hex_integer", "0x1F", 31),
        ("hex_integer", "ff", 255),
        ("hex_integer", "xyz", None),
        ("hex_text", "6C73002D6C61", "ls -la"),
        ("hex_text", "E697A5e69cac", "日本"),
        ("hex_text", "EDA080", None),
        ("hex_text", "C3", None),
        ("hex_text", "6C7", None),
        ("hex_text", "ls", None),
        ("http_version", "HTTP/1.1", "1.1"),
        ("http_version", "2", "2"),
        ("integer", "42", 42),
        ("integer", "0x2a", 42),
        ("integer", "4.2", None),
        ("ip", "192.0.2.1", "192.0.2.1"),
        ("list", "a, b ,c,", ["a", "b", "c"]),
        ("lowercase", "ÄB", "äb"),
        ("mac", "00:1a:2B:3c:4d:5e", "00-1A-2B-3C-4D-5E"),
        ("mac", "001a.2b3c.4d5e", "00-1A-2B-3C-4D-5E"),
        ("mac", "00:1a", None),
        ("network_direction", "OUT", "outbound"),
        ("network_direction", "inbound", "inbound"),
        ("no_dash", "-", None),
        ("no_dash", "a-", "a-"),
        ("stated", "(null)", None),
        ("stated", "N/A", None),
        ("stated", "Unknown host", "Unknown host"),
        ("text", " x ", " x "),
        ("trim", " x ", "x"),
        ("uppercase", "get", "GET"),
        ("url_domain", "HTTPS://u:p@Example.com:8443/a?b#c", "example.com"),
        ("url_domain", "http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("url_domain", "/a", None),
        ("url_extension", "/a/b.php?x=y.gif", "php"),
        ("url_path", "https://example.com/a/b?c", "/a/b"),
        ("url_path", "/a/b?c#d", "/a/b"),
        ("url_port", "https://example.com:8443/a", 8443),
        ("url_port", "https://example.com/a:80", None),
        ("url_query", "/a?b=c&d#e", "b=c&d"),
        ("url_query", "/a", None),
        ("url_scheme", "HTTPS://example.com", "https"),
        ("line_command_name", "HostName=a\nCommandName=Get-Item\nCommandType=", "Get-Item"),
        ("line_command_type", "Command Type = Cmdlet", "Cmdlet"),
        ("line_host_version", "HostName=a\nHostVersion=5.1.1", "5.1.1"),
        ("line_pipeline_id", "\tPipelineId=12", "12"),
        ("line_provider_name", "ProviderName=Registry", "Registry"),
        ("line_runspace_id", "RunspaceId=c0ffee\nPipelineId=", "c0ffee"),
        ("word_list", "SeTcbPrivilege\n\t\tSeDebugPrivilege", ["SeTcbPrivilege", "SeDebugPrivilege"]),
        ("words", "ls -la", "ls -la"),
    ],
)
def test_conversion(name: str, value: str, expected: object) -> None:
    assert convert(name, value, None) == [expected, None]


def test_every_conversion_has_a_case() -> None:
    tests: tuple[Any, ...] = (
        test_conversion,
        test_windows_values.test_conversion,
        test_endpoint_values.test_values_of_endpoint_agents,
    )
    marks = [mark for test in tests for mark in test.pytestmark if mark.name == "parametrize"]
    assert {case[0] for mark in marks for case in mark.args[1]} == set(CONVERSIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.256", None),
        ("192.000.2.1", None),
        ("192.0.2.1:80", None),
        ("a:b", None),
        ("", None),
    ],
)
def test_addresses(text: str, expected: str | None) -> None:
    assert canonical_ip(pl.Series([text, None, "192.0.2.9"])).to_list() == [expected, None, "192.0.2.9"]


@given(st.lists(st.one_of(st.ip_addresses(), st.none(), st.text(max_size=8)), max_size=5))
def test_every_real_address_is_kept_and_nothing_else(values: list[object]) -> None:
    texts = [None if value is None else str(value) for value in values]
    found = canonical_ip(pl.Series(texts, dtype=pl.String)).to_list()
    for text, got in zip(texts, found, strict=True):
        if got is not None:
            assert text is not None
            assert str(ip_address(got)) == got
    repeated = canonical_ip(pl.Series(texts * 300, dtype=pl.String)).to_list()
    assert repeated == found * 300


@given(st.lists(st.lists(st.sampled_from([None, "a", "b", "c", ""]), min_size=3, max_size=3), min_size=1, max_size=8))
def test_lists_hold_each_rows_distinct_values_in_order(rows: list[list[str | None]]) -> None:
    columns = [pl.Series([row[at] for row in rows], dtype=pl.String) for at in range(3)]
    expected = [list(dict.fromkeys(value for value in row if value is not None)) or None for row in rows]
    assert distinct_lists(columns).to_list() == expected
