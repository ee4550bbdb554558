"""Detect: batches of events → findings of Sigma rules, each of which can be explained."""

from __future__ import annotations

from miharu.detect.detector import Detector
from miharu.detect.documents import RuleFile, rule_files
from miharu.detect.explaining import Explanation
from miharu.detect.loading import load_rules
from miharu.detect.looking import Sight, only_rules, sight_of
from miharu.detect.model import PROBLEM_REASONS, Rule, RuleProblem, RuleSet

__all__ = [
    "PROBLEM_REASONS",
    "Detector",
    "Explanation",
    "Rule",
    "RuleFile",
    "RuleProblem",
    "RuleSet",
    "Sight",
    "load_rules",
    "only_rules",
    "rule_files",
    "sight_of",
]
