"""Conversions of values as Windows writes them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from miharu.normalise.tables import CONVERSIONS
from miharu.normalise.windows_values import line_named

DETAILS = (
    "\tEngineVersion=5.1.1\r\n\tHostName=ConsoleHost\r\n\tHostApplication=powershell.exe -nop\r\n\tScriptName=\r\n"
)
CONTEXT = "        Severity = Informational\r\n        Host Name = ConsoleHost\r\n        User = EXAMPLE\\alice\r\n"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("registry_hive", r"HKLM\System\CurrentControlSet\Services\upd\Start", "HKLM"),
        ("registry_hive", r"\REGISTRY\MACHINE\SOFTWARE\Example", "HKLM"),
        ("registry_hive", r"\Registry\User\S-1-5-18\Example", "HKU"),
        ("registry_hive", r"\REGISTRY\A\Example", r"\REGISTRY\A"),
        ("registry_hive", "Start", None),
        ("registry_hive", r"HKEY_LOCAL_MACHINE\SOFTWARE\Example", "HKLM"),
        ("registry_hive", r"USER\S-1-5-18\Example", "HKU"),
        ("registry_key", r"MACHINE\SOFTWARE\Example", r"SOFTWARE\Example"),
        ("registry_key", r"HKU\S-1-5-18\Software\Example", r"S-1-5-18\Software\Example"),
        ("registry_key", r"\REGISTRY\MACHINE\SOFTWARE\Example", r"SOFTWARE\Example"),
        ("registry_value", r"HKLM\System\CurrentControlSet\Services\upd\Start", "Start"),
        ("registry_value", "HKLM", None),
        ("registry_strings", "DWORD (0x0000000a)", ["10"]),
        ("registry_strings", "QWORD (0x00000001-0x00000000)", ["4294967296"]),
        ("registry_strings", r"C:\tool.exe", [r"C:\tool.exe"]),
        ("registry_strings", "Binary Data", None),
        ("registry_type", "DWORD (0x0000000a)", "REG_DWORD"),
        ("registry_type", "QWORD (0x00000001-0x00000000)", "REG_QWORD"),
        ("registry_type", "Binary Data", "REG_BINARY"),
        ("registry_type", "text", "REG_SZ"),
        ("resolved_ips", "type:  5 c2.example.com;::ffff:198.51.100.23;2001:db8::1;", ["198.51.100.23", "2001:db8::1"]),
        ("resolved_ips", "type:  5 c2.example.com;", None),
        ("resolved_ips", "-", None),
        ("command_arguments", r'"C:\Program Files\a.exe" /x "b c" d', [r"C:\Program Files\a.exe", "/x", "b c", "d"]),
        ("command_arguments", "whoami", ["whoami"]),
        ("command_arguments", "  ", None),
        ("line_host_application", DETAILS, "powershell.exe -nop"),
        ("line_engine_version", DETAILS, "5.1.1"),
        ("line_command_path", DETAILS, None),
        ("line_host_name", CONTEXT, "ConsoleHost"),
        ("line_user_name", CONTEXT, "alice"),
        ("line_user_domain", CONTEXT, "EXAMPLE"),
        ("line_user_name", "UserId=bob", "bob"),
        ("line_user_domain", "UserId=bob", None),
        (
            "invocation_lines",
            'CommandInvocation(Out-Null): "Out-Null"\r\nParameterBinding(Out-Null): name="InputObject"; value="1"\r\nx',
            ['CommandInvocation(Out-Null): "Out-Null"', 'ParameterBinding(Out-Null): name="InputObject"; value="1"'],
        ),
        ("found_path", r"containerfile:_C:\a.zip; file:_C:\a.zip->b.exe; process:_pid:7", r"C:\a.zip"),
        ("found_path", r"file:_C:\b c\a.exe", r"C:\b c\a.exe"),
        ("found_path", "process:_pid:7", None),
        ("msi_product", "Product: Example Tool -- Installation completed successfully.", "Example Tool"),
        ("named_application", "Application: tool.exe\nFramework Version: v4.0.30319", "tool.exe"),
        ("named_process", r"C:\Windows\explorer.exe (WS07)", r"C:\Windows\explorer.exe"),
        ("named_process", r"C:\Windows\explorer.exe", r"C:\Windows\explorer.exe"),
        ("endpoint_ip", "192.0.2.15:50712", "192.0.2.15"),
        ("endpoint_ip", "[2001:db8::1]:50712", "2001:db8::1"),
        ("endpoint_ip", "2001:db8::1", "2001:db8::1"),
        ("endpoint_port", "[2001:db8::1]:50712", "50712"),
        ("endpoint_port", "192.0.2.15:50712", "50712"),
        ("endpoint_port", "2001:db8::1", None),
        ("host_part", r"\\WS07", "WS07"),
        ("host_part", "srv02.example.com/wsman?PSVersion=5.1", "srv02.example.com"),
        ("spn_host", "cifs/srv02.example.com", "srv02.example.com"),
        ("spn_host", "srv02", "srv02"),
        ("domain_name", "c2.example.com.", "c2.example.com"),
        ("client_ip", "sa\nReason: wrong password.\n [CLIENT: 192.0.2.15]", "192.0.2.15"),
        ("client_ip", " [CLIENT: <local machine>]", None),
    ],
)
def test_conversion(name: str, value: str, expected: Any) -> None:
    frame = pl.DataFrame({"v": [value, None]})
    assert frame.select(CONVERSIONS[name](pl.col("v"))).to_series().to_list() == [expected, None]


def test_a_long_line_is_found_as_any_other_is() -> None:
    texts = [
        "\tHostApplication=powershell.exe -enc " + "QQ" * 4_000 + " \r\n\tEngineVersion=5.1",
        "        Host Application = C:\\x.exe  \n        Host Name = HostApplication=no",
        "Host Application = \nHostApplication=second",
        "\n\n Host Application = third\rfourth\nHost Name = x",
        "no HostApplication=here",
        "HostName=x",
        None,
    ]
    frame = pl.DataFrame({"v": texts}, schema={"v": pl.String})
    long, *others = frame.select(line_named("Host ?Application")(pl.col("v"))).to_series().to_list()
    assert long == "powershell.exe -enc " + "QQ" * 4_000
    assert others == ["C:\\x.exe", "second", "third", None, None, None]
