"""What a detect worker tells of itself: which record an alert came of, how long that took, how readings ended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.store.database import Database
from city.clock import wall_ms
from city.log import ALERTS, BATCH, DEAD_LETTERS, KIND, READINGS, TICK
from city.readings import Tick, batch_of, encode, encode_tick
from city.transitions import decode_transition
from streams import detect
from streams.app import Record
from streams.checkpoint import CheckpointStore
from streams.detect import DetectOptions, Detector
from streams.metrics import DetectMetrics
from streams.rules import RulesInForce
from tests.cities import WATER_DEPTH, gauges, small_city
from tests.unit.logs import Log, Spans
from tests.unit.packs import pack

DEEP = """
class: waterlogging
rules:
  - id: deep
    title: 积水深度
    indicator: water_depth
    levels: {red: 40 cm}
    evidence: {min_samples: 1, max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    step: ignore
    source: operator default
"""
GAUGE_OFF = """
class: waterlogging
rules:
  - id: gauge-offline
    title: 水尺失联
    nature: device
    device_types: [gauge]
    absence: {of: any, levels: {blue: 10m}}
    clear: {for: 1m}
    source: operator default
"""
START_MS, MINUTE_MS = 1_694_066_400_000, 60_000
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INGEST = "ingest-1"


@dataclass
class Worker:
    """A detect worker that owns the one shard of a road with two gauges."""

    database: Database
    log: Log = field(default_factory=Log)
    spans: Spans = field(default_factory=Spans)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    over: bool = False

    def __post_init__(self) -> None:
        self.detector = Detector(
            self.log,
            CheckpointStore(self.database),
            small_city(gauges(2)),
            RulesInForce(pack(DEEP, GAUGE_OFF), 0.0),
            DetectOptions("detect-1", "a-log", 1, checkpoint_s=0.04),
            DetectMetrics(self.registry),
            self.spans,
            over=lambda: self.over,
        )

    def reading(self, gauge: int, depth_cm: float, seq: int = 1, age_s: float = 0.0, **headers: bytes) -> Record:
        """A record that the log got so long ago."""
        value = encode(batch_of([gauge], [WATER_DEPTH], [START_MS], [depth_cm], [seq], [0]))
        return self.log.record(READINGS, value, {KIND: BATCH, **headers}, wall_ms() - 1000 * age_s)

    def tick(self, minutes: int = 0, up: bool = True, **headers: bytes) -> Record:
        tick = Tick(INGEST, START_MS + minutes * MINUTE_MS, MINUTE_MS, up, wall_ms())
        return self.log.record(READINGS, encode_tick(tick), {KIND: TICK, **headers}, wall_ms())

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"qianshao_{name}", labels) or 0.0

    @property
    def alerts(self) -> list[tuple[str, dict[str, bytes]]]:
        """Subject and headers of each alert that was written."""
        return [(decode_transition(w.value).subject, w.headers) for w in self.log.written if w.topic == ALERTS]


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    database = Database(f"sqlite:///{tmp_path / 'detect.db'}")
    database.migrate()
    worker = Worker(database)
    await worker.log.hand_on(worker.tick())
    yield worker
    database.dispose()


async def saved(worker: Worker) -> None:
    """Until all that the log has was saved, however long after the last time that ought to be."""
    for shard in worker.detector._owned.values():
        shard.next_checkpoint_s = 0.0
    running = asyncio.create_task(worker.detector.run())
    async with asyncio.timeout(30):
        while len(worker.log.acknowledged) <= worker.detector.offsets[0]:
            await asyncio.sleep(0)
    running.cancel()


async def test_records_that_were_gone_from_the_log_before_they_were_read_are_counted_once(worker: Worker) -> None:
    assert worker.count("detect_lost_records_total") == 0
    _gone, _gone_too = worker.reading(1, 5.0), worker.reading(2, 5.0)
    await worker.log.hand_on(worker.reading(1, 6.0, 2), worker.reading(2, 6.0, 2))
    await worker.log.hand_on(worker.reading(1, 7.0, 3))
    assert worker.count("detect_lost_records_total") == 2


async def test_a_record_that_comes_again_within_a_group_is_judged_once_and_is_no_loss(worker: Worker) -> None:
    first, second = worker.reading(1, 5.0), worker.reading(2, 5.0)
    await worker.log.hand_on(first, second, first, second)
    assert worker.count("detect_readings_total") == 2
    assert worker.count("detect_lost_records_total") == 0
    assert worker.detector.offsets == {0: second.offset}


async def test_an_alert_says_when_the_log_got_the_reading_that_it_came_of(worker: Worker) -> None:
    records = [worker.reading(1, 5.0, age_s=9), worker.reading(2, 50.0, age_s=6), worker.reading(1, 50.0, 2, age_s=3)]
    await worker.log.hand_on(*records)
    assert worker.alerts == [
        ("G2", {"origin_ms": b"%d" % records[1].written_ms}),
        ("G1", {"origin_ms": b"%d" % records[2].written_ms}),
    ]


async def test_an_alert_that_time_alone_made_says_when_the_log_got_the_tick(worker: Worker) -> None:
    ticks = [worker.tick(minutes) for minutes in (5, 9, 14, 18)]
    await worker.log.hand_on(*ticks)
    late = ticks[-1]
    assert worker.alerts == [(gauge, {"origin_ms": b"%d" % late.written_ms}) for gauge in ("G1", "G2")]


async def test_a_record_without_a_time_makes_alerts_without_one(worker: Worker) -> None:
    record = worker.reading(1, 50.0)
    record.written_ms = None
    await worker.log.hand_on(record)
    assert worker.alerts == [("G1", {})]
    assert worker.count("detect_delay_seconds_count") == 1, "of the tick alone"


async def test_delays_are_counted_from_the_log_having_a_record(worker: Worker) -> None:
    await worker.log.hand_on(worker.reading(1, 5.0, age_s=20), worker.reading(2, 5.0, age_s=-20))
    assert worker.count("detect_delay_seconds_count") == 3
    assert worker.count("detect_delay_seconds_sum") >= 20, "a clock that is ahead makes no negative delay"


async def test_readings_transitions_and_how_readings_ended_are_counted(worker: Worker) -> None:
    await worker.log.hand_on(worker.reading(1, 50.0), worker.reading(9, 50.0), worker.reading(2, 5.0))
    await saved(worker)
    assert worker.count("detect_readings_total") == 3
    assert worker.count("detect_transitions_total", nature="hazard", level="red") == 1
    assert worker.count("detect_transitions_total", nature="device", level="red") == 0
    assert worker.count("detect_outcomes_total", outcome="judged") == 2
    assert worker.count("detect_outcomes_total", outcome="unknown") == 1


async def test_an_outcome_is_counted_once_however_often_a_shard_is_saved(worker: Worker) -> None:
    for seq in range(3):
        await worker.log.hand_on(worker.reading(1, 5.0, seq))
        await saved(worker)
    assert worker.count("detect_outcomes_total", outcome="judged") == 3
    assert worker.count("detect_checkpoint_seconds_count") == 3


async def test_what_the_worker_owns_is_told_until_it_is_given_up(worker: Worker) -> None:
    await worker.log.hand_on(worker.tick(1, up=False))
    await saved(worker)
    assert (worker.count("detect_shards"), worker.count("detect_blind_shards")) == (1, 1)
    assert worker.count("detect_checkpoint_bytes") > 0
    await worker.log.take_away((READINGS, 0))
    assert (worker.count("detect_shards"), worker.count("detect_blind_shards")) == (0, 0)
    assert worker.count("detect_checkpoint_bytes") == 0


async def test_a_trace_goes_on_from_the_record_to_the_alerts_that_came_of_it(worker: Worker) -> None:
    traced, plain = worker.reading(1, 50.0, traceparent=PARENT), worker.reading(2, 50.0)
    await worker.log.hand_on(traced, plain)
    (span,) = worker.spans.begun
    assert (span.name, span.parent) == ("detect", PARENT)
    assert span.attributes == {
        "qianshao.worker": "detect-1",
        "qianshao.shard": 0,
        "qianshao.offset": traced.offset,
        "qianshao.alerts": 1,
        "qianshao.rules": ["deep"],
    }
    assert 0 < span.start_ms <= span.end_ms
    assert [headers.get("traceparent") for _, headers in worker.alerts] == [span.traceparent, None]


async def test_a_record_of_which_nothing_came_has_no_span(worker: Worker) -> None:
    await worker.log.hand_on(worker.reading(1, 5.0, traceparent=PARENT), worker.tick(1, traceparent=PARENT))
    assert worker.spans.begun == []


async def test_one_span_stands_for_all_alerts_of_a_tick(worker: Worker) -> None:
    await worker.log.hand_on(*(worker.tick(minutes, traceparent=PARENT) for minutes in (5, 9, 14, 18)))
    (span,) = worker.spans.begun
    assert span.attributes["qianshao.alerts"] == 2
    assert [headers["traceparent"] for _, headers in worker.alerts] == [span.traceparent] * 2


async def test_what_nobody_can_read_is_named_with_its_trace(worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    garbage = worker.log.record(READINGS, b"\xff", {KIND: BATCH, "traceparent": PARENT}, wall_ms())
    await worker.log.hand_on(garbage)
    assert [written.topic for written in worker.log.written] == [DEAD_LETTERS]
    said = capsys.readouterr().out
    assert "poison record" in said and "trace=4bf92f3577b34da6a3ce929d0e0e4736" in said


async def test_a_log_that_goes_quiet_is_told_as_blind_but_not_when_a_play_is_over(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "QUIET_S", 0.0)
    worker.over = True
    await saved(worker)
    assert worker.alerts == []
    worker.over = False
    running = asyncio.create_task(worker.detector.run())
    async with asyncio.timeout(30):
        while not worker.alerts:
            await asyncio.sleep(0)
    running.cancel()
    assert worker.alerts == [(INGEST, {})]
