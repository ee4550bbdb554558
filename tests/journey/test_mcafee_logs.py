"""Logs of McAfee's and Trellix' endpoints, as they lie in their folders, and of ePolicy Orchestrator → events.

Where the mission says `my`, the name of a component stands: masvc, macmnsvc, UpdaterUI, McScript, FrmInst.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.journey.reading import events_of, write_files

ENS = "ProgramData/McAfee/Endpoint Security/Logs"
AGENT = "ProgramData/McAfee/Agent/logs"
SETUP = "Windows/Temp/McAfeeLogs"
VSE = "ProgramData/McAfee/DesktopProtection"


def ens(time: str, level: str, component: str, process: str, text: str) -> str:
    """One line of Endpoint Security, in its columns."""
    return (
        f"2025-06-14 {time}Z    |{level:8}|{component:20}|{process:25}|      4716|      "
        f"8700|{'BL':20}|{'bl.cpp(77)':40}| {text}\n"
    )


FILES: dict[str, str] = {
    f"{ENS}/OnAccessScan_Activity.log": ens(
        "08:15:02.822",
        "Activity",
        "oasbl",
        "mfetp",
        "EXAMPLE\\alice ran C:\\Windows\\explorer.exe, which attempted to access C:\\Users\\alice\\eicar.com. "
        "The test file named EICAR test file was detected and deleted.",
    ),
    f"{ENS}/OnDemandScan_Activity.log": ens(
        "08:16:02.603", "Activity", "odsbl", "mfetp", "\tScan completed EXAMPLE\\alice\tFull Scan (1:02:03)"
    ),
    f"{ENS}/AccessProtection_Activity.log": ens(
        "08:17:02.100",
        "Activity",
        "apbl",
        "mfetp",
        "EXAMPLE\\alice ran C:\\Temp\\tool.exe, which attempted to access C:\\Windows\\Tasks\\x.job, "
        "violating the rule "
        '"Tasks of others", and was blocked. For information about how to respond to this event, see the help.',
    ),
    f"{ENS}/ThreatPrevention_Debug.log": ens("08:18:02.100", "Debug", "EpSecApiLib", "mfetp", "policy read"),
    f"{ENS}/EndpointSecurityPlatform_Errors.log": ens(
        "08:19:02.100", "Error", "mfeupdate", "mfeesp", "Update failed: no repository could be reached"
    ),
    f"{ENS}/PackageManager_Activity.log": ens(
        "08:20:02.100", "Activity", "PackageManager", "mfeesp", "Installation of Threat Prevention completed"
    ),
    f"{AGENT}/masvc_PC-ALICE.log": "2025-06-14 08:15:02.632 masvc(1228.1240) property.Info: Agent "
    "started performing ASCI\n"
    "2025-06-14 08:15:03.004 masvc(1228.1240) ahclient.Error: Failed to connect to epo1.example.com\n",
    f"{AGENT}/UpdaterUI_PC-ALICE.log": "2025-06-14 08:21:02.632 UpdaterUI(900.904) updaterui.Info: "
    "Showing notification: restart needed\n",
    f"{AGENT}/McScript.log": "2025-06-14 08:22:02\ti\t#4711\tScrptExe\tStarting update session\n"
    "2025-06-14 08:22:09\ti\t#4711\tScrptExe\tUpdate Finished\n"
    "2025-06-14 08:23:09\te\t#4711\tScrptExe\tFailed to update: the site is not there\n",
    f"{SETUP}/FrmInst_PC-ALICE.log": "20250614082402\ti\t#1234\tFrmInst\tStarting installation of the framework\n"
    "20250614082409\ti\t#1234\tFrmInst\tThe framework was successfully installed\n",
    f"{SETUP}/MFEagent.msi.log": "=== Verbose logging started: 6/14/2025  8:24:03  Build type: SHIP "
    "UNICODE 5.00.10011.00  "
    "Calling process: C:\\Windows\\system32\\msiexec.exe ===\n"
    "MSI (s) (A0:1C) [08:24:09:322]: Windows Installer installed the product. Product Name: McAfee Agent. "
    "Product Version: 5.7.9.182. Product Language: 1033. Manufacturer: McAfee, LLC. "
    "Installation success or error status: 0.\n",
    f"{SETUP}/MFEagent_uninstall.msi.log": "MSI (s) (A0:1D) [09:24:09:322]: Windows Installer removed the product. "
    "Product Name: McAfee Agent. Product Version: 5.7.9.182. Product Language: 1033. Manufacturer: McAfee, LLC. "
    "Removal success or error status: 1603.\n",
    f"{VSE}/AccessProtectionLog.txt": "6/14/2025\t8:15:02 AM\tBlocked by Access Protection rule \tEXAMPLE\\alice\t"
    "C:\\Temp\\tool.exe\tC:\\Program Files\\McAfee\\McTray.exe\tCommon Standard Protection:Prevent termination\t"
    "Action blocked : Terminate\n",
    f"{VSE}/OnAccessScanLog.txt": "6/14/2025\t8:16:02 AM\tDeleted \tEXAMPLE\\alice\tC:\\Windows\\explorer.exe\t"
    "C:\\Users\\alice\\eicar.com\tEICAR test file (Test)\n",
    f"{VSE}/UpdateLog.txt": "6/14/2025\t8:17:02 AM\tNT AUTHORITY\\SYSTEM\tStarting task: AutoUpdate\n",
}
"""What stands in which file of an endpoint."""

XML = (
    "<MachineInfo><MachineName>PC-ALICE</MachineName><IPAddress>192.0.2.15</IPAddress></MachineInfo>"
    '<SoftwareInfo ProductName="McAfee Endpoint Security" ProductVersion="10.7.0" ProductFamily="TVD"><Event>'
    "<EventID>1278</EventID><Severity>3</Severity><GMTTime>2025-06-14T08:15:02</GMTTime><CommonFields>"
    "<ThreatCategory>av.detect</ThreatCategory><ThreatName>EICAR test file</ThreatName>"
    "<ThreatActionTaken>IDS_ALERT_ACT_TAK_DEL</ThreatActionTaken><TargetUserName>EXAMPLE\\alice</TargetUserName>"
    "<TargetFileName>C:\\Users\\alice\\eicar.com</TargetFileName></CommonFields></Event></SoftwareInfo>"
)
HEAD = 'epo1 EPOEvents - EventFwd [agentInfo@3401 tenantId="1"] '
SENT = "2025-06-14T08:15:33.0Z"
DECLARED = '<?xml version="1.0" encoding="UTF-8"?>'
EPO = {
    "syslog.log": f"<29>1 {SENT} {HEAD}{DECLARED}<EPOEvent>{XML}</EPOEvent>\n",
    "bom.log": f"<29>1 {SENT} {HEAD}\ufeff{DECLARED}<EPOEvent>{XML}</EPOEvent>\n",
    "malformed.log": f'{SENT} {HEAD}\ufeff<?xml version="1.0"encoding="UTF-8"?><EPOevent>{XML}</EPOevent>\n',
    "cef.log": "Jun 14 08:15:33 arc1 CEF:0|McAfee|ePolicy Orchestrator|5.10|1278|Infected file "
    "deleted|3|rt=1749888902000 "
    "dvc=192.0.2.15 dvchost=PC-ALICE duser=EXAMPLE\\\\alice fname=C:\\\\Users\\\\alice\\\\eicar.com "
    "cs1=EICAR test file "
    "cs1Label=Virus Name cat=av.detect act=deleted\n",
    "threats.csv": "DetectedUTC,AgentGUID,AnalyzerName,AnalyzerIPv4,TargetHostName,TargetUserName,"
    "TargetFileName,ThreatCategory,"
    "ThreatName,ThreatEventID,ThreatActionTaken\n2025-06-14T08:15:02Z,{0A1B2C3D-0000-4000-8000-000000000001},"
    "Trellix Endpoint Security,192.0.2.15,PC-ALICE,EXAMPLE\\alice,C:\\Users\\alice\\eicar.com,"
    "av.detect,EICAR test file,1278,"
    "IDS_ALERT_ACT_TAK_DEL\n",
    "query.json": '[{"EPOEvents.DetectedUTC":"2025-06-14T08:15:02Z","EPOEvents.AnalyzerName":"Trellix ENS",'
    '"EPOEvents.TargetHostName":"PC-ALICE","EPOEvents.AnalyzerIPV4":"192.0.2.15","EPOEvents.ThreatEventID":1278,'
    '"EPOEvents.ThreatName":"EICAR test file","EPOEvents.ThreatCategory":"av.detect",'
    '"EPOEvents.ThreatActionTaken":"IDS_ALERT_ACT_TAK_DEL",'
    '"EPOEvents.TargetFileName":"C:\\\\Users\\\\alice\\\\eicar.com",'
    '"EPOEvents.TargetUserName":"EXAMPLE\\\\alice"}]\n',
}
"""One threat, in each form in which ePolicy Orchestrator passes it on."""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The events of each file of a disk and of what the server sent."""
    disk = tmp_path_factory.mktemp("disk")
    return {path.name: events for path, events in events_of(*write_files(disk, FILES | EPO)).items()}


def told(event: dict[str, Any], *names: str) -> list[Any]:
    return [event.get(name) for name in names]


@pytest.mark.mission("S127")
@pytest.mark.parametrize("name", list(EPO))
def test_a_threat_in_every_form_of_epolicy_orchestrator(read: dict[str, list[dict[str, Any]]], name: str) -> None:
    event = read[name][-1]
    expected = {
        "event.dataset": "trellix_epo_on_prem.event",
        "@timestamp": datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC),
        "event.code": "1278",
        "event.kind": "alert",
        "event.category": ["malware", "file"],
        "event.action": "deleted",
        "event.outcome": "success",
        "threat.indicator.name": "EICAR test file",
        "file.path": "C:\\Users\\alice\\eicar.com",
        "user.name": "alice",
        "user.domain": "EXAMPLE",
        "host.name": "PC-ALICE",
        "trellix_epo_on_prem.event.threat_category": "av.detect",
    }
    assert {key: event.get(key) for key in expected} == expected


@pytest.mark.mission("S127")
def test_what_the_product_found_on_the_endpoint(read: dict[str, list[dict[str, Any]]]) -> None:
    (found,) = read["OnAccessScan_Activity.log"]
    assert told(found, "event.action", "event.outcome", "threat.indicator.name", "file.name", "user.name") == [
        *("threat-detected", "success", "EICAR test file", "eicar.com", "alice"),
    ]
    (scan,) = read["OnDemandScan_Activity.log"]
    assert told(scan, "event.action", "event.duration") == ["scan-completed", 3_723_000_000_000]
    (rule,) = read["AccessProtection_Activity.log"]
    assert told(rule, "event.action", "event.type", "rule.name", "process.name") == [
        *("rule-violated", ["denied"], "Tasks of others", "tool.exe"),
    ]
    (elder,) = read["AccessProtectionLog.txt"]
    assert told(elder, "event.type", "process.name", "file.name") == [["denied"], "tool.exe", "McTray.exe"]
    (elder,) = read["OnAccessScanLog.txt"]
    assert told(elder, "event.action", "threat.indicator.name") == ["deleted", "EICAR test file"]


@pytest.mark.mission("S128")
def test_levels_of_the_log(read: dict[str, list[dict[str, Any]]]) -> None:
    """At level none nothing is written; a level of event writes activity and errors, debug writes all."""
    levels = {
        name: [event["log.level"] for event in events]
        for name, events in read.items()
        if f"{ENS}/{name}" in FILES or name == "masvc_PC-ALICE.log"
    }
    assert levels == {
        "OnAccessScan_Activity.log": ["activity"],
        "OnDemandScan_Activity.log": ["activity"],
        "AccessProtection_Activity.log": ["activity"],
        "ThreatPrevention_Debug.log": ["debug"],
        "EndpointSecurityPlatform_Errors.log": ["error"],
        "PackageManager_Activity.log": ["activity"],
        "masvc_PC-ALICE.log": ["info", "error"],
    }


@pytest.mark.mission("S129")
def test_folders_of_the_endpoint_are_read_as_they_are(read: dict[str, list[dict[str, Any]]]) -> None:
    sources = {name: {str(event["event.dataset"]) for event in events} for name, events in read.items()}
    by_folder = {
        ENS: {"mcafee.endpoint_security"},
        AGENT: {"mcafee.agent"},
        VSE: {"mcafee.access_protection"},
        SETUP: {"mcafee.agent", "windows.msi"},
    }
    for path, text in FILES.items():
        folder, _, name = path.rpartition("/")
        assert sources[name] <= by_folder[folder], name
        assert len(read[name]) == text.count("\n")


@pytest.mark.mission("S130")
def test_agent_log(read: dict[str, list[dict[str, Any]]]) -> None:
    started, failed = read["masvc_PC-ALICE.log"]
    assert told(started, "event.action", "process.name", "process.pid", "process.thread.id") == [
        *("server-connection-started", "masvc", 1228, 1240),
    ]
    assert started["@timestamp"] == datetime(2025, 6, 14, 8, 15, 2, 632_000, tzinfo=UTC)
    assert told(failed, "event.action", "event.outcome", "log.logger") == [
        *("server-connection-failed", "failure", "ahclient"),
    ]


@pytest.mark.mission("S131")
def test_notices_log(read: dict[str, list[dict[str, Any]]]) -> None:
    (notice,) = read["UpdaterUI_PC-ALICE.log"]
    assert told(notice, "event.action", "process.name", "message") == [
        *("notice", "UpdaterUI", "Showing notification: restart needed"),
    ]


@pytest.mark.mission("S132")
def test_uninstall_log(read: dict[str, list[dict[str, Any]]]) -> None:
    (removed,) = read["MFEagent_uninstall.msi.log"]
    assert told(removed, "event.action", "event.outcome", "error.code", "package.name") == [
        *("removed", "failure", "1603", "McAfee Agent"),
    ]


@pytest.mark.mission("S133")
def test_update_log(read: dict[str, list[dict[str, Any]]]) -> None:
    assert [told(event, "event.action", "event.outcome", "log.level") for event in read["McScript.log"]] == [
        ["update-started", None, "info"],
        ["update-completed", "success", "info"],
        ["update-failed", "failure", "error"],
    ]
    assert read["UpdateLog.txt"][0]["event.action"] == "update-started"
    assert read["EndpointSecurityPlatform_Errors.log"][0]["event.action"] == "update-failed"


@pytest.mark.mission("S134")
def test_install_log(read: dict[str, list[dict[str, Any]]]) -> None:
    started, done = read["FrmInst_PC-ALICE.log"]
    assert told(started, "event.action", "@timestamp") == [
        *("installation-started", datetime(2025, 6, 14, 8, 24, 2, tzinfo=UTC)),
    ]
    assert told(done, "event.action", "event.outcome") == ["installation-completed", "success"]
    begun, installed = read["MFEagent.msi.log"]
    assert begun["@timestamp"] == datetime(2025, 6, 14, 8, 24, 3, tzinfo=UTC)
    assert told(installed, "event.action", "event.outcome", "package.name", "package.version") == [
        *("installed", "success", "McAfee Agent", "5.7.9.182"),
    ]
    assert read["PackageManager_Activity.log"][0]["event.action"] == "installation-completed"
