"""Plaso's sample logs → how much of each file a named source reads, and how much of that has a time of its own.

`python -m tests.corpora.plaso [name]…` prints the rates. Upstream states what a file is by its name alone: each file
of text must be read by one of the sources below, and its records must not bear the time of their arrival.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from miharu.core.columns import GENERIC
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from tests.conftest import corpora_folder

CORPUS: Final = "plaso-test-data"

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "*AccessProtectionLog*": ("mcafee.*",),
    "*.asl": ("macos.asl",),
    "*install.log": ("macos.install",),
    "*launchd*": ("macos.system",),
    "*logd.?.log": ("ios.sysdiagnose",),
    "*security.log": ("macos.securityd",),
    "*android_logcat*": ("android.logcat",),
    "*appfirewall*": ("macos.appfirewall",),
    "*apt_history*": ("packages.apt_history",),
    "*audit_enriched*": ("auditd.log",),
    "*aws_elb*": ("aws.elb*",),
    "*bash_history*": ("bash.history",),
    "*confluence*": ("confluence.*", "apache.access"),
    "*cri.log": ("kubernetes.container_logs",),
    "*dpkg*": ("packages.dpkg",),
    "*iis*": ("iis.*",),
    "*ios_app_privacy*": ("ios.app_privacy",),
    "*lockdownd*": ("ios.lockdownd",),
    "*mobile_*": ("ios.sysdiagnose",),
    "*azure_activity*": ("azure.*",),
    "*gcp_logging*": ("gcp.*",),
    "*pccnt35*": ("trendmicro.officescan_virus",),
    "*OfcUrlf*": ("trendmicro.officescan_url",),
    "*popcontest*": ("debian.popularity_contest",),
    "*postgresql*": ("postgresql.log",),
    "*powershell_transcript*": ("windows.powershell_transcript",),
    "*santa*": ("santa.log",),
    "*sav.txt": ("sophos.av",),
    "*selinux*": ("auditd.log",),
    "*setupapi*": ("windows.setupapi",),
    "*sccm*": ("windows.sccm",),
    "*skydrive*": ("onedrive.skydrive",),
    "*suricata_alert_fast*": ("suricata.fast", "snort.*"),
    "*snort_alert_fast*": ("suricata.fast", "snort.*"),
    "*Symantec*": ("symantec.av_log",),
    "*sync_log*": ("google.drive_sync",),
    "*syslog*": ("system.*", "linux.*", "macos.*", "packages.*", "dnsmasq.*"),
    "*eamviewer*": ("teamviewer.*",),
    "*vsftpd*": ("vsftpd.*",),
    "*wifi*": ("macos.wifi",),
    "*firewall.log": ("windows.firewall_log",),
    "*xchat*": ("xchat.log",),
    "*zsh*": ("zsh.history",),
}
"""Files by their name, the first pattern that fits, and the sources one of which must read their records."""

WRONG_ON_PURPOSE: Final[Mapping[str, int]] = {
    "selinux.log": 3,
    "santa.log": 3,
    "syslog": 5,
    "syslog_rsyslog_traditional": 4,
    "syslog_rsyslog_ForwardFormat": 2,
    "appfirewall.log": 1,
}
"""Records that upstream made to be no records of their kind: broken dates, cut lines, other programs' remarks."""

UNDATED: Final[Mapping[str, int]] = {"iis10_cookies.log": 4, "iis6.log": 4, "iis7_sqli.log": 4}
"""Records that tell no time: W3C's directives."""


@dataclass(slots=True)
class Score:
    """Records by source; `dated` are those of the wanted sources whose time is not that of their arrival."""

    sources: Counter[str] = field(default_factory=Counter)
    wanted: tuple[str, ...] = ()
    dated: int = 0

    @property
    def records(self) -> int:
        return self.sources.total()

    @property
    def named(self) -> int:
        return sum(count for name, count in self.sources.items() if any(fnmatchcase(name, one) for one in self.wanted))

    def unread(self) -> int:
        return sum(count for name, count in self.sources.items() if name.startswith(GENERIC))


def present(corpora: Path) -> list[Path]:
    """Return the corpus's files of kinds that are known here."""
    files = sorted(path for path in (corpora / CORPUS).rglob("*") if path.is_file())
    return [path for path in files if wanted_of(path)]


def wanted_of(path: Path) -> tuple[str, ...]:
    place = f"{path.parent.name}/{path.name}"
    return next((sources for pattern, sources in KINDS.items() if fnmatchcase(place, pattern)), ())


@cache
def score(path: Path) -> Score:
    found = Score(wanted=wanted_of(path))
    settings = Settings()
    for batch in read_paths([path], make_reader(settings), settings):
        found.sources.update(f"reject {reason}" for reason in batch.rejects.get_column("reject.reason"))
        for event in batch.events.iter_rows(named=True):
            _count(found, event, path)
    return found


def _count(found: Score, event: Mapping[str, Any], path: Path) -> None:
    name = str(event["event.dataset"])
    found.sources[name] += 1
    if any(fnmatchcase(name, one) for one in found.wanted):
        arrived = path.stat().st_mtime
        found.dated += abs(event["@timestamp"].timestamp() - arrived) > 1


def main(names: Sequence[str]) -> None:
    for path in present(corpora_folder()):
        if names and path.name not in names:
            continue
        found = score(path)
        rates = f"named {found.named}, dated {found.dated} of {found.records}"
        sys.stdout.write(f"{path.name}: {rates}: {dict(found.sources)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
