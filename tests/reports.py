"""What processes would have reported of themselves: made of their own metrics, so that names are theirs."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from city.clock import wall_ms
from city.levels import Level
from city.reports import Report, increments
from city.transitions import Nature
from ingest.dead_letters import DeadLetter, Reason
from ingest.metrics import IngestMetrics
from streams.app import Record
from streams.metrics import DetectMetrics, IncidentsMetrics, LagMetrics, SeriesMetrics
from streams.reporting import snapshot
from streams.series.lines import report_lines
from tests.unit.stories import Teller

EVERY_MS, LASTING_MS = 10_000, 1_800_000


def reports_until(end_ms: int, lasting_ms: int = LASTING_MS) -> list[str]:
    """Lines of the reports of four processes, every ten seconds of a time before the end."""
    return [
        line
        for process in ("ingest", "detect", "incidents", "series")
        for report in _reports(process, end_ms, lasting_ms)
        for line in report_lines(report)
    ]


def _reports(process: str, end_ms: int, lasting_ms: int) -> Iterator[Report]:
    registry = CollectorRegistry()
    work = _WORK[process](registry)
    before = snapshot(registry)
    for at_ms in range(end_ms - lasting_ms, end_ms, EVERY_MS):
        work(at_ms)
        now = snapshot(registry)
        yield Report(process, f"{process}-1", float(at_ms), EVERY_MS / 1000, increments(before, now))
        before = now


def _ingest(registry: CollectorRegistry):  # type: ignore[no-untyped-def]
    metrics = IngestMetrics(registry)
    metrics.watch(lambda: 12, lambda: True)
    same = {"topic": "t", "payload": b"", "payload_bytes": 5, "payload_crc": 0, "received_ms": 0, "ingest": "ingest-1"}
    letter = DeadLetter(reason=Reason.RANGE, detail="", **same)

    def work(at_ms: int) -> None:
        metrics.flushed(1_000 + at_ms // EVERY_MS % 200, 150_000, 2_400, [letter])
        metrics.written(0.012)

    return work


def _detect(registry: CollectorRegistry):  # type: ignore[no-untyped-def]
    metrics, lag, teller = DetectMetrics(registry), LagMetrics(registry), Teller()

    def work(at_ms: int) -> None:
        metrics.judged(2_400)
        metrics.delayed([Record("readings", 0, 0, b"", {}, None, 0, wall_ms() - 30)], wall_ms())
        metrics.announced([teller.says("depth", "G1", Level(1 + at_ms // EVERY_MS % 4), nature=Nature.HAZARD)])
        metrics.saved(0.04)
        metrics.owns(4, 0, 123_456)
        lag.show({("readings", shard): at_ms // EVERY_MS % 7 for shard in range(4)})

    return work


def _incidents(registry: CollectorRegistry):  # type: ignore[no-untyped-def]
    metrics, lag = IncidentsMetrics(registry), LagMetrics(registry)

    def work(at_ms: int) -> None:
        metrics.recorded(3, 1, 1)
        metrics.committed([at_ms - 60.0, at_ms - 90.0], float(at_ms))
        lag.show({("alerts", shard): 0 for shard in range(4)})

    return work


def _series(registry: CollectorRegistry):  # type: ignore[no-untyped-def]
    metrics, lag = SeriesMetrics(registry), LagMetrics(registry)
    metrics.away.set(0)

    def work(_at_ms: int) -> None:
        metrics.written(1_200, 0, 0.05)
        metrics.behind.set(0)
        lag.show({("readings", shard): 2 for shard in range(4)})

    return work


_WORK = {"ingest": _ingest, "detect": _detect, "incidents": _incidents, "series": _series}
