"""Processing pipelines in pySigma's format, and a rule with its filters → the same, changed by the pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import yaml
from sigma.exceptions import SigmaError
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaDetection, SigmaDetections, SigmaLogSource, SigmaRule

from miharu.detect.detections import Detections
from miharu.detect.documents import RuleFile
from miharu.detect.model import RuleProblem
from miharu.detect.problems import problem
from miharu.detect.reading import FilterText, Logsource, RuleText

_ENGINE: Final = "miharu"
_OTHERS: Final = ("postprocessing", "finalizers")
_FAULTS: Final = (SigmaError, yaml.YAMLError, re.error, TypeError, ValueError, AttributeError, LookupError)
"""pySigma raises the plain ones on shapes that it does not expect."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rule after its filters were found and pipelines ran: logsource, its detections, those of each filter."""

    logsource: Logsource
    detections: Detections
    filters: tuple[tuple[str, Detections], ...]
    attributes: Mapping[str, Any]


class Pipelines:
    """All pipelines of a tuning in the order of their priority; what cannot be used is in `problems`."""

    def __init__(self, files: Sequence[RuleFile]) -> None:
        self.problems: list[RuleProblem] = []
        self.notes: list[RuleProblem] = []
        read = [(pipeline.priority, file.path, pipeline) for file in files if (pipeline := self._read(file))]
        self._pipelines = [pipeline for _, _, pipeline in sorted(read, key=lambda item: item[:2])]

    def prepare(self, rule: RuleText, filters: Sequence[FilterText]) -> Prepared:
        """Return what the pipelines make of a rule. Raises ValueError where one of them refuses it."""
        held = tuple((filtering.title, filtering.detections) for filtering in filters)
        if not self._pipelines:
            return Prepared(rule.logsource, rule.detections, held, {})
        try:
            return self._applied(rule, held)
        except _FAULTS as error:
            raise ValueError(str(error).split("\n", 1)[0] or type(error).__name__) from error

    def _applied(self, rule: RuleText, filters: Sequence[tuple[str, Detections]]) -> Prepared:
        selections = dict(rule.detections.selections)
        for number, (_, detections) in enumerate(filters):
            selections |= {_hidden(number, name): held for name, held in detections.selections.items()}
        sigma = _sigma_rule(rule, SigmaDetections(deepcopy(selections), list(rule.detections.conditions)))
        for pipeline in self._pipelines:
            pipeline.apply(sigma)
        made: dict[str, SigmaDetection] = sigma.detection.detections
        source = sigma.logsource
        inner = tuple(
            (title, Detections({name: made[hidden] for name in detections.selections
                                if (hidden := _hidden(number, name)) in made}, detections.conditions))
            for number, (title, detections) in enumerate(filters)
        )  # fmt: skip
        own = {name: held for name, held in made.items() if not name.startswith(_HIDDEN)}
        attributes = {key: value for key, value in sigma.custom_attributes.items() if key not in rule.meta}
        return Prepared(
            (source.product, source.category, source.service),
            Detections(own, [one.condition for one in sigma.detection.parsed_condition]), inner, attributes,
        )  # fmt: skip

    def _read(self, file: RuleFile) -> ProcessingPipeline | None:
        try:
            if file.fault:
                raise ValueError(file.fault)
            content = yaml.safe_load(file.data)
            if not isinstance(content, dict):
                raise ValueError("the file has no keys")  # noqa: TRY004 - told like all that is wrong with it
            for key in _OTHERS:
                if content.pop(key, None):
                    text = f"{key} changes queries, and no queries are made here"
                    self.notes.append(problem(file, "pipeline_part", text))
            pipeline = ProcessingPipeline.from_dict(content)
        except _FAULTS as error:
            mark = getattr(error, "problem_mark", None)
            text = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
            self.problems.append(problem(file, "pipeline", text, line=mark.line + 1 if mark else 0))
            return None
        if pipeline.allowed_backends and _ENGINE not in pipeline.allowed_backends:
            named = ", ".join(sorted(pipeline.allowed_backends))
            self.notes.append(problem(file, "pipeline_part", f"the whole pipeline is for {named}"))
            return None
        return pipeline


_HIDDEN: Final = "_filter_"


def _hidden(number: int, name: str) -> str:
    """Return the name of a filter's selection among those of the rule; patterns of the rule do not meet it."""
    return f"{_HIDDEN}{number}_{name}"


def _sigma_rule(rule: RuleText, detections: SigmaDetections) -> SigmaRule:
    known, _ = SigmaRule.from_dict_common_params(dict(rule.meta), collect_errors=True)
    product, category, service = rule.logsource
    told = rule.meta["logsource"]
    custom = {key: value for key, value in told.items() if key not in {"product", "category", "service", "definition"}}
    definition = told.get("definition")
    source = SigmaLogSource(category, product, service, str(definition) if definition else None, None, custom or None)
    return SigmaRule(logsource=source, detection=detections, **known)
