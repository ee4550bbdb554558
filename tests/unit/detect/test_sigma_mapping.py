"""The shipped mapping answers for the logsources it knows; faults in a mapping are listed with their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from miharu.catalog import FieldTarget, LogSource, load_fields, load_logsources, load_sigma_mapping
from miharu.core.columns import RECORD_SCHEMA
from miharu.core.errors import ContentError
from miharu.detect import Detector
from miharu.detect.columns import BatchColumns
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.detect.rulecraft import batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

SYSMON = {"event.dataset": "windows.sysmon", "winlog.channel": "Microsoft-Windows-Sysmon/Operational"}


def test_every_windows_category_and_service_resolves() -> None:
    mapping = load_sigma_mapping()
    (windows,) = (family for family in mapping.families if family.product == "windows")
    for category in windows.categories:
        (route,) = mapping.resolve("windows", category, None)
        assert route.entity == ("host.name", "user.name")
    for service in windows.services:
        assert mapping.resolve("windows", None, service)
    assert mapping.resolve("windows", "no_such_category", None) == ()
    assert mapping.resolve("no_such_product", None, None) == ()
    assert mapping.resolve(None, None, None)


def test_fields_are_found_by_scope_then_family_then_default() -> None:
    mapping = load_sigma_mapping()
    (windows,) = mapping.resolve("windows", "process_creation", None)
    assert windows.target("EventID") == FieldTarget(("event.code",))
    assert windows.target("Whatever") == FieldTarget(("winlog.event_data.Whatever",))
    assert windows.target("Data").every
    (web,) = mapping.resolve(None, "webserver", None)
    assert web.target("sc-status") == FieldTarget(("http.response.status_code",))
    assert web.target("src_ip") == FieldTarget(("source.ip",))


def test_a_category_without_product_means_that_of_every_product() -> None:
    names = {route.name for route in load_sigma_mapping().resolve(None, "process_creation", None)}
    assert {"windows/process_creation/*", "linux/process_creation/*"} <= names
    ruleset = compiled(
        [rule({"s": {"Image|endswith": "sh"}, "condition": "s"}, logsource={"category": "process_creation"})],
        load_sigma_mapping(),
    )
    events = batch(
        [
            {**SYSMON, "event.code": "1", "process.executable": "C:\\pwsh"},
            {
                "event.dataset": "linux.sysmon",
                "winlog.channel": None,
                "event.code": "1",
                "process.executable": "/bin/sh",
            },
            {**SYSMON, "event.code": "3", "process.executable": "C:\\pwsh"},
        ]
    )
    assert hits(ruleset, events) == {("rule", 0), ("rule", 1)}


@pytest.mark.parametrize(
    ("logsource", "row", "applies"),
    [
        ({"product": "windows", "category": "process_creation"}, {**SYSMON, "event.code": "1"}, True),
        ({"product": "windows", "category": "process_creation"}, {**SYSMON, "event.code": "11"}, False),
        (
            {"product": "windows", "service": "security"},
            {"event.dataset": "windows.security", "winlog.channel": "security"},
            True,
        ),
        ({"product": "windows"}, {"event.dataset": "windows.anything"}, True),
        ({"product": "windows"}, {"event.dataset": "system.auth"}, False),
        ({"product": "linux", "service": "sshd"}, {"event.dataset": "system.auth", "process.name": "sshd"}, True),
        ({"product": "linux", "service": "sshd"}, {"event.dataset": "system.auth", "process.name": "sudo"}, False),
        ({"product": "linux", "service": "sudo"}, {"event.dataset": "generic.syslog", "process.name": "sudo"}, True),
        ({"category": "webserver"}, {"event.dataset": "nginx.access"}, True),
        ({"category": "firewall"}, {"event.dataset": "cisco.asa"}, True),
        ({"service": "apache"}, {"event.dataset": "apache.access"}, True),
    ],
)
def test_rows_of_a_logsource(logsource: dict[str, str], row: dict[str, str], applies: bool) -> None:  # noqa: FBT001
    ruleset = compiled([rule({"s": {"f": "x"}, "condition": "not s"}, logsource=logsource)], load_sigma_mapping())
    assert ruleset.problems == []
    assert (hits(ruleset, batch([row])) == {("rule", 0)}) is applies


def test_the_first_column_that_has_a_value_counts_unless_all_do() -> None:
    logsource = {"product": "windows", "category": "image_load"}
    detections = {
        "first": {"s": {"ImageLoaded": "two"}, "condition": "s"},
        "every": {"s": {"Data": "two"}, "condition": "s"},
        "none": {"s": {"Data": None}, "condition": "s"},
    }
    ruleset = compiled(
        [rule(what, name, logsource=logsource) for name, what in detections.items()], load_sigma_mapping()
    )
    row = {**SYSMON, "event.code": "7"}
    names = ("dll.path", "file.path", "winlog.event_data.param1", "winlog.event_data.param3")
    cells = [
        ("one", "two", "one", "two"),
        (None, "two", None, None),
        ("two", "one", "two", None),
        (None, None, "", None),
    ]
    events = batch([{**row, **dict(zip(names, cell, strict=True))} for cell in cells])
    assert hits(ruleset, events) == {("first", 1), ("first", 2), ("every", 0), ("every", 2), ("none", 1)}
    found = Detector(ruleset).run(events)
    assert '{"file.path":"two"}' in found["matched"].to_list()


def test_faults_of_a_mapping_are_all_listed(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "product: x\nwhere: text\ndefault: fixed\nentitty: [a]\nfields:\n  A: []\n"
        "categories:\n  c: {event.code: {ends: '1'}}\n  d: {event.code: []}\n"
    )
    (tmp_path / "worse.yml").write_text("product: [\n")
    with pytest.raises(ContentError) as raised:
        load_sigma_mapping(tmp_path)
    told = [(issue.path.rsplit("/", 1)[-1], issue.line, issue.key) for issue in raised.value.issues]
    assert {line for name, line, _ in told if name == "bad.yml"} == {2, 3, 4, 6, 8, 9}
    assert any(name == "worse.yml" for name, _, _ in told)
    assert any("did you mean 'entity'?" in issue.hint for issue in raised.value.issues)


# -- a rule of each family over the samples of the log sources it is for ----------------------------
@cache
def sources() -> tuple[LogSource, ...]:
    return tuple(load_logsources())


@cache
def events_of(name: str) -> pl.DataFrame:
    """The events of all samples of one log source, through the real parser and normaliser."""
    (source,) = (source for source in sources() if source.id == name)
    records = [sample.record.rstrip("\n").encode() for sample in source.tests if not sample.refuse]
    when = datetime(2025, 6, 15, 12, tzinfo=UTC)
    rows = [(place, f"{place:032}", raw, 0, "sample.log", when) for place, raw in enumerate(records)]
    frame = pl.DataFrame(rows, schema=RECORD_SCHEMA, orient="row")
    parsed = Parser(sources(), "UTC").read("lines", frame)
    return Normaliser(sources(), load_fields(), "UTC").run(parsed.fields, when)


FAMILIES: list[tuple[str, dict[str, str], dict[str, Any] | list[str]]] = [
    ("aws.cloudtrail", {"product": "aws", "service": "cloudtrail"},
     {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "userIdentity.type": "IAMUser",
      "userIdentity.arn|endswith": ":user/alice", "sourceIPAddress": "192.0.2.10",
      "requestParameters|contains": "backup"}),
    ("aws.cloudtrail", {"product": "aws", "service": "cloudtrail"},
     {"eventName": "ConsoleLogin", "responseElements.ConsoleLogin": "Failure", "additionalEventData.MFAUsed": "NO"}),
    ("azure.activitylogs", {"product": "azure", "service": "activitylogs"},
     {"operationName|startswith": "MICROSOFT.NETWORK/NETWORKSECURITYGROUPS", "CategoryValue": "Administrative",
      "ResourceProviderValue": "Microsoft.Network", "ResourceId|contains": "/shop/"}),
    ("azure.auditlogs", {"product": "azure", "service": "auditlogs"},
     {"properties.message": "Add member to role", "Status": "success", "LoggedByService": "Core Directory",
      "TargetResources.ModifiedProperties.DisplayName": "Role.DisplayName",
      "properties.targetResources|contains": "Administrator"}),
    ("azure.auditlogs", {"product": "azure", "service": "auditlogs"}, {"ConsentContext.IsAdminConsent": "false"}),
    ("azure.signinlogs", {"product": "azure", "service": "signinlogs"},
     {"ResultType": 50126, "Username": "bob@example.com", "AuthenticationRequirement": "multiFactorAuthentication"}),
    ("azure.signinlogs", {"product": "azure", "service": "signinlogs"},
     {"resultType": 0, "NetworkLocationDetails": None, "DeviceDetail.deviceId": "", "location": "JP"}),
    ("azure.identity_protection", {"product": "azure", "service": "riskdetection"},
     {"riskEventType": "unfamiliarFeatures"}),
    ("azure.identity_protection", {"product": "azure", "service": "pim"}, {"riskEventType": "anonymizedIPAddress"}),
    ("gcp.audit", {"product": "gcp", "service": "gcp.audit"},
     {"gcp.audit.method_name": "v*.compute.firewalls.insert", "data.protoPayload.authorizationInfo.granted": "true",
      "data.protoPayload.serviceName": "compute.googleapis.com"}),
    ("gcp.audit", {"product": "gcp", "service": "google_workspace.admin"},
     {"eventName": "CHANGE_APPLICATION_SETTING", "setting_name|startswith": "ContextAware", "new_value": "false"}),
    ("google_workspace.activity", {"product": "gcp", "service": "google_workspace.admin"},
     {"eventService": "admin.googleapis.com", "eventName": "CHANGE_APPLICATION_SETTING", "new_value": "false"}),
    ("google_workspace.activity", {"product": "gcp", "service": "google_workspace.login"},
     {"protoPayload.metadata.event.eventName": "login_failure"}),
    ("m365.audit", {"product": "m365", "service": "audit"},
     {"Operation": "New-InboxRule", "Parameters|contains": "ForwardTo", "ResultStatus": "true",
      "ObjectId|endswith": "Rule"}),
    ("m365.audit", {"product": "m365", "service": "threat_management"},
     {"eventSource": "SecurityComplianceCenter", "eventName": "Impossible travel activity", "status": "success"}),
    ("okta.system", {"product": "okta", "service": "okta"},
     {"eventType": "policy.evaluate_sign_on", "target.displayName": "Okta Admin Console",
      "debugContext.debugData.behaviors|contains": "POSITIVE"}),
    ("okta.system", {"product": "okta", "service": "okta"},
     {"actor.alternateId": "0oa7service", "securityContext.isProxy": "true", "outcome.result": "FAILURE"}),
    ("onelogin.events", {"product": "onelogin", "service": "onelogin.events"}, {"event_type_id": 532}),
    ("github.audit", {"product": "github", "service": "audit"}, {"action": "repo.destroy", "repo|endswith": "/shop"}),
    ("bitbucket.audit", {"product": "bitbucket", "service": "audit"},
     {"auditType.category": "Authentication", "auditType.action": "User login failed(SSH)"}),
    ("kubernetes.audit", {"product": "kubernetes", "category": "application", "service": "audit"},
     {"verb": "create", "objectRef.resource": "pods", "hostPath": "*", "capabilities": "*",
      "objectRef.namespace": "kube-system"}),
    ("kubernetes.audit", {"product": "kubernetes", "service": "audit"},
     {"responseStatus.code": [401, 403], "requestURI|endswith": "secrets"}),
    ("kubernetes.audit", {"product": "kubernetes", "service": "audit"}, {"responseStatus.code": "ALLOW"}),
    ("zeek.conn", {"product": "zeek", "service": "conn"}, {"conn_state": "REJ", "id.resp_p": 22}),
    ("zeek.conn", {"category": "firewall"}, {"dst_ip": "198.51.100.7", "dst_port": 443}),
    ("zeek.dns", {"product": "zeek", "service": "dns"},
     {"query|endswith": ".example.com", "answers": "203.0.113.5", "Z": 0, "rejected": "false"}),
    ("zeek.dns", {"category": "dns"}, {"query": "nowhere.example.com"}),
    ("zeek.http", {"product": "zeek", "service": "http"},
     {"uri|contains": "tool.exe", "resp_mime_types": "application/x-dosexec", "client_header_names": "HOST"}),
    ("zeek.http", {"category": "proxy"},
     {"c-uri|contains": "tool.exe", "cs-method": "GET", "cs-host": "www.example.com"}),
    ("zeek.ssl", {"product": "zeek", "service": "ssl"}, {"server_name": "www.example.com", "version": "TLSv13"}),
    ("zeek.smb_files", {"product": "zeek", "service": "smb_files"}, {"path|endswith": "\\IPC$", "name": "atsvc"}),
    ("zeek.smb_mapping", {"product": "zeek", "service": "smb_mapping"}, {"path|endswith": "C$", "share_type": "DISK"}),
    ("zeek.dce_rpc", {"product": "zeek", "service": "dce_rpc"}, {"endpoint": "svcctl", "operation": "CreateServiceW"}),
    ("zeek.kerberos", {"product": "zeek", "service": "kerberos"}, {"request_type": "TGS", "cipher": "rc4-hmac"}),
    ("zeek.rdp", {"product": "zeek", "service": "rdp"}, {"id.orig_h|cidr": "192.0.2.0/24", "cookie": "alice"}),
    ("zeek.x509", {"product": "zeek", "service": "x509"}, {"certificate.serial": "08BB00EE"}),
    ("zeek.session", {"product": "zeek", "service": "irc"}, {"command": "JOIN", "nick": "bot7", "value": "#room"}),
    ("zeek.notice", {"product": "zeek", "service": "notice"},
     {"note": "Scan::Address_Scan", "src|cidr": "192.0.2.0/24"}),
    ("zeek.notice", {"product": "zeek", "service": "intel"},
     {"seen.indicator": "bad.example.com", "sources": "list-b"}),
    ("suricata.eve", {"category": "dns"}, {"query": "gone.example.com", "record_type": "AAAA"}),
    ("suricata.eve", {"category": "proxy"}, {"c-uri|endswith": ".exe?x=1", "sc-status": 200}),
    ("suricata.eve", {"product": "suricata", "service": "alert"},
     {"alert.signature|contains": "traversal", "alert.action": "allowed", "src_ip": "203.0.113.7"}),
    ("snort.log", {"product": "snort"}, {"msg|startswith": "LOCAL", "sid": "9000074", "action": "drop"}),
    ("zeek.files", {"product": "zeek", "service": "files"}, {"filename": "tool.exe", "source": "HTTP"}),
    ("auditd.log", {"product": "linux", "service": "auditd"},
     {"type": "EXECVE", "a0": "sh", "a1": "-c", "a2|contains": "/etc/passwd"}),
    ("auditd.log", {"product": "linux", "service": "auditd"},
     {"type": "SYSCALL", "SYSCALL": "execve", "exe": "/usr/bin/dash", "key": "exec", "euid": 0}),
    ("auditd.log", {"product": "linux", "service": "auditd"}, {"type": "PATH", "name|contains": "/two words"}),
    ("auditd.log", {"product": "linux", "service": "auditd"}, {"type": "SERVICE_STOP", "unit": "auditd"}),
    ("auditd.log", {"product": "linux", "category": "process_creation"}, {"CommandLine|contains": "| nc "}),
    ("auditd.log", {"product": "linux", "category": "process_creation"}, {"Image|endswith": "/dash"}),
    ("auditd.log", {"product": "linux", "category": "file_event"},
     {"TargetFilename|startswith": "/home/alice/.config"}),
    ("squid.access", {"category": "proxy"},
     {"c-uri|contains": "http://www.example.com/load/", "c-uri-extension": "exe", "sc-status": 200,
      "cs-host": "www.example.com"}),
    ("squid.access", {"category": "proxy"}, {"c-useragent": "Frob/1.0", "cs-uri-stem": "/gate.php"}),
    ("macos.endpoint", {"product": "macos", "category": "process_creation"},
     {"Image": "/usr/bin/curl", "ParentImage": "/bin/zsh", "CommandLine|contains": "-o /tmp/two words http"}),
    ("macos.endpoint", {"product": "macos", "category": "file_event"},
     {"TargetFilename|startswith": "/Library/LaunchDaemons/", "Image|endswith": "/touch"}),
    ("macos.unified", {"product": "macos"}, ["incorrect password attempts"]),
    ("fortinet.fortigate", {"product": "fortigate", "service": "event"},
     {"action": "Add", "cfgpath": "firewall.policy"}),
    ("fortinet.fortigate", {"category": "firewall"}, {"action": "deny", "dst_port": 443}),
    ("fortinet.fortigate", {"category": "proxy"}, {"cs-host": "www.example.com", "c-uri": "/gate.php?id=7"}),
    ("panw.panos", {"category": "firewall"}, {"action": "deny", "dst_port": 23, "src_ip": "2001:db8::10"}),
    ("panw.panos", {"category": "proxy"}, {"cs-host": "www.example.com", "c-uri|contains": "gate,1.php"}),
    ("panw.panos", {"category": "antivirus"}, {"Signature|startswith": "Windows Executable"}),
    ("sophos.xg", {"category": "firewall"}, {"action": "Denied", "dst_port": 23}),
    ("sophos.xg", {"category": "proxy"}, {"c-uri|endswith": "gate.php?id=7"}),
    ("sophos.utm", {"category": "firewall"}, {"action": "drop", "dst_port": 23}),
    ("sonicwall.firewall", {"category": "firewall"}, {"action": "drop", "dst_port": 445}),
    ("juniper.srx", {"category": "proxy"}, {"cs-host": "www.example.com", "cs-uri-stem": "/gate.php"}),
    ("f5.asm", {"category": "firewall"}, {"action": "Reject", "dst_port": 23}),
    ("huawei.usg", {"category": "firewall"}, {"action": "policydeny", "dst_port": 161}),
    ("netgate.filterlog", {"category": "firewall"}, {"action": "block", "dst_port": 22}),
    ("fortinet.fortigate", {"product": "fortigate"}, {"logdesc": "DHCP Ack log"}),
    ("opencanary.log", {"product": "opencanary", "category": "application"}, {"logtype": 4002}),
    ("cisco.duo", {"product": "cisco", "service": "duo"}, {"event_type": "authentication", "reason": "bypass_user"}),
    ("cisco.ios", {"product": "cisco", "service": "aaa"}, ["no logging"]),
    ("cisco.ios", {"product": "cisco", "service": "bgp"}, {"|all": [":9(50123)", "BADAUTH"]}),
    ("cisco.nxos", {"product": "cisco", "service": "syslog"}, ["Configured from vty"]),
    ("cisco.ios", {"category": "authentication"}, {"action": "failure", "user": "root"}),
    ("generic.line", {"product": "django", "category": "application"}, ["brown fox"]),
    ("generic.syslog", {"product": "juniper", "service": "bgp"}, ["quota of unit 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "logsource", "selection"), FAMILIES)
def test_a_rule_fires_on_a_sample(
    source: str, logsource: dict[str, str], selection: dict[str, Any] | list[str]
) -> None:
    ruleset = compiled([rule({"s": selection, "condition": "s"}, logsource=logsource)], load_sigma_mapping())
    assert ruleset.problems == []
    assert Detector(ruleset).run(events_of(source)).height == 1


def test_a_file_may_speak_of_several_products() -> None:
    mapping = load_sigma_mapping()
    (python,), (java,) = (mapping.resolve(product, "application", None) for product in ("python", "jvm"))
    assert (python.conditions, python.default) == (java.conditions, java.default)
    assert python.name != java.name


VENDORS = {
    name: logsource
    for name, logsource, _ in reversed(FAMILIES)
    if logsource.get("product") in {"aws", "azure", "bitbucket", "github", "kubernetes", "okta", "onelogin", "zeek"}
    or name in {"gcp.audit", "m365.audit", "cisco.duo", "opencanary.log"}
    if name != "zeek.notice"  # several logs, each a service with names of its own
}
RETOLD = re.compile(
    r"(?i)(?:^|\.)(?:\S*time|\S*timestamp|ts|_write_ts|published|created_at|epochsecond|durationms|duration|rtt|_path"
    r"|from|till|up_since|times\.\w+|not_valid_before|not_valid_after)$"
)
"""Names whose value is told in another form: times, durations, and the kind of a Zeek log, which is its dataset."""
SHORTENED = {("m365.audit", "ClientIP"), ("bitbucket.audit", "source")}
"""An address is told without the port and the proxies that a record writes with it."""


def leaves(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{prefix}{key}.")
        elif inner is not None and not isinstance(inner, list):
            yield prefix + key, inner if isinstance(inner, str) else json.dumps(inner)


@pytest.mark.parametrize(("source", "logsource"), VENDORS.items())
def test_every_name_of_a_vendor_reads_what_the_record_says(source: str, logsource: dict[str, str]) -> None:
    """Whatever column a value went to, a rule that uses the vendor's own name finds it there."""
    (route,) = load_sigma_mapping().resolve(*(logsource.get(key) for key in ("product", "category", "service")))
    batch_of_samples = events_of(source).filter(pl.col("event.original").cast(pl.String).str.starts_with("{"))
    assert batch_of_samples.height
    columns = BatchColumns(batch_of_samples)
    records = [json.loads(raw) for raw in batch_of_samples["event.original"]]
    asked = {(row, *leaf) for row, record in enumerate(records) for leaf in leaves(record)}
    columns.read_leftovers({column for _, name, _ in asked for column in route.target(name).columns})
    lost = []
    for row, name, value in asked:
        held = [column.texts[row] for each in route.target(name).columns if (column := columns.whole(each)) is not None]
        if value.casefold() not in {text.casefold() for text in held if text is not None}:
            lost.append(name)
    assert {name for name in lost if not RETOLD.search(name) and (source, name) not in SHORTENED} == set()
    assert len(lost) < len(asked)
