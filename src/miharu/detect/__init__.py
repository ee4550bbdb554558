"""Detect: batches of events → findings of Sigma rules, each of which can be explained."""

from __future__ import annotations

from miharu.detect.detector import Detector
from miharu.detect.documents import RuleFile, rule_files
from miharu.detect.explaining import Explanation
from miharu.detect.loading import load_rules
from miharu.detect.model import PROBLEM_REASONS, Rule, RuleProblem, RuleSet

__all__ = [
    "PROBLEM_REASONS",
    "Detector",
    "Explanation",
    "Rule",
    "RuleFile",
    "RuleProblem",
    "RuleSet",
    "load_rules",
    "rule_files",
]
