"""Reports reach the log, and where the log is away nothing is lost of them but the time, nothing waits, and it is said
once."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from city.reports import Report
from streams.reporting import Reporter, reporting
from streams.topics import ensure_topics
from tests.journeys.reports import read_reports
from tests.servers.places import HOST, free_port
from tests.servers.process import Server

pytestmark = pytest.mark.servers

OFTEN_S = 0.05
WAIT_S, SOON_S = 60, 10.0
"""A log is given up soon for a test to wait for, and not so soon that a slow one is: its report would be told twice."""
NAME = "qianshao_tests_things_total"


@pytest.fixture(autouse=True)
def the_last_report_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in life does not wait long for it; a test does, on a slow machine."""
    monkeypatch.setattr("streams.reporting.LAST_S", WAIT_S)


@pytest.fixture
def a_log_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.reporting.ANSWER_WITHIN_S", SOON_S)


@pytest.fixture
def said() -> Iterator[list[dict[str, object]]]:
    """The log lines."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def events(said: list[dict[str, object]]) -> list[object]:
    return [line["event"] for line in said]


async def until_said(said: list[dict[str, object]], event: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while event not in events(said):
            await asyncio.sleep(OFTEN_S)


def sums(reports: list[Report], name: str = NAME) -> float:
    return sum(sample.value for report in reports for sample in report.samples if sample.name == name)


async def until_told(kafka: str, things: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while sums(await read_reports(kafka)) != things:
            await asyncio.sleep(OFTEN_S)


@dataclass
class Looks:
    """How often somebody asked what there is to report."""

    taken: int = 0

    def take(self) -> int:
        self.taken += 1
        return self.taken

    async def until_more(self, times: int) -> None:
        due = self.taken + times
        async with asyncio.timeout(WAIT_S):
            while self.taken < due:
                await asyncio.sleep(OFTEN_S)


@pytest.mark.parametrize("log", ["kafka_server", "tansu"])
async def test_what_was_counted_since_the_last_report_is_told_even_at_the_end(
    log: str, request: pytest.FixtureRequest
) -> None:
    kafka, registry = request.getfixturevalue(log).address, CollectorRegistry()
    await ensure_topics(kafka, 1 if log == "tansu" else 4)
    name = f"qianshao_{log}_things_total"
    things, depth = Counter(name, "", registry=registry), Gauge("qianshao_tests_depth", "", registry=registry)
    async with reporting(Reporter(kafka, registry, "tests", log, every_s=3600.0)):
        things.inc(7)
        depth.set(3)
    (report,) = [report for report in await read_reports(kafka) if report.instance == log]
    assert report.process == "tests" and report.seconds > 0
    assert {sample.name: sample.value for sample in report.samples} == {name: 7, "qianshao_tests_depth": 3}


@pytest.mark.usefixtures("a_log_is_soon_given_up")
async def test_a_log_that_is_away_costs_no_count_and_is_told_once(
    private_kafka: Server, said: list[dict[str, object]]
) -> None:
    await ensure_topics(private_kafka.address, 1)
    registry, looks = CollectorRegistry(), Looks()
    things = Counter(NAME, "", registry=registry)
    Gauge("qianshao_tests_attempts", "", registry=registry).set_function(looks.take)
    async with reporting(Reporter(private_kafka.address, registry, "tests", "one", OFTEN_S)):
        things.inc(1)
        await until_told(private_kafka.address, 1)
        said.clear()
        private_kafka.stop()
        await until_said(said, "metrics not reported: the log does not take them")
        things.inc(10)
        await looks.until_more(3)
        private_kafka.start()
        await until_said(said, "metrics reported again")
        assert [line["event"] for line in said if line["log_level"] in ("warning", "error")] == [
            "metrics not reported: the log does not take them"
        ]
        await until_told(private_kafka.address, 11)


async def test_a_process_without_a_log_works_and_ends_all_the_same(said: list[dict[str, object]]) -> None:
    nowhere = f"{HOST}:{free_port()}"
    async with asyncio.timeout(WAIT_S):
        async with reporting(Reporter(nowhere, CollectorRegistry(), "tests", "one", OFTEN_S)):
            await until_said(said, "metrics not reported: the log does not take them")
    assert len(events(said)) == 1


async def test_a_fault_in_what_is_counted_ends_the_reports_and_not_the_process(said: list[dict[str, object]]) -> None:
    registry = CollectorRegistry()
    Gauge("qianshao_tests_depth", "", registry=registry).set_function(lambda: 1 / 0)
    async with reporting(Reporter(f"{HOST}:{free_port()}", registry, "tests", "one", OFTEN_S)):
        await until_said(said, "metrics are reported no more")
