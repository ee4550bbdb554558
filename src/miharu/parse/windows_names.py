"""Column names of a frame → which dialect of Windows events it speaks, and the canonical name of each column.

Canonical names: `System.<Name>`, `Message`, `Rendering.<Name>` (words of the rendered event),
`EventData.<Name>`, `UserData.<Name>`; whatever else the sender adds keeps its own name.

Dialects:

* `event`: the event's XML tree as JSON, `Event.System…` or `System…`; attributes as `#attributes`, `@Name`,
  `X_attributes` or plain keys. https://learn.microsoft.com/windows/win32/wes/eventschema-schema
* `winlogbeat`: `winlog.*`. https://www.elastic.co/docs/reference/beats/winlogbeat/exported-fields-winlog
* `wazuh`: `win.system.*`, `win.eventdata.*` with a small first letter, also below `data.`.
* `nxlog`: everything on one level, with NXLog's own fields between.
  https://docs.nxlog.co/refman/current/im/msvistalog.html
* `flat`: everything on one level: Fluent Bit (winlog, winevtlog), Fluentd's windows_eventlog2, the SecurityEvent table
  of Microsoft Sentinel, exports of Get-WinEvent.
* `powershell`: `Get-WinEvent | ConvertTo-Json`.
  https://learn.microsoft.com/dotnet/api/system.diagnostics.eventing.reader.eventlogrecord
* `fluentd`: Fluentd's windows_eventlog, all in small letters. https://github.com/fluent/fluent-plugin-windows-eventlog
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Literal, TypeAlias

Dialect: TypeAlias = Literal["event", "winlogbeat", "wazuh", "nxlog", "flat", "fluentd", "powershell"]

DATA: Final = "EventData.Data"
"""All unnamed `<Data>` of an event, one a line; each also stands alone as `EventData.param1`…"""

SYSMON_DATA: Final = (
    *("RuleName", "UtcTime", "CreationUtcTime", "PreviousCreationUtcTime", "EventType", "State", "Version"),
    *("ProcessGuid", "ProcessId", "Image", "FileVersion", "Description", "Product", "Company", "OriginalFileName"),
    *("CommandLine", "CurrentDirectory", "User", "LogonGuid", "LogonId", "TerminalSessionId", "IntegrityLevel"),
    *("Hashes", "Hash", "ParentProcessGuid", "ParentProcessId", "ParentImage", "ParentCommandLine", "ParentUser"),
    *("ImageLoaded", "Signed", "Signature", "SignatureStatus", "TargetFilename", "Contents", "TargetObject"),
    *("Details", "NewName", "Configuration", "ConfigurationFileHash", "PipeName", "Protocol", "Initiated"),
    *("SourceIsIpv6", "SourceIp", "SourceHostname", "SourcePort", "SourcePortName", "DestinationIsIpv6"),
    *("DestinationIp", "DestinationHostname", "DestinationPort", "DestinationPortName", "SourceProcessGuid"),
    *("SourceProcessGUID", "SourceProcessId", "SourceThreadId", "SourceImage", "SourceUser", "TargetProcessGuid"),
    *("TargetProcessGUID", "TargetProcessId", "TargetImage", "TargetUser", "NewThreadId", "StartAddress"),
    *("StartModule", "StartFunction", "GrantedAccess", "CallTrace", "Device", "EventNamespace", "Name", "Query"),
    *("Operation", "Type", "Destination", "Consumer", "Filter", "QueryName", "QueryStatus", "QueryResults"),
    *("IsExecutable", "Archived", "Session", "ClientInfo", "ID"),
)
"""Names of Sysmon's event data, which are also the labels of its texts.
https://learn.microsoft.com/sysinternals/downloads/sysmon"""

_SYSTEM: Final[Mapping[str, str]] = {
    "Provider.Name": "System.Provider",
    "Provider.Guid": "System.ProviderGuid",
    "Provider.EventSourceName": "System.EventSourceName",
    "EventID": "System.EventID",
    "EventID.Value": "System.EventID",
    "EventID.Qualifiers": "System.Qualifiers",
    "EventIDQualifiers": "System.Qualifiers",
    "TimeCreated.SystemTime": "System.TimeCreated",
    "Correlation.ActivityID": "System.ActivityID",
    "Correlation.RelatedActivityID": "System.RelatedActivityID",
    "Execution.ProcessID": "System.ProcessID",
    "Execution.ThreadID": "System.ThreadID",
    "Security.UserID": "System.UserID",
}

_WINLOGBEAT: Final[Mapping[str, str]] = {
    "@timestamp": "System.TimeCreated",
    "winlog.channel": "System.Channel",
    "winlog.provider_name": "System.Provider",
    "winlog.provider_guid": "System.ProviderGuid",
    "winlog.event_id": "System.EventID",
    "winlog.record_id": "System.EventRecordID",
    "winlog.computer_name": "System.Computer",
    "winlog.version": "System.Version",
    "winlog.activity_id": "System.ActivityID",
    "winlog.related_activity_id": "System.RelatedActivityID",
    "winlog.process.pid": "System.ProcessID",
    "winlog.process.thread.id": "System.ThreadID",
    "winlog.user.identifier": "System.UserID",
    "winlog.user.name": "User.Name",
    "winlog.user.domain": "User.Domain",
    "winlog.user.type": "User.Type",
    "winlog.keywords": "Rendering.Keywords",
    "winlog.task": "Rendering.Task",
    "winlog.opcode": "Rendering.Opcode",
    "log.level": "Rendering.Level",
    "message": "Message",
}

_WAZUH: Final[Mapping[str, str]] = {
    "providerName": "System.Provider",
    "systemTime": "System.TimeCreated",
    "message": "Message",
    "severityValue": "SeverityValue",
}

_FLAT: Final[Mapping[str, str]] = {
    "EventID": "System.EventID",
    "Channel": "System.Channel",
    "SourceName": "System.Provider",
    "ProviderName": "System.Provider",
    "EventSourceName": "System.Provider",
    "ProviderGuid": "System.ProviderGuid",
    "Version": "System.Version",
    "Level": "System.Level",
    "Task": "System.Task",
    "OpcodeValue": "System.Opcode",
    "Keywords": "System.Keywords",
    "Qualifiers": "System.Qualifiers",
    "RecordNumber": "System.EventRecordID",
    "EventRecordID": "System.EventRecordID",
    "EventRecordId": "System.EventRecordID",
    "ActivityID": "System.ActivityID",
    "RelatedActivityID": "System.RelatedActivityID",
    "ExecutionProcessID": "System.ProcessID",
    "ProcessID": "System.ProcessID",
    "ThreadID": "System.ThreadID",
    "ExecutionThreadID": "System.ThreadID",
    "Hostname": "System.Computer",
    "Computer": "System.Computer",
    "ComputerName": "System.Computer",
    "UserID": "System.UserID",
    "TimeCreated": "System.TimeCreated",
    "TimeGenerated": "System.TimeCreated",
    "Message": "Message",
    "Opcode": "Rendering.Opcode",
    "Category": "Rendering.Task",
    "AccountName": "User.Name",
    "Domain": "User.Domain",
    "AccountType": "User.Type",
    "StringInserts": DATA,
    "ProviderGUID": "System.ProviderGuid",
    "EventCategory": "System.Task",
    "@timestamp": "Sender.timestamp",
}

_FLUENTD: Final[Mapping[str, str]] = {
    "channel": "System.Channel",
    "source_name": "System.Provider",
    "event_id": "System.EventID",
    "record_number": "System.EventRecordID",
    "time_generated": "System.TimeCreated",
    "computer_name": "System.Computer",
    "event_category": "System.Task",
    "event_type": "EventData.EventType",
    "user": "User.Name",
    "description": "Message",
    "string_inserts": DATA,
}

_POWERSHELL: Final[Mapping[str, str]] = {
    "Id": "System.EventID",
    "LogName": "System.Channel",
    "ProviderName": "System.Provider",
    "ProviderId": "System.ProviderGuid",
    "MachineName": "System.Computer",
    "RecordId": "System.EventRecordID",
    "ProcessId": "System.ProcessID",
    "ThreadId": "System.ThreadID",
    "UserId": "System.UserID",
    "UserId.Value": "System.UserID",
    "TimeCreated": "System.TimeCreated",
    "TimeCreated.value": "System.TimeCreated",
    "ActivityId": "System.ActivityID",
    "RelatedActivityId": "System.RelatedActivityID",
    **{name: f"System.{name}" for name in ("Level", "Task", "Opcode", "Keywords", "Version", "Qualifiers")},
    "Message": "Message",
    "LevelDisplayName": "Rendering.Level",
    "TaskDisplayName": "Rendering.Task",
    "OpcodeDisplayName": "Rendering.Opcode",
    "KeywordsDisplayNames": "Rendering.Keywords",
}

FLAT_SENDER: Final = frozenset({
    "@version", "EventReceivedTime", "EventTime", "EventTypeOrignal", "EventTypeOriginal",
    "ERROR_EVT_UNRESOLVED", "Severity", "SeverityValue", "SourceModuleName", "SourceModuleType",
    "host", "port", "tags", "type", "TenantId", "SourceSystem", "SourceComputerId", "EventOriginId", "MG",
    "TimeWritten", "date",
    "ManagementGroupName", "Activity", "EventLevelName", "_ResourceId", "_ItemId", "MessageSourceAddress",
})  # fmt: skip
"""What senders of the flat dialect add about themselves and the way of the event: not event data."""

_FLAT_MARKS: Final = frozenset({"EventID", "Channel"})
_FLUENTD_MARKS: Final = frozenset({"channel", "event_id", "source_name", "computer_name"})
_POWERSHELL_MARKS: Final = frozenset({"Id", "LogName", "ProviderName", "RecordId"})
_NXLOG_MARKS: Final = frozenset({"EventTime", "SourceModuleName"})
_WINLOGBEAT_MARKS: Final = frozenset({"winlog.channel", "winlog.event_id"})


def dialect_of(names: Collection[str]) -> Dialect | None:
    """Return the dialect that a frame with these columns speaks, None where it holds no Windows events."""
    have = names if isinstance(names, (set, frozenset)) else set(names)
    if have >= _FLAT_MARKS:
        return "nxlog" if have & _NXLOG_MARKS else "flat"
    if have & _WINLOGBEAT_MARKS:
        return "winlogbeat"
    if have >= _FLUENTD_MARKS:
        return "fluentd"
    if have >= _POWERSHELL_MARKS:
        return "powershell"
    for name in have:
        if name.startswith(("Event.System.EventID", "System.EventID")):
            return "event"
        if name.endswith("win.system.eventID"):
            return "wazuh"
    return None


def canonical_names(names: Iterable[str], dialect: Dialect) -> dict[str, str]:
    """Return the canonical name of each column but those of the record (`record.*`) and empty wrappers.

    A canonical name is given once; of several that claim it the first in the dialect's table gets it, the
    others keep their own (in the flat dialect they are event data: an event may have a `ProcessID` too).
    """
    names = list(names)
    name_of, order = _NAMERS[dialect], _ORDERS[dialect]
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted((n for n in names if not n.startswith("record.")), key=lambda n: order.get(n, len(order))):
        wanted = name_of(name)
        if wanted is None:
            continue
        if wanted == "System.ProcessID" and dialect == "flat" and "ThreadID" not in names:
            wanted = f"EventData.{name}"  # the record's head gives process and thread, or neither
        if wanted in taken:
            own = f"EventData.{name}" if dialect in ("flat", "nxlog") else name
            wanted = own if own not in taken else f"{own}.{len(taken)}"
        given[name] = wanted
        taken.add(wanted)
    return given


def _event_name(name: str) -> str | None:
    parts = [part.removesuffix("_attributes").removeprefix("@") for part in name.split(".")]
    if parts[0] == "Event":
        parts = parts[1:]
    if not parts or any(part.startswith("xmlns") for part in parts):
        return None
    head, inner = parts[0], [part for part in parts[1:] if part not in ("#attributes", "#text")]
    path = ".".join(inner)
    if head == "System" and path:
        return _SYSTEM.get(path, f"System.{path}")
    if head == "RenderingInfo" and path:
        return "Message" if path == "Message" else f"Rendering.{path.removesuffix('.Keyword')}"
    if head == "EventData" and path:
        return "System.EventDataName" if parts[1:] == ["#attributes", "Name"] else f"EventData.{path}"
    if head == "UserData" and path:
        return f"UserData.{'.'.join(inner[1:]) or path}"
    return None if parts == ["#attributes"] else name.removeprefix("Event.")


def _winlogbeat_name(name: str) -> str | None:
    known = _WINLOGBEAT.get(name)
    if known is not None:
        return known
    if name.startswith("winlog.event_data."):
        return f"EventData.{name.removeprefix('winlog.event_data.')}"
    if name.startswith("winlog.user_data."):
        inner = name.removeprefix("winlog.user_data.")
        return None if inner == "xml_name" else f"UserData.{inner}"
    return name.removeprefix("winlog.")


def _wazuh_name(name: str) -> str | None:
    bare = name.removeprefix("data.")
    if bare.startswith("win.system."):
        inner = bare.removeprefix("win.system.")
        return _WAZUH.get(inner, f"System.{inner[:1].upper()}{inner[1:]}")
    if bare.startswith("win.eventdata."):
        inner = bare.removeprefix("win.eventdata.")
        return f"EventData.{inner[:1].upper()}{inner[1:]}"
    return name


def _flat_name(name: str) -> str | None:
    known = _FLAT.get(name)
    if known is not None:
        return known
    if name in FLAT_SENDER or name.startswith(("OpenWEC.", "@metadata.", "agent.", "host.", "beat.")):
        return name
    return f"EventData.{name}"


_NAMERS: Final[Mapping[Dialect, Callable[[str], str | None]]] = {
    "event": _event_name,
    "winlogbeat": _winlogbeat_name,
    "wazuh": _wazuh_name,
    "nxlog": _flat_name,
    "flat": _flat_name,
    "fluentd": lambda name: _FLUENTD.get(name, name),
    "powershell": lambda name: _POWERSHELL.get(name, name),
}
_ORDERS: Final[Mapping[Dialect, Mapping[str, int]]] = {
    "event": {},
    "winlogbeat": {name: at for at, name in enumerate(_WINLOGBEAT)},
    "wazuh": {},
    "nxlog": {name: at for at, name in enumerate(_FLAT)},
    "flat": {name: at for at, name in enumerate(_FLAT)},
    "fluentd": {},
    "powershell": {},
}
