"""One attack on a Windows workstation, told by six endpoint agents, each in its own documented format.

A document starts PowerShell, which drops a program, makes it start at logon and calls out; the program reads the memory
of LSASS; a file of the payroll goes. Each agent has a host of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

Record: TypeAlias = dict[str, Any]

WORD: Final = r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE"
SHELL: Final = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
MSHTA: Final = r"C:\Windows\System32\mshta.exe"
DROPPED: Final = r"C:\Users\Public\m.exe"
LIBRARY: Final = r"C:\Users\Public\m.dll"
LSASS: Final = r"C:\Windows\System32\lsass.exe"
PAYROLL: Final = r"D:\Payroll\june.xlsx"
RUN: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
COMMAND: Final = "powershell.exe -nop -f a.ps1"
RIGHTS: Final = 0x1410
VOLUME: Final = "\\Device\\HarddiskVolume3"


def name_of(path: str) -> str:
    return path.rpartition("\\")[2]


def sysmon() -> list[Record]:
    def event(number: int, image: str, **data: Any) -> Record:
        head = {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "EventID": number,
                "Channel": "Microsoft-Windows-Sysmon/Operational", "Computer": "ws1.example.com",
                "TimeCreated": {"#attributes": {"SystemTime": "2025-06-14T08:15:02.500000Z"}}}  # fmt: skip
        guid = "{0a1b2c3d-0002-684d-0200-000000001a00}" if image == SHELL else "{0a1b2c3d-0003-684d-0300-000000001a00}"
        own = {"ProcessGuid": guid, "ProcessId": 6700, "Image": image, "User": "EXAMPLE\\alice"}
        return {"Event": {"System": head, "EventData": {**own, **data}}}

    access = {"SourceImage": DROPPED, "SourceProcessGUID": "{0a1b2c3d-0004-684d-0400-000000001a00}", "Image": None}
    target = {"TargetImage": LSASS, "TargetProcessId": 720, "GrantedAccess": hex(RIGHTS)}
    return [
        event(1, SHELL, CommandLine=COMMAND, ParentImage=WORD, ParentCommandLine="WINWORD.EXE"),
        event(11, SHELL, TargetFilename=DROPPED),
        event(13, SHELL, EventType="SetValue", TargetObject=f"HKLM\\{RUN}\\upd", Details=DROPPED),
        event(3, MSHTA, Protocol="tcp", Initiated=True, SourceIp="192.0.2.7", SourcePort=50100,
              DestinationIp="198.51.100.23", DestinationPort=443),
        event(7, SHELL, ImageLoaded=LIBRARY, Signed=False),
        event(10, DROPPED, **access, **target),
        event(26, SHELL, TargetFilename=PAYROLL),
        event(22, SHELL, QueryName="c2.example.com", QueryStatus="0", QueryResults="::ffff:198.51.100.23;"),
        event(27, SHELL, TargetFilename=DROPPED),
    ]  # fmt: skip


def defender() -> list[Record]:
    def event(table: str, action: str, image: str = SHELL, **told: Any) -> Record:
        actor = {"InitiatingProcessFolderPath": image.lower(), "InitiatingProcessFileName": name_of(image),
                 "InitiatingProcessId": 6700, "InitiatingProcessUniqueId": "2" if image == SHELL else "3",
                 "InitiatingProcessAccountName": "alice"}  # fmt: skip
        own = {"DeviceName": "ws2.example.com", "ActionType": action, "Timestamp": "2025-06-14T08:15:02.5Z"}
        return {"time": "2025-06-14T08:16:00Z", "operationName": "Publish", "category": f"AdvancedHunting-{table}",
                "properties": {**own, **actor, **told}}  # fmt: skip

    def file(path: str) -> Record:
        return {"FolderPath": path, "FileName": name_of(path)}

    return [
        event("DeviceProcessEvents", "ProcessCreated", WORD, **file(SHELL), ProcessId=6700, ProcessUniqueId="2",
              ProcessCommandLine=COMMAND, AccountName="alice"),
        event("DeviceFileEvents", "FileCreated", **file(DROPPED)),
        event("DeviceRegistryEvents", "RegistryValueSet", RegistryKey=f"HKEY_LOCAL_MACHINE\\{RUN}",
              RegistryValueName="upd", RegistryValueType="String", RegistryValueData=DROPPED),
        event("DeviceNetworkEvents", "ConnectionSuccess", MSHTA, LocalIP="192.0.2.7", LocalPort=50100, Protocol="Tcp",
              RemoteIP="198.51.100.23", RemotePort=443),
        event("DeviceImageLoadEvents", "ImageLoaded", **file(LIBRARY)),
        event("DeviceEvents", "OpenProcessApiCall", DROPPED, **file(LSASS), ProcessId=720,
              AdditionalFields=json.dumps({"DesiredAccess": RIGHTS})),
        event("DeviceFileEvents", "FileDeleted", **file(PAYROLL)),
        event("DeviceFileEvents", "FileRenamed", FolderPath=r"E:\june.zip", FileName="june.zip",
              PreviousFolderPath=r"D:\Payroll", PreviousFileName="june.xlsx"),
        event("DeviceEvents", "DnsQueryResponse", AdditionalFields=json.dumps({"DnsQueryString": "c2.example.com"})),
        event("DeviceEvents", "AsrLsassCredentialTheftBlocked", DROPPED, **file(LSASS)),
    ]  # fmt: skip


def crowdstrike() -> list[Record]:
    def event(name: str, image: str = SHELL, **told: Any) -> Record:
        own = {"event_simpleName": name, "event_platform": "Win", "aid": "0a1b", "ComputerName": "WS3",
               "ContextTimeStamp": "1749888902.500", "ContextProcessId": "2" if image == SHELL else "3",
               "ContextImageFileName": VOLUME + image[2:], "UserName": "alice"}  # fmt: skip
        return {**own, **told}

    started = {"ImageFileName": VOLUME + SHELL[2:], "CommandLine": COMMAND, "ParentBaseFileName": name_of(WORD)}
    return [
        event("ProcessRollup2", WORD, **started, RawProcessId="6700", TargetProcessId="2", ContextImageFileName=None,
              ContextProcessId=None),
        event("NewExecutableWritten", TargetFileName=VOLUME + DROPPED[2:]),
        event("AsepValueUpdate", RegObjectName=f"\\REGISTRY\\MACHINE\\{RUN}", RegValueName="upd", RegType="1",
              RegStringValue=DROPPED, RegOperationType="1"),
        event("NetworkConnectIP4", MSHTA, LocalAddressIP4="192.0.2.7", LocalPort="50100", Protocol="6",
              RemoteAddressIP4="198.51.100.23", RemotePort="443"),
        event("ClassifiedModuleLoad", ImageFileName=VOLUME + LIBRARY[2:], TargetProcessId="2"),
        event("ReadVmRemoteEtw", DROPPED, TargetImageFileName=VOLUME + LSASS[2:], DesiredAccess=str(RIGHTS)),
        event("PdfFileDeleted", TargetFileName=PAYROLL),
        event("DnsRequest", DomainName="c2.example.com", IP4Records="198.51.100.23;"),
        event("ProcessBlocked", ImageFileName=VOLUME + DROPPED[2:]),
    ]  # fmt: skip


def sentinelone() -> list[Record]:
    def event(kind: str, category: str, image: str = SHELL, **told: Any) -> Record:
        own = {"event.time": 1749888902500, "event.type": kind, "event.category": category, "endpoint.name": "WS4",
               "endpoint.os": "windows", "agent.uuid": "0a1b", "src.process.image.path": image,
               "src.process.name": name_of(image), "src.process.uid": "2" if image == SHELL else "3",
               "src.process.user": "EXAMPLE\\alice"}  # fmt: skip
        return {**own, **{name.replace("__", "."): value for name, value in told.items()}}

    return [
        event("Process Creation", "process", WORD, tgt__process__image__path=SHELL, tgt__process__uid="2",
              tgt__process__name=name_of(SHELL), tgt__process__cmdline=COMMAND, tgt__process__user="EXAMPLE\\alice"),
        event("File Creation", "file", tgt__file__path=DROPPED),
        event("Registry Value Create", "registry", registry__keyPath=f"MACHINE\\{RUN}\\upd", registry__value=DROPPED,
              registry__valueType="SZ"),
        event("IP Connect", "ip", MSHTA, src__ip__address="192.0.2.7", src__port__number=50100,
              dst__ip__address="198.51.100.23", dst__port__number=443, event__network__direction="OUTGOING",
              meta__event__name="TCPV4"),
        event("Module Load", "module", module__path=LIBRARY),
        event("Open Remote Process Handle", "cross_process", DROPPED, tgt__process__image__path=LSASS,
              tgt__process__name="lsass.exe", tgt__process__accessRights=RIGHTS),
        event("File Deletion", "file", tgt__file__path=PAYROLL),
        event("File Rename", "file", tgt__file__path=r"E:\june.zip", tgt__file__oldPath=PAYROLL),
        event("DNS Resolved", "dns", event__dns__request="c2.example.com", event__dns__response="198.51.100.23;"),
        {"id": "1", "threatInfo": {"threatId": "1", "threatName": "m.exe", "filePath": VOLUME + DROPPED[2:],
                                   "mitigationStatus": "mitigated", "updatedAt": "2025-06-14T08:15:02.5Z"},
         "agentRealtimeInfo": {"agentComputerName": "WS4", "agentOsType": "windows"},
         "mitigationStatus": [{"action": "quarantine", "status": "success"}], "indicators": []},
    ]  # fmt: skip


def carbonblack() -> list[Record]:
    def event(kind: str, action: str, image: str = SHELL, **told: Any) -> Record:
        own = {"type": f"endpoint.event.{kind}", "action": action, "device_name": "EXAMPLE\\WS5", "device_id": "5",
               "device_os": "WINDOWS", "device_timestamp": "2025-06-14 08:15:02.5 +0000 UTC",
               "process_path": image.lower(), "process_guid": "2" if image == SHELL else "3", "process_pid": 6700,
               "process_username": "EXAMPLE\\alice", "sensor_action": "ACTION_ALLOW"}  # fmt: skip
        return {**own, **told}

    return [
        event("procstart", "ACTION_CREATE_PROCESS", WORD, childproc_name=SHELL.lower(), childproc_guid="2",
              childproc_username="EXAMPLE\\alice", target_cmdline=COMMAND),
        event("filemod", "ACTION_FILE_CREATE", filemod_name=DROPPED.lower()),
        event("regmod", "ACTION_WRITE_VALUE", regmod_name=f"HKLM\\{RUN}\\upd"),
        event("netconn", "ACTION_CONNECTION_CREATE", MSHTA, local_ip="192.0.2.7", local_port=50100,
              remote_ip="198.51.100.23", remote_port=443, netconn_inbound=False, netconn_protocol="PROTO_TCP"),
        event("moduleload", "ACTION_LOAD_MODULE", modload_name=LIBRARY.lower()),
        event("crossproc", "ACTION_OPEN_PROCESS_HANDLE", DROPPED, crossproc_name=LSASS.lower(), crossproc_target=True),
        event("filemod", "ACTION_FILE_DELETE", filemod_name=PAYROLL.lower()),
        event("procstart", "ACTION_CREATE_PROCESS", DROPPED, sensor_action="ACTION_TERMINATE"),
    ]  # fmt: skip


def carbonblack_edr() -> list[Record]:
    def event(kind: str, image: str = SHELL, **told: Any) -> Record:
        own = {"type": f"ingress.event.{kind}", "cb_server": "cb.example.com", "computer_name": "WS6", "sensor_id": 6,
               "timestamp": 1749888902, "process_path": image.lower(),
               "process_guid": "2" if image == SHELL else "3", "pid": 6700}  # fmt: skip
        return {**own, **told}

    return [
        event("procstart", path=SHELL.lower(), command_line=COMMAND, parent_path=WORD.lower(),
              username="EXAMPLE\\alice"),
        event("filemod", action="create", path=DROPPED.lower()),
        event("regmod", action="writeval", path=f"\\registry\\machine\\{RUN}\\upd"),
        event("netconn", MSHTA, direction="outbound", local_ip="192.0.2.7", local_port=50100, protocol=6,
              remote_ip="198.51.100.23", remote_port=443),
        event("moduleload", path=LIBRARY.lower()),
        event("crossprocopen", DROPPED, requested_access=RIGHTS, target_path=LSASS.lower()),
        event("filemod", action="delete", path=PAYROLL.lower()),
        event("processblock", path=DROPPED.lower(), blocked_result="ProcessTerminated"),
    ]  # fmt: skip


AGENTS: Final[dict[str, Callable[[], list[Record]]]] = {
    "windows.sysmon": sysmon,
    "m365_defender.event": defender,
    "crowdstrike.fdr": crowdstrike,
    "sentinel_one_cloud_funnel.event": sentinelone,
    "carbon_black_cloud.endpoint_event": carbonblack,
    "carbonblack_edr.log": carbonblack_edr,
}
"""The telling of each agent, by the log source that reads its telemetry."""

OSQUERY: Final[list[Record]] = [
    {"name": "process_events", "hostIdentifier": "db1", "unixTime": 1749888902,
     "calendarTime": "Sat Jun 14 08:15:02 2025 UTC", "action": "added",
     "columns": {"pid": "811", "parent": "810", "path": "/usr/bin/cp", "uid": "1000",
                 "cmdline": "cp /srv/payroll/june.ods /mnt"}},
    {"name": "file_events", "hostIdentifier": "db1", "unixTime": 1749888903,
     "calendarTime": "Sat Jun 14 08:15:03 2025 UTC", "action": "added",
     "columns": {"target_path": "/srv/payroll/june.ods", "action": "ACCESSED", "uid": "1000"}},
    {"name": "file_events", "hostIdentifier": "db1", "unixTime": 1749888903,
     "calendarTime": "Sat Jun 14 08:15:03 2025 UTC", "action": "added",
     "columns": {"target_path": "/mnt/june.ods", "action": "CREATED", "uid": "1000"}},
]  # fmt: skip
"""A Linux host: a file of the payroll is copied away."""
