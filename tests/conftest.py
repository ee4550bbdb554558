"""Rules for the whole test run: under CI a corpus test may not be skipped while the corpora are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# A landing must not hang on a random case nobody has seen: CI takes the same cases each time, everybody else new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")

# structlog's own default draws every traceback with the values of all variables, which takes seconds.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])

CORPUS_TESTS = "tests/corpora/"


def corpora_folder() -> Path:
    """Where the third-party logs lie: `MIHARU_CORPORA`, else `shared/corpora` beside the checkout."""
    named = os.environ.get("MIHARU_CORPORA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "corpora"


class CorpusGuard:
    """Turns a run red when the corpora exist and a test over them was skipped."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and CORPUS_TESTS in report.nodeid:
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for nodeid in self.skipped:
            terminalreporter.write_line(f"CORPUS TEST SKIPPED: {nodeid}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    on_a_worker = hasattr(config, "workerinput")
    if os.environ.get("CI") == "true" and corpora_folder().is_dir() and not on_a_worker:
        config.pluginmanager.register(CorpusGuard(), "corpus-guard")


@pytest.fixture(scope="session")
def corpora_path() -> Path:
    """The folder where corpora would lie, there or not."""
    return corpora_folder()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that may take longest begin first, so that at the end no worker waits for another."""
    items.sort(key=_allowed_seconds, reverse=True)


def _allowed_seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark is not None else 0.0
