"""The whole way: the only package that knows every stage."""

from miharu.pipeline.casefile import Casefile, Evidence, open_case
from miharu.pipeline.importer import Importer
from miharu.pipeline.live import LiveWorker, Pulse
from miharu.pipeline.notifying import Courier, plan_notices
from miharu.pipeline.report import FileReport, ImportReport, Progress, Silent
from miharu.pipeline.rulebook import Imported, import_rules, remove_imported, rule_paths
from miharu.pipeline.ruletests import RuleTestResult, run_rule_tests
from miharu.pipeline.searching import search_events
from miharu.pipeline.stages import LiveStages, Stages
from miharu.pipeline.streaming import judge_paths, read_paths
from miharu.pipeline.vitals import forget_vitals, read_vitals, vitals_folder, write_vitals
from miharu.pipeline.wiring import Lake, load_ruleset, make_reader, open_lake

__all__ = [
    "Casefile",
    "Courier",
    "Evidence",
    "FileReport",
    "ImportReport",
    "Imported",
    "Importer",
    "Lake",
    "LiveStages",
    "LiveWorker",
    "Progress",
    "Pulse",
    "RuleTestResult",
    "Silent",
    "Stages",
    "forget_vitals",
    "import_rules",
    "judge_paths",
    "load_ruleset",
    "make_reader",
    "open_case",
    "open_lake",
    "plan_notices",
    "read_paths",
    "read_vitals",
    "remove_imported",
    "rule_paths",
    "run_rule_tests",
    "search_events",
    "vitals_folder",
    "write_vitals",
]
