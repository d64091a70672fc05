"""A pytest plugin: the last lines of a run name the servers that could not be had. With CI=true that fails the run."""

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.servers.missing import MissingError

PREFIX = "no server: "


def skip(error: MissingError) -> NoReturn:
    """Skip the test that needs it, in words that the plugin knows again, also when they come from another process."""
    pytest.skip(f"{PREFIX}{error}")


class MissingServers:
    """What could not be had: sentence -> how many tests were skipped for it."""

    def __init__(self) -> None:
        self._skipped: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            _, found, sentence = report.longrepr[2].partition(PREFIX)
            if found:
                self._skipped[sentence] = self._skipped.get(sentence, 0) + 1

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._skipped and exitstatus == pytest.ExitCode.OK and os.environ.get("CI") == "true":
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: behind the list of what was skipped
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        yield
        if not self._skipped:
            return
        terminalreporter.section("servers that could not be had", red=True)
        for sentence, count in self._skipped.items():
            terminalreporter.line(f"{sentence} ({count} skipped)")
        if os.environ.get("CI") == "true":
            terminalreporter.line("CI=true: the run fails for this")
