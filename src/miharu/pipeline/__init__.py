"""The whole way: the only package that knows every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miharu.core.ondemand import on_demand

if TYPE_CHECKING:
    from miharu.pipeline.auditpolicy import RuleNeed, Subcategory, audit_policy, rule_needs
    from miharu.pipeline.casefile import Casefile, Evidence, open_case
    from miharu.pipeline.exceptions import read_condition
    from miharu.pipeline.hidden import Hidden, hidden_counts, hidden_findings
    from miharu.pipeline.hunting import Hunter, HuntProgress, HuntReport, Question
    from miharu.pipeline.hunts import HuntKeeper, ask_for_hunt, hashes, note_rules, plan_hunt, run_waiting, worker_runs
    from miharu.pipeline.importer import Importer
    from miharu.pipeline.live import LiveWorker, Pulse
    from miharu.pipeline.nearly import MOST_EVENTS, Nearly, explain_event, look_for_misses, nearly_as_object
    from miharu.pipeline.notices import plan_notices
    from miharu.pipeline.notifying import Courier
    from miharu.pipeline.report import FileReport, ImportReport, Progress, Silent
    from miharu.pipeline.rulebook import Imported, import_rules, remove_imported, rule_paths
    from miharu.pipeline.rulechecks import RuleRemark, check_rules
    from miharu.pipeline.ruletests import RuleTestResult, run_rule_tests
    from miharu.pipeline.searching import search_events
    from miharu.pipeline.sourceaccepting import Accepted, accept_samples
    from miharu.pipeline.sourcehealth import source_health
    from miharu.pipeline.sourcestart import start_source
    from miharu.pipeline.stages import LiveStages, Stages
    from miharu.pipeline.streaming import judge_paths, read_paths
    from miharu.pipeline.vitals import forget_vitals, read_vitals, vitals_folder, write_vitals
    from miharu.pipeline.waking import waking_store
    from miharu.pipeline.wiring import Lake, load_ruleset, make_reader, open_lake

__all__ = [
    "MOST_EVENTS",
    "Accepted",
    "Casefile",
    "Courier",
    "Evidence",
    "FileReport",
    "Hidden",
    "HuntKeeper",
    "HuntProgress",
    "HuntReport",
    "Hunter",
    "ImportReport",
    "Imported",
    "Importer",
    "Lake",
    "LiveStages",
    "LiveWorker",
    "Nearly",
    "Progress",
    "Pulse",
    "Question",
    "RuleNeed",
    "RuleRemark",
    "RuleTestResult",
    "Silent",
    "Stages",
    "Subcategory",
    "accept_samples",
    "ask_for_hunt",
    "audit_policy",
    "check_rules",
    "explain_event",
    "forget_vitals",
    "hashes",
    "hidden_counts",
    "hidden_findings",
    "import_rules",
    "judge_paths",
    "load_ruleset",
    "look_for_misses",
    "make_reader",
    "nearly_as_object",
    "note_rules",
    "open_case",
    "open_lake",
    "plan_hunt",
    "plan_notices",
    "read_condition",
    "read_paths",
    "read_vitals",
    "remove_imported",
    "rule_needs",
    "rule_paths",
    "run_rule_tests",
    "run_waiting",
    "search_events",
    "source_health",
    "start_source",
    "vitals_folder",
    "waking_store",
    "worker_runs",
    "write_vitals",
]

__getattr__ = on_demand(__name__)
