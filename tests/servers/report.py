"""pytest plugins. The last lines of a run name the servers that could not be had; with CI=true that fails the run. And
they tell of tests that failed, were tried once more, and passed or did not."""

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.servers.missing import MissingError

PREFIX = "no server: "
OPTIONAL = "not to be had everywhere: "
"""Of what no package registry carries: its tests run where somebody has it, and their want fails no run."""


def skip(error: MissingError) -> NoReturn:
    """Skip the test that needs it, in words that the plugin knows again, also when they come from another process."""
    pytest.skip(f"{PREFIX}{error}")


def skip_optional(error: MissingError) -> NoReturn:
    """The same, of what cannot be had everywhere."""
    pytest.skip(f"{OPTIONAL}{error}")


class MissingServers:
    """What could not be had: sentence -> how many tests were skipped for it."""

    def __init__(self) -> None:
        self._skipped: dict[str, int] = {}
        self._optional: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            for prefix, counts in ((PREFIX, self._skipped), (OPTIONAL, self._optional)):
                _, found, sentence = report.longrepr[2].partition(prefix)
                if found:
                    counts[sentence] = counts.get(sentence, 0) + 1

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._skipped and exitstatus == pytest.ExitCode.OK and os.environ.get("CI") == "true":
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: behind the list of what was skipped
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        yield
        for sentence, count in self._optional.items():
            terminalreporter.line(f"not tried: {sentence} ({count} skipped)")
        if not self._skipped:
            return
        terminalreporter.section("servers that could not be had", red=True)
        for sentence, count in self._skipped.items():
            terminalreporter.line(f"{sentence} ({count} skipped)")
        if os.environ.get("CI") == "true":
            terminalreporter.line("CI=true: the run fails for this")


class TriedAgain:
    """Tests on real servers that failed at first, each with its failure: what passes then is no less a finding."""

    def __init__(self) -> None:
        self._failures: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome == "rerun":
            self._failures[report.nodeid] = report.longreprtext

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for test, failure in self._failures.items():
            terminalreporter.section(f"tried once more: {test}", yellow=True)
            terminalreporter.line(failure)
