r"""Nothing → the forms in which Windows events are put into words, as patterns.

A group's name is the canonical column (`miharu.parse.windows_names`) with `__` for the point, or one of `level`,
`date`, `stamp`, `priority`, `account`, `computer`, `head`, of which `windows_text` makes columns.

* `viewer`: Event Viewer's exports as text (tabs) and CSV, quoted as CSV is (RFC 4180); the text may cover many lines.
* `pasted`: `Warning - 5/11/2018 10:29:47 AM Kernel-EventTracing - 1 Logging`, as people write an event down.
* `splunk`: a date line, then `LogName=…`, `EventCode=…` to `Message=` and the text.
  https://docs.splunk.com/Documentation/Splunk/latest/Data/MonitorWindowseventlogdata
* `snare`: `MSWinEventLog`, then fields parted by tabs (`#011` where a syslog daemon escapes them).
  https://docs.nxlog.co/refman/current/xm/syslog.html (to_syslog_snare)
* `ossec`: `WinEvtLog: Security: AUDIT_FAILURE(4625): …`. https://www.ossec.net/docs
* `evtsys`: Eventlog-to-Syslog, `Security-Auditing: 4625: AUDIT_FAILURE …`.
* `nxlog`: `Microsoft-Windows-Security-Auditing[640]: An account …`, which leaves the number to the first sentence.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

import polars as pl

from miharu.catalog import Lookups, load_lookups
from miharu.parse.windows_dates import DATE

_CELL: Final = r'(?:"[^"]*"|[^"\t,\r\n]*)'
_STAMP: Final = r"[A-Z][a-z]{2}\x20+[0-9]{1,2}\x20[0-9]{2}:[0-9]{2}:[0-9]{2}"
_YEAR_STAMP: Final = r"[0-9]{4}\x20[A-Z][a-z]{2}\x20+[0-9]{1,2}\x20[0-9]{2}:[0-9]{2}:[0-9]{2}"
# RFC 3164, or RFC 5424 with nothing in it but time and host.
_HEADER: Final = (
    rf"(?:<(?P<priority>[0-9]{{1,3}})>(?:1\x20)?)?(?:(?P<stamp>{_STAMP}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T\S+)\x20"
    r"(?P<System__Computer>[^\s]+)\x20(?:\S+\x20\S+\x20\S+\x20-\x20)?)?"
)
_TAB: Final = r"(?:\t|\x23011)"
_FIELD: Final = r"[^\t\x23]*(?:\x23[^\t\x230][^\t\x23]*)*"
_USUAL: Final = ("level", "date", "System__Provider", "System__EventID", "Rendering__Task")
_TAGGED: Final = (
    "MSWinEventLog",
    "WinEvtLog: ",
    "LogName=",
    "AUDIT_SUCCESS",
    "AUDIT_FAILURE",
    "-Auditing[",
    "[NXLOG@14506 ",
)
_TAGS: Final = "|".join(map(pl.escape_regex, _TAGGED))  # of a few literals a regex engine is the quickest finder


def looks_like_windows_text(text: pl.Series) -> pl.Series:
    """Return which texts may be Windows events in words; quick, as every line is asked."""
    return text.str.contains(_TAGS) | text.str.contains(_begins())


@lru_cache(maxsize=64)
def viewer_form(header: str = "") -> str:
    """Return the pattern of an export's rows under a header; Event Viewer's usual columns where it names none."""
    known = tables()["windows_text_column"]
    names = [known.get(name.strip(' "').lower(), "") for name in re.split(r"[\t,]", header)]
    if not {"date", "System__EventID"} <= set(names):
        names = list(_USUAL)
    if "level" not in names:
        names = ["level" if name == "keywords" else name for name in names]
    written = {"level": _levels(), "date": DATE, "System__EventID": "[0-9]{1,5}"}
    cells = []
    for at, name in enumerate(names):
        inner = written.get(name)
        group = f"?P<{name}>" if name and name not in names[:at] else "?:"
        cells.append(rf'"?({group}{inner})"?' if inner else rf"({group}{_CELL})")
    row = r"[\t,]".join(cells)
    return rf"(?s)^{row}(?:[\t,](?P<Message>.*))?$"


@cache
def other_forms() -> dict[str, str]:
    """Return the pattern of each other form, in the order they are tried."""
    levels = _levels()
    return {
        "pasted": rf"""(?xs)^(?P<level>{levels})\x20-\x20(?P<date>{DATE})\x20(?P<System__Provider>[^\t\r\n]+?)\x20-\x20
            (?P<System__EventID>[0-9]{{1,5}})(?:\x20(?P<Rendering__Task>[^\r\n]*))?(?:\r?\n(?P<Message>.*))?$""",
        "splunk": rf"""(?xs)^(?:(?P<date>{DATE})[^\r\n]*\r?\n)?
            (?P<head>LogName=[^\r\n]*\r?\n(?:[A-Za-z_][A-Za-z_\ ]*=[^\r\n]*(?:\r?\n|$))*?)
            (?:Message=(?P<Message>.*))?$""",
        "snare": rf"""(?xs)^{_HEADER}MSWinEventLog{_TAB}[0-9]*{_TAB}(?P<System__Channel>{_FIELD}){_TAB}
            [0-9]*{_TAB}(?P<date>{_FIELD}){_TAB}(?P<System__EventID>[0-9]{{1,5}}){_TAB}
            (?P<System__Provider>{_FIELD}){_TAB}(?P<account>{_FIELD}){_TAB}(?P<User__Type>{_FIELD}){_TAB}
            (?P<level>{_FIELD}){_TAB}(?P<computer>{_FIELD}){_TAB}(?P<Rendering__Task>{_FIELD}){_TAB}
            {_FIELD}{_TAB}(?P<Message>.*?)(?:{_TAB}(?P<System__EventRecordID>[0-9]*)(?:{_TAB}[0-9a-f]*)?)?\s*$""",
        "ossec": rf"""(?xs)^(?:(?P<date>{_YEAR_STAMP})\x20)?{_HEADER}WinEvtLog:\x20(?P<System__Channel>[^:]+):\x20
            (?P<level>[A-Z_]+)\((?P<System__EventID>[0-9]{{1,5}})\):\x20(?P<System__Provider>[^:]+):\x20
            (?P<User__Name>[^:]*):\x20(?P<User__Domain>[^:]*):\x20(?P<computer>[^:]*):\x20(?P<Message>.*)$""",
        "evtsys": rf"""(?xs)^{_HEADER}(?P<System__Provider>[A-Z][A-Za-z_\-]*):\x20(?P<System__EventID>[0-9]{{1,5}}):\x20
            (?P<level>AUDIT_SUCCESS|AUDIT_FAILURE)\x20(?P<Message>.*)$""",
        "nxlog": rf"""(?xs)^{_HEADER}(?P<System__Provider>Microsoft-Windows-Security-Auditing)
            \[(?P<System__ProcessID>[0-9]+)\]:\x20(?P<Message>.*)$""",
    }


@cache
def tables() -> Lookups:
    """Return the lookup tables, in which the words of all languages stand."""
    return load_lookups()


@cache
def _begins() -> str:
    return rf'^"?{_levels()}(?:"?[\t,]"?| - )[0-9]{{1,4}}[/.-]'


@cache
def _levels() -> str:
    words = sorted(tables()["windows_text_level"], key=len, reverse=True)
    alternatives = "|".join(word.replace(" ", r"\x20") for word in words)
    return f"(?i:{alternatives})"
