"""The setting `notify` → targets, or one sentence for each fault that says in which entry and key it is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.respond.notify.kinds import NOTIFIERS
from miharu.respond.notify.target import Target

_PAGE: Final = "docs/how-to/notify.md"
_SECRET_KEYS: Final = ("url", "secret")

Text = Annotated[str, Field(min_length=1)]


class _Entry(BaseModel):
    """One table of the setting, as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    kind: str
    url: Text | None = None
    url_file: Text | None = None
    url_env: Text | None = None
    secret: Text | None = None
    secret_file: Text | None = None
    secret_env: Text | None = None
    headers: dict[str, str] = {}
    min_level: Literal["informational", "low", "medium", "high", "critical"] = "low"
    rules: list[Text] = []
    per_minute: Annotated[int, Field(ge=1, le=6000)] = 30
    group_seconds: Annotated[float, Field(ge=0, le=3600, strict=False)] = 10.0
    group_above: Annotated[int, Field(ge=1, le=1000)] = 5
    timeout_seconds: Annotated[float, Field(gt=0, le=60, strict=False)] = 10.0


def load_targets(settings: Settings) -> list[Target]:
    """Return the targets in their order. Raises OperatorError that names every fault."""
    faults: list[str] = []
    targets: list[Target] = []
    for number, given in enumerate(settings.notify, 1):
        where = f"notify entry {number}" + (f" ({given['name']})" if isinstance(given.get("name"), str) else "")
        try:
            target = _target(_Entry.model_validate(dict(given)))
        except ValidationError as error:
            faults.extend(f"{where}: {_key(fault['loc'])}: {_said(fault)}" for fault in error.errors())
            continue
        except _EntryError as error:
            faults.append(f"{where}: {error}")
            continue
        if target.name in {other.name for other in targets}:
            faults.append(f"{where}: name: another entry has it already")
        targets.append(target)
    if faults:
        raise OperatorError("; ".join(faults) + f"; see {_PAGE}")
    return targets


class _EntryError(Exception):
    """What is wrong with an entry, beginning with the key."""


def _target(entry: _Entry) -> Target:
    if entry.kind not in NOTIFIERS:
        raise _EntryError(f"kind: {entry.kind!r} is none; write one of {', '.join(NOTIFIERS)}")
    url, secret = (_secret(entry, key) for key in _SECRET_KEYS)
    if not url:
        raise _EntryError("url: is missing; give url, url_file or url_env")
    target = Target(
        entry.name,
        entry.kind,
        url,
        secret,
        entry.headers,
        entry.min_level,
        frozenset(entry.rules),
        entry.per_minute,
        timedelta(seconds=entry.group_seconds),
        entry.group_above,
        timedelta(seconds=entry.timeout_seconds),
    )
    if fault := NOTIFIERS[target.kind].check(target):
        raise _EntryError(f"{fault[0]}: {fault[1]}")
    return target


def _secret(entry: _Entry, key: str) -> str:
    """Return a value given as it is, by a file or by an environment variable; "" where none is given."""
    given = {name: value for name in (key, f"{key}_file", f"{key}_env") if (value := getattr(entry, name))}
    if len(given) > 1:
        raise _EntryError(f"{key}: is given twice, as {' and '.join(given)}")
    if f"{key}_file" in given:
        return _from_file(f"{key}_file", Path(given[f"{key}_file"]))
    if f"{key}_env" in given:
        return _from_environment(f"{key}_env", given[f"{key}_env"])
    return str(given.get(key, ""))


def _from_file(key: str, path: Path) -> str:
    try:
        value = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _EntryError(f"{key}: {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not value:
        raise _EntryError(f"{key}: {path} is empty")
    return value


def _from_environment(key: str, name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise _EntryError(f"{key}: the environment variable {name} is not set")
    return value


def _key(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location)


def _said(fault: Mapping[str, Any]) -> str:
    """Return pydantic's words for a fault as the end of our sentence; never the value, which may be a secret."""
    if fault["type"] == "extra_forbidden":
        return f"is no key; there are {', '.join(_Entry.model_fields)}"
    if fault["type"] == "missing":
        return "is missing"
    return re.sub(r"^(Input|String|Value|List) ", "", fault["msg"])
