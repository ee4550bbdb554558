r"""What an operator writes as an exception → a condition that the detector itself judges.

A condition is a filter of the search language (`user.name : backup and host.name : dc*`) or a Sigma selection
(`{User: backup, Image|endswith: '\robocopy.exe'}`, or the `detection` of a rule with its `condition`). Both become a
Sigma rule over every event, so that a value is compared as rules compare it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import yaml

from miharu.catalog import SigmaMapping, load_fields, load_sigma_mapping
from miharu.core.columns import EVENT_DATASET
from miharu.core.errors import OperatorError
from miharu.detect import Detector, Rule, load_rules
from miharu.search import filter_as_detection
from miharu.store import RuleException

_SELECTION: Final = "selection"
_CLOSE: Final = 0.8
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz0123456789_"
"""What the names of log sources begin with."""


def compile_exceptions(exceptions: Sequence[RuleException]) -> tuple[Detector | None, list[str]]:
    """Return a detector whose rules are the exceptions, by id (None: there is none), and what cannot be judged."""
    if not exceptions:
        return None, []
    with tempfile.TemporaryDirectory(prefix="miharu-exceptions-") as place:
        rules, families = Path(place) / "rules.yml", Path(place) / "families"
        families.mkdir()
        rules.write_text(yaml.safe_dump_all([_rule(each) for each in exceptions]), encoding="utf-8")
        for each in exceptions:
            (families / f"{each.id}.yml").write_text(yaml.safe_dump(_family(each)), encoding="utf-8")
        ruleset = load_rules([rules], load_sigma_mapping(families), None)
    faults = [f"{problem.title}: {problem.text} ({problem.remedy})" for problem in ruleset.problems]
    return (Detector(ruleset) if ruleset.rules else None), faults


def read_condition(text: str, rule: Rule, mapping: SigmaMapping, columns: Collection[str]) -> RuleException:
    """Return an exception of a rule with this condition and nothing else told yet.

    `columns` are the fields that stored events have. Raises QueryError or OperatorError where the condition cannot
    be read, names an unknown field that is close to a known one, or holds for everything.
    """
    sigma = text.lstrip().startswith(("{", "[")) or "\n" in text.strip()
    detection = _sigma_detection(text) if sigma else filter_as_detection(text)
    known = set(columns) | set(load_fields().names())
    names = sorted(set(_field_names(detection)))
    foreign = [name for name in names if name not in known]
    targets = _targets(foreign, rule, mapping) if sigma else {}
    for name in foreign if not sigma else ():
        close = _slip(name, known)
        if close:
            message = f"there is no field {name!r}; did you mean {close!r}?"
            raise OperatorError(message)
    made = RuleException("0" * 32, rule.id, "", text.strip(), detection, targets, None, "", "", _EPOCH)
    _, faults = compile_exceptions([made])
    if faults:
        message = f"the condition cannot be judged: {faults[0].removeprefix('exception: ')}"
        raise OperatorError(message)
    return made


def _slip(name: str, known: Collection[str]) -> str:
    """Return the field that a name was meant to be, if it comes close to one beyond the words they share."""
    for close in get_close_matches(name, known, n=3, cutoff=_CLOSE):
        words, others = name.split("."), close.split(".")
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(words, others, strict=False)))
        if SequenceMatcher(None, ".".join(words[same:]), ".".join(others[same:])).ratio() >= _CLOSE:
            return close
    return ""


def _sigma_detection(text: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"the Sigma selection is not valid YAML: {str(error).splitlines()[0]}"
        raise OperatorError(message) from error
    if isinstance(value, dict) and isinstance(value.get("condition"), str):
        return value
    if not value or not isinstance(value, dict | list):
        message = "a Sigma selection is a mapping of fields to values, or a list of such"
        raise OperatorError(message)
    return {_SELECTION: value, "condition": _SELECTION}


def _field_names(detection: Mapping[str, Any]) -> Iterator[str]:
    for name, selection in detection.items():
        if name != "condition":
            for item in selection if isinstance(selection, list) else [selection]:
                yield from (str(key).split("|", 1)[0] for key in item) if isinstance(item, dict) else ()


def _targets(names: Sequence[str], rule: Rule, mapping: SigmaMapping) -> dict[str, Any]:
    """Return where the rule's logsource keeps fields that are named as Sigma names them."""
    parts = dict(part.split(" ", 1) for part in rule.logsource.split(", ") if part.count(" ") == 1)
    routes = mapping.resolve(parts.get("product"), parts.get("category"), parts.get("service"))
    found: dict[str, Any] = {}
    for name in names:
        targets = [route.target(name) for route in routes]
        columns = list(dict.fromkeys([*(column for target in targets for column in target.columns), name]))
        found[name] = {"every": columns} if any(target.every for target in targets) else columns
    return found


def _rule(exception: RuleException) -> dict[str, Any]:
    logsource = {"product": exception.id}
    told = {"id": exception.id, "title": "exception", "level": "low", "logsource": logsource}
    return {**told, "detection": dict(exception.detection)}


def _family(exception: RuleException) -> dict[str, Any]:
    told: dict[str, Any] = {"product": exception.id, "title": "exception", "default": "{field}"}
    # Every row: a mapping that tests nothing would route nothing.
    told["where"] = {EVENT_DATASET: {"starts": list(_SIGNS)}}
    return told | ({"fields": dict(exception.fields)} if exception.fields else {})
