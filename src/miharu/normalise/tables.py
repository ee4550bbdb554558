"""Nothing → the conversions and time formats there are. Add a new one here and in the catalogue's vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from miharu.normalise import conversions as c
from miharu.normalise import endpoint_values as e
from miharu.normalise import web_values
from miharu.normalise import windows_values as w
from miharu.normalise.addresses import first_client_expr, ip_expr, mac_expr
from miharu.normalise.clocks import TimeFormat
from miharu.normalise.conversions import Conversion
from miharu.normalise.counted_times import (
    epoch,
    read_cocoa,
    read_epoch,
    read_filetime,
    read_symantec_hex,
    read_tai64n,
    read_webkit,
)
from miharu.normalise.directory_names import dn_domain, dn_name
from miharu.normalise.times import read_apache, read_iso8601, read_syslog_stamp
from miharu.normalise.written_times import read_ctime, read_eu, read_rfc2822, read_us

CONVERSIONS: Final[Mapping[str, Conversion]] = {
    "account_domain": c.account_domain,
    "account_name": c.account_name,
    "address_domain": c.address_domain,
    "address_list": web_values.address_list,
    "attack_ids": e.attack_ids,
    "audit_arguments": c.audit_arguments,
    "bar_list": web_values.bar_list,
    "basename": c.basename,
    "boolean": c.boolean,
    "client_ip": w.client_ip,
    "command_arguments": w.command_arguments,
    "decimal": c.decimal,
    "digest_md5": e.digest_md5,
    "digest_sha1": e.digest_sha1,
    "digest_sha256": e.digest_sha256,
    "dirname": c.dirname,
    "dn_domain": dn_domain,
    "dn_name": dn_name,
    "domain_name": w.domain_name,
    "doubled_quotes": web_values.doubled_quotes,
    "duration_clock": c.duration_clock,
    "duration_ms": c.duration(10**6),
    "duration_s": c.duration(10**9),
    "duration_s_us": c.duration_s_us,
    "duration_us": c.duration(10**3),
    "email_domain": c.email_domain,
    "endpoint_ip": w.endpoint_ip,
    "endpoint_port": w.endpoint_port,
    "executable_arguments": web_values.executable_arguments,
    "extension": c.extension,
    "first_client": first_client_expr,
    "first_client_domain": lambda value: c.address_domain(first_client_expr(value)),
    "form_text": web_values.form_text,
    "found_path": w.found_path,
    "hash_imphash": c.hash_named("IMPHASH"),
    "hash_md5": c.hash_named("MD5"),
    "hash_sha1": c.hash_named("SHA1"),
    "hash_sha256": c.hash_named("SHA256"),
    "hash_sha512": c.hash_named("SHA512"),
    "hex_integer": c.hex_integer,
    "hex_text": c.hex_text,
    "hexadecimal": e.hexadecimal,
    "host_part": w.host_part,
    "http_version": c.http_version,
    "instant": c.instant,
    "integer": c.integer,
    "invocation_lines": w.invocation_lines,
    "ip": ip_expr,
    "json_text": e.json_text,
    "line_command_name": w.line_named("Command(?:Name| Name)"),
    "line_command_path": w.line_named("(?:Command Path|CommandPath|Script Name|ScriptName)"),
    "line_command_type": w.line_named("Command(?:Type| Type)"),
    "line_engine_version": w.line_named("Engine(?:Version| Version)"),
    "line_host_application": w.long_line_named("Host ?Application"),
    "line_host_name": w.line_named("Host ?Name"),
    "line_host_version": w.line_named("Host ?Version"),
    "line_pipeline_id": w.line_named("Pipeline ?(?:Id|ID)"),
    "line_provider_name": w.line_named("ProviderName"),
    "line_runspace_id": w.line_named("Runspace ?(?:Id|ID)"),
    "line_user_domain": w.line_user_domain,
    "line_user_name": w.line_user_name,
    "list": c.as_list,
    "lowercase": c.lowercase,
    "mac": mac_expr,
    "msi_product": w.msi_product,
    "named_application": w.named_application,
    "named_process": w.named_process,
    "network_direction": c.network_direction,
    "no_dash": c.no_dash,
    "registry_dword": e.registry_dword,
    "registry_hive": w.registry_hive,
    "registry_key": w.registry_key,
    "registry_path": e.registry_path,
    "registry_strings": w.registry_strings,
    "registry_type": w.registry_type,
    "registry_value": w.registry_value,
    "resolved_ips": w.resolved_ips,
    "rooted_path": e.rooted_path,
    "spn_host": w.spn_host,
    "stated": c.stated,
    "text": c.text,
    "trim": c.trim,
    "uppercase": c.uppercase,
    "url_domain": c.url_domain,
    "url_extension": c.url_extension,
    "url_path": c.url_path,
    "url_port": c.url_port,
    "url_query": c.url_query,
    "url_scheme": c.url_scheme,
    "volume_path": e.volume_path,
    "word_list": c.word_list,
    "words": c.text,
}

SEPARATORS: Final[Mapping[str, str]] = {"words": " "}
"""What a conversion joins the items of a list with, where that is not a comma."""

TIME_FORMATS: Final[Mapping[str, TimeFormat]] = {
    "iso8601": read_iso8601,
    "syslog": read_syslog_stamp,
    "apache": read_apache,
    "ctime": read_ctime,
    "rfc2822": read_rfc2822,
    "us": read_us,
    "eu": read_eu,
    "epoch": read_epoch,
    "epoch_s": epoch(1),
    "epoch_ms": epoch(10**3),
    "epoch_us": epoch(10**6),
    "epoch_ns": epoch(10**9),
    "filetime": read_filetime,
    "webkit": read_webkit,
    "cocoa": read_cocoa,
    "tai64n": read_tai64n,
    "symantec_hex": read_symantec_hex,
}
