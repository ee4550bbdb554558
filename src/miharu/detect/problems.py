"""What is wrong with a rule file → problems and notes that say where, why and what would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from miharu.detect.detections import Fault
from miharu.detect.model import RuleFault, RuleProblem
from miharu.detect.yamldocs import Document, key_text

_REMEDIES: Final[dict[str, str]] = {
    "yaml_invalid": "correct the YAML at this line",
    "unreadable": "check the file and its permissions, or fetch the archive again",
    "not_a_rule": "a Sigma rule has the keys title, logsource and detection",
    "correlation": "keep the rule; its base rules run on their own meanwhile",
    "filter": "a filter has the keys title, logsource and filter, and in it rules, selections and a condition",
    "pipeline": "correct the pipeline, or move it out of the folder of pipelines",
    "aggregation": "rewrite the condition without `|`",
    "detection_invalid": "compare with the Sigma rule specification, section Detection",
    "condition_invalid": "name selections that exist and join them with and, or, not, 1 of, all of",
    "regex_invalid": "correct the pattern",
    "regex_costly": "write the pattern without nested repetition, look-around or back-references",
    "placeholder": "correct the values of the placeholder, or drop the `expand` modifier",
    "logsource_unmapped": "map the logsource in content/sigma, or correct its spelling",
    "duplicate": "give one of the two rules another id",
    "placeholder_open": "put its values, one a line, into placeholders/NAME.txt of the data folder",
    "retired": "use the rule that replaced it, or ask for retired rules",
    "superseded": "nothing: the newer rule runs",
    "filter_unused": "name rules by id or name, with a logsource that is theirs or wider",
    "filter_keeps": "write `not` before the selection to exclude what it describes",
    "pipeline_part": "nothing, if the pipeline also serves other engines",
    "level_unknown": "write informational, low, medium, high or critical",
}


class Place(Protocol):
    """A rule or file that has a problem."""

    @property
    def path(self) -> str:
        """Return the path of the file."""
        ...


def problem(place: Place, reason: str, text: str, *, line: int = 0, meta: Any = None) -> RuleProblem:
    """Return one problem or note of a rule or file, with the remedy of its reason; `meta` is its document."""
    known = meta if isinstance(meta, dict) else {}
    rule_id, title = (str(known.get(key) or "") for key in ("id", "title"))
    return RuleProblem(place.path, line, rule_id, title, reason, text, _REMEDIES[reason])


def problem_of(place: Place, document: Document, faults: Sequence[Fault]) -> RuleProblem:
    """Return the problem of a document, with all its faults in the order of their lines."""
    located = sorted(_located(document, fault) for fault in faults)
    first = located[0]
    more = f"; and {'; '.join(str(fault) for fault in located[1:])}" if len(located) > 1 else ""
    meta: Mapping[str, Any] = document.content if isinstance(document.content, dict) else {}
    return RuleProblem(
        place.path, first.line, str(meta.get("id") or ""), str(meta.get("title") or ""), first.reason,
        _sentence(first) + more, first.hint or _REMEDIES[first.reason], tuple(located),
    )  # fmt: skip


def _sentence(fault: RuleFault) -> str:
    """Return a fault without its line and hint, which a problem tells itself."""
    contrast = ", ".join(
        f"{word} {text}" for word, text in (("found", fault.found), ("expected", fault.expected)) if text
    )
    where = f"{fault.text}, at {fault.key}" if fault.key else fault.text
    return f"{where}: {contrast}" if contrast else where


def _located(document: Document, fault: Fault) -> RuleFault:
    line = document.line_of(fault.path)
    hint = fault.hint or _REMEDIES[fault.reason]
    return RuleFault(line, key_text(fault.path), fault.reason, fault.text, fault.found, fault.expected, hint)
