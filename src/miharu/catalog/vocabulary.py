"""Nothing → the closed vocabulary of log sources: every word a content file may use besides field names.

The stages that do the work hold one table each (`CONTAINERS`, `READERS`, `CONVERSIONS`, `TIME_FORMATS`);
tests hold those tables equal to these lists.
"""

from __future__ import annotations

from typing import Final

CONTAINERS: Final = ("line", "syslog", "json", "windows", "keyvalue")
"""How a record is wrapped."""

TESTS: Final = ("equals", "in", "starts", "ends", "contains", "matches", "exists")
"""Tests on a field that was read, cheapest first."""

READERS: Final = ("regex", "keyvalue", "json")

TIME_FORMATS: Final = (
    "iso8601",
    "syslog",
    "apache",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "filetime",
)
"""Named formats; any text with `%` is a strftime format."""

CONVERSIONS: Final = (
    "account_domain",
    "account_name",
    "address_domain",
    "basename",
    "boolean",
    "decimal",
    "dirname",
    "duration_clock",
    "duration_ms",
    "duration_s",
    "duration_us",
    "email_domain",
    "extension",
    "hash_imphash",
    "hash_md5",
    "hash_sha1",
    "hash_sha256",
    "hash_sha512",
    "hex_integer",
    "http_version",
    "integer",
    "ip",
    "list",
    "lowercase",
    "mac",
    "network_direction",
    "no_dash",
    "text",
    "trim",
    "uppercase",
    "url_domain",
    "url_extension",
    "url_path",
    "url_port",
    "url_query",
    "url_scheme",
)
"""Named conversions from what was read to what is stored."""

CONTAINER_MAP: Final[dict[str, dict[str, str]]] = {
    "line": {},
    "syslog": {
        "hostname": "host.name",
        "program": "process.name",
        "pid": "process.pid",
        "priority": "log.syslog.priority",
        "facility": "log.syslog.facility.code",
        "severity": "log.syslog.severity.code",
        "version": "log.syslog.version",
        "msgid": "log.syslog.msgid",
        "procid": "log.syslog.procid",
    },
    "json": {},
    "windows": {},
    "keyvalue": {},
}
"""What every log source in a container maps without saying so; its own `map` or `leftovers.drop` wins."""

CONTAINER_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "line": ("message",),
    "syslog": ("timestamp", "timezone", "message"),
    "json": (),
    "windows": (),
    "keyvalue": ("message",),
}
"""Fields of a container that are never left over: the record itself holds them."""
