"""Nothing → the containers and readers there are. Add a new one here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from miharu.parse.audit import is_audit, read_audit
from miharu.parse.containers import (
    Container,
    is_json_object,
    is_pairs,
    is_windows_xml,
    open_audit,
    open_delimited,
    open_journal,
    open_json,
    open_line,
    open_logins,
    open_pairs,
    open_ring,
    open_syslog,
    open_windows_text,
    open_windows_xml,
)
from miharu.parse.kernel_ring import is_ring
from miharu.parse.labelled import read_labelled
from miharu.parse.readers import (
    Reader,
    read_cef_text,
    read_columns,
    read_json_text,
    read_keyvalue,
    read_leef_text,
    read_path,
    read_xml_text,
)
from miharu.parse.regexes import read_regex
from miharu.parse.reports import read_report
from miharu.parse.windows_forms import looks_like_windows_text

CONTAINERS: Final[tuple[Container, ...]] = (
    Container("evtx", None, open_json, formats=("evtx",)),
    Container("journal", None, open_journal, formats=("journal",)),
    Container("report", None, open_line, formats=("report",)),
    Container("asl", None, open_json, formats=("asl",)),
    Container("utmp", None, partial(open_logins, "utmp"), formats=("utmp",)),
    Container("lastlog", None, partial(open_logins, "lastlog"), formats=("lastlog",)),
    Container("faillog", None, partial(open_logins, "faillog"), formats=("faillog",)),
    Container("json", is_json_object, open_json),
    Container("windows_xml", is_windows_xml, open_windows_xml),
    Container("windows_text", looks_like_windows_text, open_windows_text),
    Container("delimited", None, open_delimited, formats=("lines",)),
    Container("audit", is_audit, open_audit),
    Container("ring", is_ring, open_ring),
    Container("syslog", None, open_syslog),
    Container("keyvalue", is_pairs, open_pairs),
    Container("line", None, open_line),
)
"""Asked in this order; the last opens anything."""

READERS: Final[Mapping[str, Reader]] = {
    "regex": read_regex,
    "keyvalue": read_keyvalue,
    "delimited": read_columns,
    "labelled": read_labelled,
    "cef": read_cef_text,
    "leef": read_leef_text,
    "xml": read_xml_text,
    "json": read_json_text,
    "path": read_path,
    "audit": read_audit,
    "report": read_report,
}
