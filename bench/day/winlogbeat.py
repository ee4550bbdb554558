"""Records of the Windows channels Security, System and PowerShell as Winlogbeat ships them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bench.day.lines import Template

LOG: Final = "winlogbeat.json"
_SERVICES: Final = "Service Control Manager"
_AUDIT: Final = "Microsoft-Windows-Security-Auditing"
_POWERSHELL: Final = "Microsoft-Windows-PowerShell"
_CHANNELS: Final = {
    _SERVICES: "System",
    _AUDIT: "Security",
    "Microsoft-Windows-Eventlog": "Security",
    _POWERSHELL: "Microsoft-Windows-PowerShell/Operational",
}


def record(
    code: int, action: str, data: Mapping[str, str], outcome: str = "success", provider: str = _AUDIT
) -> Template:
    """Return the template of an event of this code."""
    audited = provider == _AUDIT
    return Template.of(
        {
            "@timestamp": "%(iso)sT%(clock)s.%(ms)sZ",
            "agent": {"type": "winlogbeat", "version": "8.17.0", "name": "%(short)s"},
            "ecs": {"version": "8.0.0"},
            "event": {
                "code": str(code),
                "kind": "event",
                "action": action,
                "provider": provider,
                **({"outcome": outcome} if audited else {}),
            },
            "host": {"name": "%(computer)s"},
            "log": {"level": "information"},
            "message": f"{action}.",
            "winlog": {
                "api": "wineventlog",
                "channel": _CHANNELS[provider],
                "computer_name": "%(computer)s",
                "event_id": str(code),
                "provider_name": provider,
                "record_id": "%(number)d",
                "task": action,
                "opcode": "Info",
                **({"keywords": [f"Audit {outcome.capitalize()}"]} if audited else {}),
                "process": {"pid": 712, "thread": {"id": 764}},
                "event_data": dict(data),
            },
        }
    )


_BY: Final = {
    "SubjectUserSid": "%(by_sid)s",
    "SubjectUserName": "%(by)s",
    "SubjectDomainName": "%(by_domain)s",
    "SubjectLogonId": "%(by_logon)s",
}
NOBODY: Final = {"by_sid": "S-1-0-0", "by": "-", "by_domain": "-", "by_logon": "0x0"}
"""Fills the blanks of the acting account where there is none."""
_TARGET: Final = {
    "TargetUserSid": "%(sid)s",
    "TargetUserName": "%(user)s",
    "TargetDomainName": "EXAMPLE",
    "TargetLogonId": "%(logon)s",
}
_WHENCE: Final = {"IpAddress": "%(ip)s", "IpPort": "%(port)s"}
_TICKET: Final = {
    "TicketOptions": "%(options)s",
    "TicketEncryptionType": "%(cipher)s",
    "IpAddress": "::ffff:%(ip)s",
    "IpPort": "%(port)s",
    "Status": "0x0",
}

LOGON: Final = record(
    4624,
    "Logon",
    {
        **_BY,
        **_TARGET,
        "LogonType": "%(kind)s",
        "LogonProcessName": "%(process)s",
        "AuthenticationPackageName": "%(package)s",
        "WorkstationName": "%(station)s",
        "LogonGuid": "{00000000-0000-0000-0000-000000000000}",
        "TransmittedServices": "-",
        "LmPackageName": "-",
        "KeyLength": "0",
        "ProcessId": "0x0",
        "ProcessName": "-",
        **_WHENCE,
        "ImpersonationLevel": "%%1833",
        "ElevatedToken": "%%1842",
    },
)
KERBEROS: Final = {"kind": 3, "process": "Kerberos", "package": "Kerberos", "station": "-", **NOBODY}
"""Fills the blanks of a logon over the network with a ticket."""
NTLM: Final = {**KERBEROS, "process": "NtLmSsp ", "package": "NTLM"}
LOGON_FAILED: Final = record(
    4625,
    "Logon",
    {
        **_BY,
        "TargetUserSid": "S-1-0-0",
        "TargetUserName": "%(user)s",
        "TargetDomainName": "EXAMPLE",
        "Status": "%(status)s",
        "FailureReason": "%%2313",
        "SubStatus": "%(substatus)s",
        "LogonType": "%(kind)s",
        "LogonProcessName": "%(process)s",
        "AuthenticationPackageName": "%(package)s",
        "WorkstationName": "%(station)s",
        "ProcessId": "0x0",
        "ProcessName": "-",
        **_WHENCE,
    },
    "failure",
)
LOGOFF: Final = record(4634, "Logoff", {**_TARGET, "LogonType": "%(kind)s"})
EXPLICIT: Final = record(
    4648,
    "Logon",
    {
        **_BY,
        "LogonGuid": "{00000000-0000-0000-0000-000000000000}",
        "TargetUserName": "%(user)s",
        "TargetDomainName": "EXAMPLE",
        "TargetServerName": "%(server)s",
        "TargetInfo": "%(server)s",
        "ProcessId": "0x2c4",
        "ProcessName": "%(image)s",
        **_WHENCE,
    },
)
SPECIAL: Final = record(
    4672,
    "Special Logon",
    {**_BY, "PrivilegeList": "SeSecurityPrivilege\n\t\t\tSeBackupPrivilege\n\t\t\tSeDebugPrivilege"},
)
PROCESS: Final = record(
    4688,
    "Process Creation",
    {
        **_BY,
        "NewProcessId": "%(hex_pid)s",
        "NewProcessName": "%(image)s",
        "TokenElevationType": "%%1938",
        "ProcessId": "%(hex_parent)s",
        "CommandLine": "%(command)s",
        "TargetUserSid": "S-1-0-0",
        "TargetUserName": "-",
        "TargetDomainName": "-",
        "TargetLogonId": "0x0",
        "ParentProcessName": "%(parent)s",
        "MandatoryLabel": "S-1-16-8192",
    },
)
TICKET_GRANTING: Final = record(
    4768,
    "Kerberos Authentication Service",
    {
        "TargetUserName": "%(user)s",
        "TargetDomainName": "EXAMPLE",
        "TargetSid": "%(sid)s",
        "ServiceName": "krbtgt",
        "ServiceSid": "S-1-5-21-1004336348-1177238915-682003330-502",
        **_TICKET,
        "PreAuthType": "2",
    },
)
TICKET: Final = record(
    4769,
    "Kerberos Service Ticket Operations",
    {
        "TargetUserName": "%(user)s@EXAMPLE.COM",
        "TargetDomainName": "EXAMPLE.COM",
        "ServiceName": "%(service)s",
        "ServiceSid": "%(service_sid)s",
        **_TICKET,
        "LogonGuid": "%(guid)s",
        "TransmittedServices": "-",
    },
)
AES: Final = {"cipher": "0x12", "options": "0x40810000"}
PREAUTH_FAILED: Final = record(
    4771,
    "Kerberos Authentication Service",
    {
        "TargetUserName": "%(user)s",
        "TargetSid": "%(sid)s",
        "ServiceName": "krbtgt/EXAMPLE",
        "TicketOptions": "0x40810010",
        "Status": "%(status)s",
        "PreAuthType": "2",
        "IpAddress": "::ffff:%(ip)s",
        "IpPort": "%(port)s",
    },
    "failure",
)
CHECKED: Final = record(
    4776,
    "Credential Validation",
    {
        "PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
        "TargetUserName": "%(user)s",
        "Workstation": "%(station)s",
        "Status": "%(status)s",
    },
)
SHARE: Final = record(
    5140,
    "File Share",
    {
        **_BY,
        "ObjectType": "File",
        **_WHENCE,
        "ShareName": r"\\*\%(share)s",
        "ShareLocalPath": r"\??\%(path)s",
        "AccessMask": "0x1",
        "AccessList": "%%4416\n\t\t\t\t",
    },
)
_CHANGED: Final = {"TargetUserName": "%(user)s", "TargetDomainName": "%(domain)s", "TargetSid": "%(sid)s", **_BY}
ACCOUNT_MADE: Final = record(
    4720,
    "User Account Management",
    {
        **_CHANGED,
        "PrivilegeList": "-",
        "SamAccountName": "%(user)s",
        "DisplayName": "%(shown)s",
        "UserPrincipalName": "-",
        "PasswordLastSet": "%%1794",
        "OldUacValue": "0x0",
        "NewUacValue": "0x15",
    },
)
PASSWORD_RESET: Final = record(4724, "User Account Management", _CHANGED)
LOCKED: Final = record(4740, "User Account Management", _CHANGED)
UNLOCKED: Final = record(4767, "User Account Management", _CHANGED)
_MEMBER: Final = {"MemberName": "%(member)s", "MemberSid": "%(member_sid)s", **_CHANGED, "PrivilegeList": "-"}
JOINED_GLOBAL: Final = record(4728, "Security Group Management", _MEMBER)
JOINED_LOCAL: Final = record(4732, "Security Group Management", _MEMBER)
CLEARED: Final = record(1102, "Log clear", _BY, provider="Microsoft-Windows-Eventlog")
SERVICE_MADE: Final = record(
    7045,
    "Service installed",
    {
        "ServiceName": "%(service)s",
        "ImagePath": "%(image)s",
        "ServiceType": "user mode service",
        "StartType": "%(start)s",
        "AccountName": "LocalSystem",
    },
    provider=_SERVICES,
)
SERVICE_STATE: Final = record(
    7036, "Service state changed", {"param1": "%(service)s", "param2": "%(state)s"}, provider=_SERVICES
)
SCRIPT: Final = record(
    4104,
    "Execute a Remote Command",
    {
        "MessageNumber": "1",
        "MessageTotal": "1",
        "ScriptBlockText": "%(script)s",
        "ScriptBlockId": "%(guid)s",
        "Path": "%(path)s",
    },
    provider=_POWERSHELL,
)
