"""Conversions of values as Windows writes them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from miharu.normalise.tables import CONVERSIONS

DETAILS = (
    "\tEngineVersion=5.1.1\r\n\tHostName=ConsoleHost\r\n\tHostApplication=powershell.exe -nop\r\n\tScriptName=\r\n"
)
CONTEXT = "        Severity = Informational\r\n        Host Name = ConsoleHost\r\n        User = EXAMPLE\\alice\r\n"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("registry_hive", r"HKLM\System\CurrentControlSet\Services\upd\Start", "HKLM"),
        ("registry_hive", r"\REGISTRY\MACHINE\SOFTWARE\Example", r"\REGISTRY\MACHINE"),
        ("registry_hive", "Start", None),
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
        ("line_user", CONTEXT, r"EXAMPLE\alice"),
        ("line_user", "no lines at all", None),
    ],
)
def test_conversion(name: str, value: str, expected: Any) -> None:
    frame = pl.DataFrame({"v": [value, None]})
    assert frame.select(CONVERSIONS[name](pl.col("v"))).to_series().to_list() == [expected, None]
