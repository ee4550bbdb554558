r"""Texts of Windows events that are sentences → the values that Windows put into them.

Only what an event's own data would hold is read, under the names it would have: `param1`… where Windows names
none. English, and Japanese for the changes of services and the installing of updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

_SCM: Final = "Service Control Manager"
_MSI: Final = "MsiInstaller"
_UPDATES: Final = "Microsoft-Windows-WindowsUpdateClient"
_PRODUCT: Final = (
    r"(?s)Product Name: (?P<param1>.*?)\. Product Version: (?P<param2>.*?)\. Product Language: (?P<param3>.*?)\. "
    r"(?:Manufacturer: (?P<param5>.*?)\. )?.*status: (?P<param4>-?[0-9]+)"
)
_SHUTDOWN: Final = (
    r"(?s)^The process (?P<param1>.+?) has initiated the (?P<param5>[\w ]+?) of computer (?P<param2>\S+) on behalf "
    r"of user (?P<param7>.+?) for the following reason: (?P<param3>.*?)\s+Reason Code: (?P<param4>\S+)"
)
_CRASH: Final = (
    r"(?s)Faulting application name: (?P<AppName>[^,]+), version: (?P<AppVersion>[^,]+), .*"
    r"Faulting module name: (?P<ModuleName>[^,]+), version: (?P<ModuleVersion>[^,]+), .*"
    r"Exception code: (?:0x)?(?P<ExceptionCode>[0-9a-f]+)(?:.*Faulting process id: (?P<ProcessId>\S+))?"
    r"(?:.*Faulting application path: (?P<AppPath>[^\r\n]+))?"
)
_SCRIPT: Final = (
    r"(?s)^Creating Scriptblock text \((?P<MessageNumber>[0-9]+) of (?P<MessageTotal>[0-9]+)\):\s*"
    r"(?P<ScriptBlockText>.*?)\s+ScriptBlock ID: (?P<ScriptBlockId>\S+)(?:\s+Path: (?P<Path>[^\r\n]*))?"
)

_SENTENCES: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    (_SCM, ("7036",), r"^The (?P<param1>.+) service entered the (?P<param2>\w+) state"),
    (_SCM, ("7036",), r"^(?P<param1>.+) サービスは (?P<param2>\S+) 状態に"),
    (
        _SCM,
        ("7040",),
        r"^The start type of the (?P<param1>.+) service was changed from (?P<param2>.+) to (?P<param3>[a-z ]+)",
    ),
    (
        _SCM,
        ("7031", "7034"),
        r"^The (?P<param1>.+) service terminated unexpectedly\..* done this (?P<param2>[0-9]+) time",
    ),
    (
        _SCM,
        ("7000",),
        r"(?s)^The (?P<param1>.+) service failed to start due to .+? error:\s*(?P<param2>\S.*)",
    ),
    ("User32", ("1074",), _SHUTDOWN),
    ("EventLog", ("6008",), r"shutdown at (?P<param1>.+?) on (?P<param2>\S+) was unexpected"),
    ("EventLog", ("6013",), r"(?P<param5>[0-9]+) (?:seconds|秒)"),
    (_MSI, ("1033", "1034", "1035"), _PRODUCT),
    (_MSI, ("11707", "11708", "11724"), r"(?s)^(?P<param1>(?:Product|製品): .*)$"),
    (_UPDATES, ("19",), r"installed the following update: (?P<updateTitle>[^\r\n]+)"),
    (_UPDATES, ("19",), r"更新プログラムが正しくインストールされました: (?P<updateTitle>[^\r\n]+)"),
    (_UPDATES, ("20",), r"update with error (?P<errorCode>0x[0-9A-Fa-f]+): (?P<updateTitle>[^\r\n]+?)\.?\s*$"),
    (_UPDATES, ("43",), r"started installing the following update: (?P<updateTitle>[^\r\n]+)"),
    ("Application Error", ("1000",), _CRASH),
    ("Application Hang", ("1002",), r"^The program (?P<param1>.+) version (?P<param2>\S+) stopped interacting"),
    ("Microsoft-Windows-PowerShell", ("4104",), _SCRIPT),
)
"""Provider, event ids, and what their texts look like."""

_TITLES: Final[Mapping[str, str]] = {
    "An account was successfully logged on": "4624",
    "An account failed to log on": "4625",
    "An account was logged off": "4634",
    "A logon was attempted using explicit credentials": "4648",
    "Special privileges assigned to new logon": "4672",
    "A new process has been created": "4688",
    "A process has exited": "4689",
    "A user account was created": "4720",
    "A user account was enabled": "4722",
    "An attempt was made to reset an account's password": "4724",
    "A user account was disabled": "4725",
    "A user account was deleted": "4726",
    "A member was added to a security-enabled global group": "4728",
    "A member was added to a security-enabled local group": "4732",
    "A user account was locked out": "4740",
    "A Kerberos authentication ticket (TGT) was requested": "4768",
    "A Kerberos service ticket was requested": "4769",
    "Kerberos pre-authentication failed": "4771",
}
"""How texts of Security events begin that an agent sends without the number."""


def with_sentence_data(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what sentences tell, to rows of a frame with `System.Provider`, `System.EventID` and `Message`."""
    providers = set(frame.get_column("System.Provider").unique())
    for provider, codes, pattern in _SENTENCES:
        if provider in providers:
            frame = _read(
                frame, (pl.col("System.Provider") == provider) & pl.col("System.EventID").is_in(codes), pattern
            )
    return frame


def event_of_title(message: pl.Expr) -> pl.Expr:
    """Return the event id that a text of the Security log begins with."""
    title = message.str.extract(r"^([^.\r\n]+)\.")
    return title.replace_strict(_TITLES, default=None, return_dtype=pl.String)


def _read(frame: pl.DataFrame, mine: pl.Expr, pattern: str) -> pl.DataFrame:
    rows = frame.select((mine & pl.col("Message").str.contains(pattern)).fill_null(value=False)).to_series().arg_true()
    if rows.is_empty():
        return frame
    groups = frame.get_column("Message")[rows].str.strip_chars().str.extract_groups(pattern).struct.unnest()
    for group in groups.get_columns():
        name = f"EventData.{group.name}"
        empty = pl.Series(name, [None], dtype=pl.String).new_from_index(0, frame.height)
        base = frame.get_column(name) if name in frame.columns else empty
        frame = frame.with_columns(base.scatter(rows, group.str.strip_chars()).alias(name))
    return frame
