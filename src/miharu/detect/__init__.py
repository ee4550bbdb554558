"""Detect: batches of events → findings of Sigma rules, each of which can be explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miharu.core.ondemand import on_demand

if TYPE_CHECKING:
    from miharu.detect.detector import Detector
    from miharu.detect.documents import RuleFile, rule_files
    from miharu.detect.explaining import Explanation
    from miharu.detect.loading import load_rules
    from miharu.detect.looking import Sight, only_rules, sight_of
    from miharu.detect.model import NOTE_REASONS, PROBLEM_REASONS, Rule, RuleFault, RuleProblem, RuleSet
    from miharu.detect.nearest import Miss, WhyNot
    from miharu.detect.tuning import Tuning, read_tuning, tuning_folders

__all__ = [
    "NOTE_REASONS",
    "PROBLEM_REASONS",
    "Detector",
    "Explanation",
    "Miss",
    "Rule",
    "RuleFault",
    "RuleFile",
    "RuleProblem",
    "RuleSet",
    "Sight",
    "Tuning",
    "WhyNot",
    "load_rules",
    "only_rules",
    "read_tuning",
    "rule_files",
    "sight_of",
    "tuning_folders",
]

__getattr__ = on_demand(__name__)
