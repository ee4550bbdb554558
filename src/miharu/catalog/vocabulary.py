"""Nothing → the closed vocabulary of log sources: every word a content file may use besides field names.

The stages that do the work hold one table each (`CONTAINERS`, `READERS`, `CONVERSIONS`, `TIME_FORMATS`);
tests hold those tables equal to these lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CONTAINERS: Final = ("line", "syslog", "json", "windows", "delimited", "keyvalue")
"""How a record is wrapped."""

TESTS: Final = ("equals", "in", "starts", "ends", "contains", "lacks", "matches", "exists")
"""Tests on a field that was read, cheapest first."""

READERS: Final = ("regex", "keyvalue", "json", "path", "delimited", "labelled", "xml", "cef", "leef", "audit", "report")

READER_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "keyvalue": ("separator", "assign", "quote", "escape", "values", "keys"),
    "delimited": ("separator", "quote", "escape", "count"),
    "labelled": ("separator", "assign", "quote", "escape", "keys"),
    "cef": ("strip",),
}
"""Options of readers. `separator`: the one character between pairs or values (pairs: blanks where it is missing).
`assign`: the text between key and value. `quote`: the character around values that hold a separator; `escape`: how it
is written inside them, see ESCAPES. `values: spaced`: values go on to the next key, which is a blank and what matches
`keys`; labels must match `keys` where it is given. `count: any`: there may be fewer values than names, and what is more
is kept together in `more`. `strip`: the text that a vendor sets before keys of its own."""

ESCAPES: Final = ("double", "backslash")

TIME_FORMATS: Final = (
    "iso8601",
    "syslog",
    "apache",
    "ctime",
    "rfc2822",
    "us",
    "eu",
    "epoch",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "filetime",
    "webkit",
    "cocoa",
    "tai64n",
    "symantec_hex",
)
"""Named formats; any text with `%` is a strftime format."""

CONVERSIONS: Final = (
    "account_domain",
    "account_name",
    "address_domain",
    "address_list",
    "attack_ids",
    "audit_arguments",
    "bar_list",
    "basename",
    "boolean",
    "client_ip",
    "command_arguments",
    "decimal",
    "digest_md5",
    "digest_sha1",
    "digest_sha256",
    "dirname",
    "dn_domain",
    "dn_name",
    "domain_name",
    "doubled_quotes",
    "duration_clock",
    "duration_ms",
    "duration_s",
    "duration_s_us",
    "duration_us",
    "email_domain",
    "endpoint_ip",
    "endpoint_port",
    "executable_arguments",
    "extension",
    "first_client",
    "first_client_domain",
    "form_text",
    "found_path",
    "hash_imphash",
    "hash_md5",
    "hash_sha1",
    "hash_sha256",
    "hash_sha512",
    "hex_integer",
    "hex_text",
    "hexadecimal",
    "host_part",
    "http_version",
    "instant",
    "integer",
    "invocation_lines",
    "ip",
    "json_text",
    "line_command_name",
    "line_command_path",
    "line_command_type",
    "line_engine_version",
    "line_host_application",
    "line_host_name",
    "line_host_version",
    "line_pipeline_id",
    "line_provider_name",
    "line_runspace_id",
    "line_user_domain",
    "line_user_name",
    "list",
    "lowercase",
    "mac",
    "msi_product",
    "named_application",
    "named_process",
    "network_direction",
    "no_dash",
    "registry_dword",
    "registry_hive",
    "registry_key",
    "registry_path",
    "registry_strings",
    "registry_type",
    "registry_value",
    "resolved_ips",
    "rooted_path",
    "spn_host",
    "stated",
    "text",
    "trim",
    "unix_end",
    "uppercase",
    "url_domain",
    "url_extension",
    "url_path",
    "url_port",
    "url_query",
    "url_scheme",
    "volume_path",
    "windows_end",
    "word_list",
    "words",
)
"""Named conversions from what was read to what is stored."""

EACH: Final = ("bits", "items", "entries")
"""Parts of a value that a table translates one by one: set bits of a number; items parted by blanks or commas; entries
of a security descriptor."""

CONTAINER_MAP: Final[dict[str, dict[str, str | tuple[str, ...]]]] = {
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
        "asl_level": "log.level",
        "procid": "log.syslog.procid",
    },
    "json": {},
    "windows": {
        "System.Provider": ("event.provider", "winlog.provider_name"),
        "System.ProviderGuid": "winlog.provider_guid",
        "System.EventID": ("event.code", "winlog.event_id"),
        "System.Qualifiers": "winlog.qualifiers",
        "System.Version": "winlog.version",
        "System.Level": "winlog.level",
        "System.Task": "winlog.task_id",
        "System.Opcode": "winlog.opcode_id",
        "System.Keywords": "winlog.keywords",
        "System.EventRecordID": "winlog.record_id",
        "System.ActivityID": "winlog.activity_id",
        "System.RelatedActivityID": "winlog.related_activity_id",
        "System.ProcessID": "winlog.process.pid",
        "System.ThreadID": "winlog.process.thread.id",
        "System.Channel": "winlog.channel",
        "System.Computer": ("host.name", "winlog.computer_name"),
        "System.UserID": "winlog.user.identifier",
        "User.Name": "winlog.user.name",
        "User.Domain": "winlog.user.domain",
        "User.Type": "winlog.user.type",
        "Rendering.Task": "winlog.task",
        "Rendering.Opcode": "winlog.opcode",
        "Message": "message",
    },
    "delimited": {},
    "keyvalue": {},
}
"""What every log source in a container maps without saying so; its own `map` or `leftovers.drop` wins."""

CONTAINER_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "line": ("message",),
    "syslog": ("timestamp", "timezone", "message"),
    "json": (),
    "windows": (
        "Rendering.Level",
        "Rendering.Keywords",
        "Rendering.Channel",
        "Rendering.Provider",
        "Severity",
        "SeverityValue",
        "EventTypeOrignal",
    ),
    "delimited": ("message", "directive", "datetime"),
    "keyvalue": ("message",),
}
"""Fields of a container that are never left over: the record itself holds them."""

CONTAINER_NAMES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "windows": (
        ("EventData.", "winlog.event_data."),
        ("UserData.", "winlog.user_data."),
        ("System.", "winlog.system."),
        ("Rendering.", "winlog.rendering."),
    ),
}
"""Names, by their beginning, under which a container's fields are kept: in a column of their own where
that name is declared and nothing else holds the value unchanged, else among the leftovers."""


RESERVED: Final = frozenset(
    {
        *("@timestamp", "event.id", "event.created", "event.ingested", "event.original", "event.dataset"),
        *("ecs.version", "log.file.path", "log.offset"),
    }
)
"""Fields that are filled for every event alike: no log source maps or sets them."""

ADOPTED: Final = "record.adopted."
"""Beginning of the columns of what an envelope around the record says in ECS names: taken where the record itself
says nothing else."""

KEPT: Final = "record.kept."
"""Beginning of the columns of what else an envelope says: kept under the name that follows."""

ENVELOPE_STAMP: Final = "record.stamp"
ENVELOPE_ZONE: Final = "record.zone"
"""Columns of an envelope's time as it was written, where `record.reference` is not yet that time, and of its zone."""


def own_name(containers: Iterable[str], prefix: str, name: str) -> str:
    """Return the name under which a field is kept that no log source maps."""
    if name.startswith(KEPT):
        return name.removeprefix(KEPT)
    if name.startswith(ADOPTED):
        return f"envelope.{name.removeprefix(ADOPTED)}"
    if name == ENVELOPE_STAMP:
        return "envelope.time"
    for container in containers:
        for begin, kept in CONTAINER_NAMES.get(container, ()):
            if name.startswith(begin):
                return kept + name.removeprefix(begin)
    return f"{prefix}.{name}" if prefix else name
