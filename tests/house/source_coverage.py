"""What the mission names of logs → which log sources read it, and what proves that they do.

`SOURCES_OF` says which log sources an item of the mission is about; all else on the page is counted: samples, fields
that their events hold, and the Sigma logsources whose rules meet them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from miharu.catalog import LogSource, load_logsources
from miharu.core.columns import LEFTOVERS
from tests.house import mission, sigma_coverage
from tests.house.sigma_coverage import table

_SECURITY: Final = ("windows.security",)
_ALL_LINUX: Final = ("linux.*", "system.*", "auditd.*", "iptables.*")

_AGENTS: Final = (
    *("windows.sysmon", "windows.defender", "osquery.*", "m365_defender.*", "microsoft_defender_endpoint.*"),
    *("crowdstrike.*", "sentinel_one*", "carbon_black_cloud.*", "carbonblack_edr.*"),
)
_SYMANTEC: Final = ("symantec_endpoint.log",)
_FIREWALLS: Final = (
    *("cisco.asa", "cisco.ftd", "checkpoint.*", "fortinet.*", "panw.*", "sophos.*", "sonicwall.*", "juniper.*", "f5.*"),
    *("netgate.*", "opnsense.*", "watchguard.*", "barracuda.*", "forcepoint.*", "huawei.usg", "iptables.*"),
)
_MONITORS: Final = ("zeek.*", "suricata.*", "snort.*", "arbor.*", "cef.*", "leef.*")
_ASA: Final = ("cisco.asa", "cisco.ftd")
_GATEWAY: Final = ("checkpoint.edge", "checkpoint.firewall")

SOURCES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "S70": ("windows.*",),
    "S71": ("windows.application", "windows.system", "windows.setupapi", "windows.cbs"),
    "S72": (*_SECURITY, "windows.defender", "windows.firewall*", "windows.applocker", "windows.codeintegrity"),
    "S73": ("windows.system", *_SECURITY, "windows.kernel*"),
    "S74": ("windows.application", "windows.system"),
    "S75": ("windows.security", "windows.system", "windows.application", "windows.eventlog"),
    "S76": _SECURITY,
    "S77": _SECURITY,
    "S78": _SECURITY,
    "S79": _SECURITY,
    "S80": _SECURITY,
    "S81": _SECURITY,
    "S82": _SECURITY,
    "S83": _SECURITY,
    "S84": (*_SECURITY, "windows.sysmon", "windows.powershell*"),
    "S85": (*_SECURITY, "windows.system"),
    "S86": ("apple.diagnostic_report",),
    "S87": ("macos.unified",),
    "S88": ("macos.unified",),
    "S89": ("apple.*", "macos.*", "ios.*"),
    "S90": _ALL_LINUX,
    "S91": (*_ALL_LINUX, "apache.*", "nginx.*", "mysql.*", "postgresql.*", "packages.*", "postfix.*"),
    "S92": ("linux.*", "system.*", "packages.*", "apache.*", "mysql.*", "postgresql.*", "mongodb.*", "bind.*"),
    "S93": ("system.syslog", "linux.syslog", "linux.kernel", "linux.cron", "generic.syslog"),
    "S94": ("system.auth", "linux.auth*"),
    "S95": ("linux.boot",),
    "S96": ("postfix.*", "sendmail.*", "dovecot.*", "exim.*", "opensmtpd.*", "courier.*", "cyrus.*", "qmail.*"),
    "S97": ("linux.kernel", "iptables.log"),
    "S98": ("linux.kernel", "linux.dmesg"),
    "S99": ("linux.faillog", "linux.utmp", "linux.wtmp", "linux.btmp", "linux.lastlog"),
    "S100": ("linux.cron", "system.cron", "cron.*"),
    "S101": ("packages.*",),
    "S102": ("apache.*", "nginx.*"),
    "S103": ("mysql.*",),
    **{f"S{number}": _AGENTS for number in range(109, 117)},
    **{f"S{number}": _SYMANTEC for number in range(117, 127)},
    "S127": ("mcafee.*", "trellix_epo_on_prem.*"),
    "S128": ("mcafee.endpoint_security",),
    "S129": ("mcafee.*",),
    "S130": ("mcafee.agent",),
    "S131": ("mcafee.*",),
    "S132": ("mcafee.*",),
    "S133": ("mcafee.*",),
    "S134": ("mcafee.*", "windows.msi"),
    "S135": _FIREWALLS,
    "S136": (*_FIREWALLS, *_MONITORS),
    "S137": _MONITORS,
    "S138": ("cisco.*",),
    "S139": _ASA,
    "S140": ("cisco.*",),
    **{f"S{number}": _ASA for number in range(141, 149)},
    **{f"S{number}": _GATEWAY for number in range(149, 166)},
}
"""Patterns of ids for each item; those of nobody are an error as a whole, not one by one."""

TRIED: Final = (
    *("windows.*", "linux.*", "system.*", "auditd.*", "iptables.*", "apache.*", "nginx.*", "mysql.*", "postgresql.*"),
    *("mongodb.*", "bind.*", "postfix.*", "sendmail.*", "dovecot.*", "exim.*", "opensmtpd.*", "courier.*", "cyrus.*"),
    *("qmail.*", "packages.dpkg", "osquery.*", "apple.*", "macos.asl", "macos.securityd", "macos.wifi"),
    *("macos.appfirewall", "ios.app_privacy", "ios.lockdownd", "ios.sysdiagnose", "symantec_endpoint.log"),
    *("mcafee.access_protection", "trellix_epo_on_prem.event", "checkpoint.firewall", "cisco.asa", "cisco.ios"),
    *("cisco.meraki", "cisco.wsa", "fortinet.fortigate", "fortinet.fortiweb", "panw.panos", "sonicwall.*", "f5.bigip"),
    *("juniper.srx", "netgate.filterlog", "sophos.av", "arbor.aps", "zeek.*", "suricata.*", "snort.log", "cef.*"),
)
"""Patterns of ids of log sources that were tried on records which others published; the rest is from documentation."""
_UNTRIED: Final = (
    *("snort.log", "zeek.dhcp", "zeek.inventory", "zeek.log", "zeek.notice", "windows.msi", "windows.bits"),
    *("windows.print", "windows.certificates", "windows.ntlm", "windows.lsa", "linux.faillog", "linux.lastlog"),
)


@cache
def shipped() -> Mapping[str, LogSource]:
    """Return the shipped log sources by their id."""
    return {source.id: source for source in load_logsources()}


def sources_of(item: str) -> list[LogSource]:
    """Return the log sources that an item of the mission is about."""
    patterns = SOURCES_OF[item]
    return [one for name, one in sorted(shipped().items()) if any(fnmatchcase(name, pattern) for pattern in patterns)]


def tried_on(name: str) -> str:
    """Return what a log source was tried on, in the page's words."""
    seen = any(fnmatchcase(name, pattern) for pattern in TRIED) and name not in _UNTRIED
    return "published records" if seen else "from documentation"


def fields_of(source: LogSource) -> set[str]:
    """Return the fields that the events of its samples hold."""
    events = [sample.expect for sample in source.tests if sample.expect]
    return {name for event in events for name in event if name != LEFTOVERS}


@cache
def fed_by() -> Mapping[str, list[str]]:
    """Return for each log source the Sigma logsources whose rules meet its events."""
    known = sigma_coverage.filling()
    found: dict[str, list[str]] = defaultdict(list)
    for logsource in sigma_coverage.read():
        for name in known.sources_of(logsource):
            found[name].append("/".join(word for word in logsource if word))
    return found


def page(made: str) -> str:
    """Return the page; `made` is the note of who makes it."""
    titles = {item.id: item.title for item in mission.items()}
    proofs = defaultdict(set)
    for proof in mission.proofs():
        proofs[proof.item].add(proof.path)
    lines = [
        "# Coverage of the logs that the mission names",
        "",
        "For each log that the mission names: the log sources that read it, how many sample records their files hold",
        "(each with its complete event), whether they were tried on records that others published or are written from",
        "documentation alone, how many fields those events fill, and which Sigma logsources they feed.",
        f"{made} from `content/logsources`, `content/sigma` and `tests/house/source_coverage.py`.",
    ]
    for item in SOURCES_OF:
        lines += ["", f"## {item} {titles[item]}", ""]
        lines += table(
            ["log source", "samples", "tried on", "fields", "Sigma logsources"], [_row(one) for one in sources_of(item)]
        )
        tests = ", ".join(f"`{path}`" for path in sorted(proofs[item])) or "none yet"
        lines += ["", f"Proved by: {tests}."]
    return "\n".join([*lines, ""])


def _row(source: LogSource) -> list[str]:
    samples = sum(sample.expect is not None for sample in source.tests)
    fed = fed_by().get(source.id, [])
    link = f"[`{source.id}`](../../content/{source.path})"
    return [
        link,
        str(samples),
        tried_on(source.id),
        str(len(fields_of(source))),
        ", ".join(f"`{name}`" for name in fed),
    ]
