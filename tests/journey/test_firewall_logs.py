"""One connection let through and one refused, as each firewall writes them → the same events, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.journey.reading import events_of, write_files

ARRIVED: Final = datetime(2025, 6, 15, tzinfo=UTC)

PAN: Final = (
    "1,2025/06/14 08:15:02,007000000000001,TRAFFIC,{kind},2562,2025/06/14 08:15:02,192.0.2.10,203.0.113.5,,,"
    "{rule},,,ssl,"
    "vsys1,trust,untrust,ethernet1/2,ethernet1/1,all,2025/06/14 08:15:02,7,1,50123,443,0,0,0x0,tcp,{action},"
    "4760,660,4100,"
    "20,2025/06/14 08:14:30,30,any,,1,0x0,Japan,Japan,,11,9,tcp-fin"
)
SRX: Final = (
    "<14>1 2025-06-14T08:15:02Z fw1 RT_FLOW - RT_FLOW_SESSION_{tag} [junos@2636.1.1.1.2.129 "
    'source-address="192.0.2.10" '
    'source-port="50123" destination-address="203.0.113.5" destination-port="443" protocol-id="6" '
    'policy-name="{rule}" '
    'source-zone-name="trust" destination-zone-name="untrust"]'
)
FORTI: Final = (
    'date=2025-06-14 time=08:15:02 devname="fw1" devid="FGT0EXAMPLE0001" tz="+0000" logid="0000000013" '
    'type="traffic" '
    'subtype="forward" level="notice" vd="root" srcip=192.0.2.10 srcport=50123 srcintf="lan" '
    "dstip=203.0.113.5 dstport=443 "
    'dstintf="wan1" policyid=7 policyname="{rule}" proto=6 action="{action}" service="HTTPS" sentbyte=660 '
    "rcvdbyte=4100"
)
SOPHOS: Final = (
    'device_name="SFW" timestamp="2025-06-14T08:15:02+0000" device_model="XGS2100" device_serial_id="X1" '
    'log_id="010101600001" '
    'log_type="Firewall" log_component="Firewall Rule" log_subtype="{kind}" severity="Information" fw_rule_id="5" '
    'fw_rule_name="{rule}" src_ip="192.0.2.10" dst_ip="203.0.113.5" protocol="TCP" src_port=50123 dst_port=443'
)
UTM: Final = (
    '<30>2025:06:14-08:15:02 fw1 ulogd[47]: id="2000" severity="info" sys="SecureNet" sub="packetfilter" '
    'name="Packet" '
    'action="{action}" fwrule="{rule}" srcip="192.0.2.10" dstip="203.0.113.5" proto="6" srcport="50123" dstport="443"'
)
SONIC: Final = (
    'id=firewall sn=18B100000001 time="2025-06-14 08:15:02 UTC" fw=198.51.100.2 pri=6 c=64 m={code} msg="{text}" n=1 '
    'src=192.0.2.10:50123:X0 dst=203.0.113.5:443:X1 proto=tcp/https rule="{rule}"'
)
FILTERLOG: Final = (
    "Jun 14 08:15:02 fw1 filterlog[9]: 5,,,{rule},em0,match,{action},in,4,0x0,,64,1,0,DF,6,tcp,60,192.0.2.10,"
    "203.0.113.5,"
    "50123,443,0,S,1,,65535,,mss"
)
NETFILTER: Final = (
    "Jun 14 08:15:02 fw1 kernel: Shorewall:{rule}:{action}:IN=eth1 OUT=eth0 SRC=192.0.2.10 DST=203.0.113.5 "
    "LEN=60 TOS=0x00 "
    "PREC=0x00 TTL=63 ID=1 PROTO=TCP SPT=50123 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0"
)
FIREBOX: Final = (
    '<142>Jun 14 08:15:02 fw1 (2025-06-14T08:15:02) firewall: msg_id="3000-0148" {action} 1-Trusted '
    "0-External 60 tcp 20 63 "
    "192.0.2.10 203.0.113.5 50123 443 offset 10 S 1 win 64240 ({rule})"
)
CLOUDGEN: Final = (
    "<14>Jun 14 08:15:02 fw1 Info +00:00 {action}: type=FWD|proto=TCP|srcIF=eth1|srcIP=192.0.2.10|"
    "srcPort=50123|srcMAC=|"
    "dstIP=203.0.113.5|dstPort=443|dstService=https|dstIF=eth0|rule={rule}|info=x|srcNAT=0.0.0.0|"
    "dstNAT=0.0.0.0|duration=0"
)
AFM: Final = (
    '<134>Jun 14 08:15:02 fw1 tmm[1]: action="{action}",hostname="fw1",context_name="/Common/all",'
    'date_time="Jun 14 2025 08:15:02",dest_ip="203.0.113.5",dest_port="443",device_product="Network Firewall",'
    'device_vendor="F5",errdefs_msgno="23003137",ip_protocol="TCP",acl_rule_name="{rule}",source_ip="192.0.2.10",'
    'source_port="50123"'
)
CEF: Final = (
    "Jun 14 08:15:02 fw1 CEF:0|Fortinet|Fortigate|v7.4.1|00013|traffic:forward {action}|3|deviceExternalId=FGT0 "
    "FTNTFGTlogid=0000000013 cat=traffic:forward FTNTFGTsubtype=forward FTNTFGTlevel=notice src=192.0.2.10 spt=50123 "
    "dst=203.0.113.5 dpt=443 proto=6 act={action} FTNTFGTpolicyname={rule} app=HTTPS"
)

USG: Final = (
    "<190>Jun 14 2025 08:15:02 fw1 %%01POLICY/6/POLICY{action}(l)[12]:vsys=public, protocol=6, source-ip=192.0.2.10, "
    "source-port=50123, destination-ip=203.0.113.5, destination-port=443, source-zone=trust, "
    "destination-zone=untrust, rule-name={rule}."
)
NGFW: Final = (
    "CEF:0|FORCEPOINT|Firewall|6.10.6|70018|Connection|0|deviceExternalId=fw1 src=192.0.2.10 dst=203.0.113.5 spt=50123 "
    "dpt=443 proto=6 act={action} deviceFacility=Packet Filtering rt=Jun 14 2025 08:15:02 cs1Label=RuleId cs1={rule}"
)

LINES: Final[dict[str, tuple[str, str, str, str]]] = {
    "fortigate": (
        "fortinet.fortigate",
        FORTI.format(rule="out", action="close"),
        FORTI.format(rule="no", action="deny"),
        "rule.name",
    ),
    "fortigate behind syslog": (
        "fortinet.fortigate",
        "<189>" + FORTI.format(rule="out", action="accept"),
        "<189>" + FORTI.format(rule="no", action="deny"),
        "rule.name",
    ),
    "fortigate as csv": (
        "fortinet.fortigate",
        FORTI.format(rule="out", action="accept").replace(" ", ","),
        FORTI.format(rule="no", action="deny").replace(" ", ","),
        "rule.name",
    ),
    "fortigate as cef": (
        "fortinet.fortigate",
        CEF.format(rule="out", action="accept"),
        CEF.format(rule="no", action="deny"),
        "rule.name",
    ),
    "pan-os": (
        "panw.panos",
        PAN.format(kind="end", rule="out", action="allow"),
        PAN.format(kind="drop", rule="no", action="deny"),
        "rule.name",
    ),
    "sophos": (
        "sophos.xg",
        SOPHOS.format(kind="Allowed", rule="out"),
        SOPHOS.format(kind="Denied", rule="no"),
        "rule.name",
    ),
    "sophos utm": (
        "sophos.utm",
        UTM.format(action="accept", rule="out"),
        UTM.format(action="drop", rule="no"),
        "rule.id",
    ),
    "sonicwall": (
        "sonicwall.firewall",
        SONIC.format(code=98, text="Connection Opened", rule="out"),
        SONIC.format(code=36, text="TCP connection dropped", rule="no"),
        "rule.name",
    ),
    "pfsense": (
        "netgate.filterlog",
        FILTERLOG.format(rule="out", action="pass"),
        FILTERLOG.format(rule="no", action="block"),
        "rule.uuid",
    ),
    "netfilter": (
        "iptables.log",
        NETFILTER.format(rule="out", action="ACCEPT"),
        NETFILTER.format(rule="no", action="DROP"),
        "rule.name",
    ),
    "srx": (
        "juniper.srx",
        SRX.format(tag="CREATE", rule="out"),
        SRX.format(tag="DENY", rule="no"),
        "rule.name",
    ),
    "big-ip": (
        "f5.asm",
        AFM.format(action="Accept", rule="out"),
        AFM.format(action="Drop", rule="no"),
        "rule.name",
    ),
    "firebox": (
        "watchguard.firebox",
        FIREBOX.format(action="Allow", rule="out"),
        FIREBOX.format(action="Deny", rule="no"),
        "rule.name",
    ),
    "usg": (
        "huawei.usg",
        USG.format(action="PERMIT", rule="out"),
        USG.format(action="DENY", rule="no"),
        "rule.name",
    ),
    "forcepoint": (
        "forcepoint.ngfw",
        NGFW.format(action="Allow", rule="out"),
        NGFW.format(action="Discard", rule="no"),
        "rule.id",
    ),
    "cloudgen": (
        "barracuda.cloudgen",
        CLOUDGEN.format(action="Allow", rule="out"),
        CLOUDGEN.format(action="Block", rule="no"),
        "rule.name",
    ),
}
"""By firewall: its log source, a connection that is let through by `out`, one that `no` refuses, the rule's field."""

FLOW: Final = {
    "source.ip": "192.0.2.10",
    "source.port": 50123,
    "destination.ip": "203.0.113.5",
    "destination.port": 443,
    "network.transport": "tcp",
    "network.type": "ipv4",
    "@timestamp": datetime(2025, 6, 14, 8, 15, 2, tzinfo=UTC),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The events of each firewall's file."""
    folder = tmp_path_factory.mktemp("firewalls")
    files = {f"{name}.log": f"{allowed}\n{denied}\n" for name, (_, allowed, denied, _) in LINES.items()}
    return {path.stem: events for path, events in events_of(*write_files(folder, files, ARRIVED)).items()}


@pytest.mark.mission("S135")
@pytest.mark.parametrize("firewall", LINES)
def test_what_passes_and_what_does_not_leaves_the_same_trace(
    read: dict[str, list[dict[str, Any]]], firewall: str
) -> None:
    dataset, _, _, rule = LINES[firewall]
    allowed, denied = read[firewall]
    for event in (allowed, denied):
        assert event["event.dataset"] == dataset
        assert {name: event[name] for name in FLOW} == FLOW
        assert "network" in event["event.category"]
        assert event["event.action"]
    assert (allowed["event.outcome"], allowed[rule]) == ("success", "out")
    assert (denied["event.outcome"], denied[rule]) == ("failure", "no")
    assert "allowed" in allowed["event.type"]
    assert "denied" not in allowed["event.type"]
    assert "denied" in denied["event.type"]
    assert "allowed" not in denied["event.type"]


@pytest.mark.mission("S135")
def test_one_connection_has_one_name_whoever_saw_it(read: dict[str, list[dict[str, Any]]]) -> None:
    assert len(read) == len(LINES)
    (name,) = {event["network.community_id"] for events in read.values() for event in events}
    assert name.startswith("1:")


@pytest.mark.mission("S135")
def test_what_was_carried_is_counted(read: dict[str, list[dict[str, Any]]]) -> None:
    for firewall in ("fortigate", "fortigate as csv", "pan-os"):
        allowed, _ = read[firewall]
        assert (allowed["source.bytes"], allowed["destination.bytes"], allowed["network.bytes"]) == (660, 4100, 4760)
    assert read["pan-os"][0]["network.packets"] == 20
    assert read["pan-os"][0]["event.duration"] == 30_000_000_000
