"""Values as endpoint agents write them → what is stored."""

from __future__ import annotations

import polars as pl
import pytest

from miharu.normalise import CONVERSIONS

DIGESTS = "0123456789abcdef0123456789ABCDEF,00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("registry_path", r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Enum\a", r"HKLM\SYSTEM\CurrentControlSet\Enum\a"),
        ("registry_path", r"HKEY_LOCAL_MACHINE\SOFTWARE\Example", r"HKLM\SOFTWARE\Example"),
        ("registry_path", r"MACHINE\SYSTEM\ControlSet002", r"HKLM\SYSTEM\CurrentControlSet"),
        ("registry_path", r"USER\S-1-5-18\Environment", r"HKU\S-1-5-18\Environment"),
        ("registry_path", r"HKEY_CURRENT_USER\Environment", r"HKCU\Environment"),
        ("registry_path", r"MACHINES\a", r"MACHINES\a"),
        ("volume_path", r"\Device\HarddiskVolume3\Windows\System32\cmd.exe", r"C:\Windows\System32\cmd.exe"),
        ("volume_path", r"\Device\HarddiskVolume3\Program Files (x86)\a.exe", r"C:\Program Files (x86)\a.exe"),
        ("volume_path", r"\Device\HarddiskVolume4\tools\a.exe", r"\Device\HarddiskVolume4\tools\a.exe"),
        ("volume_path", r"\??\C:\Windows\System32\conhost.exe", r"C:\Windows\System32\conhost.exe"),
        ("volume_path", "/usr/bin/ls", "/usr/bin/ls"),
        ("rooted_path", r"c:\windows\cmd.exe", r"c:\windows\cmd.exe"),
        ("rooted_path", "cmd.exe", None),
        ("windows_end", "winword.exe", r"\winword.exe"),
        ("unix_end", "curl", "/curl"),
        ("json_text", r'm.exe -d \"C:\\Users\"', r'm.exe -d "C:\Users"'),
        ("hexadecimal", "4112", "0x1010"),
        ("hexadecimal", "0x1FFFFF", "0x1fffff"),
        ("hexadecimal", "0", "0x0"),
        ("hexadecimal", "-1", None),
        ("hexadecimal", "all", None),
        ("registry_dword", "1", "DWORD (0x00000001)"),
        ("registry_dword", "0x2", "DWORD (0x00000002)"),
        ("registry_dword", "4294967295", "DWORD (0xffffffff)"),
        ("registry_dword", "4294967296", None),
        ("registry_dword", "C:\\a.exe", None),
        ("digest_md5", DIGESTS, "0123456789abcdef0123456789abcdef"),
        ("digest_sha1", DIGESTS, None),
        ("digest_sha256", DIGESTS, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
        ("attack_ids", '["OS Credential Dumping (T1003)","LSASS Memory (T1003.001)"]', ["T1003", "T1003.001"]),
        ("attack_ids", "MITRE_T1059_CMD_LINE,MITRE_T1059_001_POWERSHELL,FILELESS", ["T1059", "T1059.001"]),
        ("attack_ids", "none", None),
    ],
)  # fmt: skip
def test_values_of_endpoint_agents(name: str, value: str, expected: str | list[str] | None) -> None:
    found = pl.DataFrame({"value": [value, None]}).select(CONVERSIONS[name](pl.col("value"))).to_series()
    assert found.to_list() == [expected, None]
