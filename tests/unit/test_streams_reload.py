"""Rules that are published while a worker judges: what goes on, what begins anew, what is refused, and what is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from alerts.publishing import RuleVersion
from alerts.store import schema
from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from city.levels import Level
from city.log import ALERTS, BATCH, KIND, READINGS, TICK
from city.readings import Tick, batch_of, encode, encode_tick
from city.transitions import Transition, decode_transition
from streams.checkpoint import CheckpointStore
from streams.detect import DetectOptions, Detector
from streams.metrics import DetectMetrics
from streams.rules import RuleSource
from tests.cities import WATER_DEPTH, gauges, small_city
from tests.unit.logs import Log

WATER = """class: waterlogging
rules:
  - id: deep
    title: 积水深度
    indicator: water_depth
    levels: {red: 40 cm}
    hold: 5m
    evidence: {min_samples: 2, max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    step: ignore
    source: operator default
  - id: wet
    title: 见水
    indicator: water_depth
    levels: {blue: 10 cm}
    evidence: {max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    step: ignore
    source: operator default
"""
OTHER_WET = WATER.replace("blue: 10 cm", "blue: 12 cm")
NO_WET = WATER[: WATER.index("  - id: wet")]
OTHER_WORDS = WATER.replace("积水深度", "积水太深")
BROKEN = WATER.replace("water_depth", "water_dpeth")
START_MS, MINUTE_MS = 1_694_066_400_000, 60_000


def files(water: str) -> dict[str, str]:
    return {"p/pack.yaml": "pack: p\nversion: '1'\ntitle: 包\n", "p/water.yaml": water}


@dataclass
class Road:
    """A road with a gauge, a worker that judges it, and the store of its rules."""

    folder: Path
    log: Log = field(default_factory=Log)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    seq: int = 0

    def __post_init__(self) -> None:
        for name, text in files(WATER).items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        self.city = small_city(gauges(1))
        self.database = Database(f"sqlite:///{self.folder / 'road.db'}")
        self.database.migrate()
        self.store = RuleStore(self.database)
        self.begin()

    def begin(self) -> None:
        """A new worker on the same store, as after a crash."""
        self.source = RuleSource(self.store, self.city, self.folder / "p", "detect-1")
        self.rules = self.source.begin()
        options = DetectOptions("detect-1", "a-log", 1, checkpoint_s=3600.0)
        self.registry = CollectorRegistry()
        metrics = DetectMetrics(self.registry)
        store, earlier = CheckpointStore(self.database), self.source.earlier
        self.detector = Detector(self.log, store, self.city, self.rules, options, metrics, None, earlier)

    def publish(self, water: str) -> None:
        made = {"pack": "p", "label": "1", "title": "包", "meaning": "m", "by": "Li", "why": "storm", "at_ms": 7}
        proposal = self.store.propose(RuleVersion(number=0, files=files(water), **made))
        self.store.approve(proposal.id, "Wang", int(wall_ms()))

    async def followed(self) -> None:
        """Until the worker has gone over to what was published, or refused it."""
        reports, following = self.reports, asyncio.create_task(self.source.follow(self.rules, self._take))
        async with asyncio.timeout(30):
            while self.reports == reports:
                assert not following.done(), following.result()
                await asyncio.sleep(0.01)
        following.cancel()

    async def _take(self, rules: Any) -> dict[str, Any]:
        told = await self.detector.reload(rules)
        self.rules = rules
        return told

    @property
    def reports(self) -> list[Any]:
        with self.database.reading() as connection:
            return [row.report for row in connection.execute(select(schema.rule_reports))]

    @property
    def status(self) -> dict[str, Any]:
        """What the checkpoint tells of the rules."""
        with self.database.reading() as connection:
            return connection.execute(select(schema.shards.c.status)).scalar_one()["rules"]

    async def at(self, minute: float, depth_cm: float | None = None) -> None:
        """Time comes to a minute, with a reading perhaps."""
        now_ms = START_MS + int(minute * MINUTE_MS)
        records = [self.log.record(READINGS, encode_tick(Tick("i", now_ms, MINUTE_MS, True, 0.0)), {KIND: TICK})]
        if depth_cm is not None:
            self.seq += 1
            value = encode(batch_of([1], [WATER_DEPTH], [now_ms], [depth_cm], [self.seq], [0]))
            records.append(self.log.record(READINGS, value, {KIND: BATCH}))
        await self.log.hand_on(*records)

    @property
    def alerts(self) -> list[tuple[str, int, float]]:
        """Rule, level and minute of everything that was said."""
        return [(t.rule, t.level_to.value, (t.log_ms - START_MS) / MINUTE_MS) for t in self.said]

    @property
    def said(self) -> list[Transition]:
        return [decode_transition(w.value) for w in self.log.written if w.topic == ALERTS]

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"qianshao_detect_{name}", labels)


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    road = Road(tmp_path)
    yield road
    road.database.dispose()


async def test_a_hold_that_is_half_done_goes_on_and_fires_when_it_should(road: Road) -> None:
    for minute in range(3):
        await road.at(minute, 50.0)
    road.publish(OTHER_WET)
    await road.followed()
    for minute in range(3, 7):
        await road.at(minute, 50.0)
    assert ("deep", Level.RED.value, 5.0) in road.alerts


async def test_the_alert_of_a_changed_rule_ends_and_comes_again_and_others_are_left_alone(road: Road) -> None:
    for minute in range(7):
        await road.at(minute, 50.0)
    road.publish(OTHER_WET)
    await road.followed()
    await road.at(7, 50.0)
    assert road.alerts == [
        ("wet", Level.BLUE.value, 0.0),
        ("deep", Level.RED.value, 5.0),
        ("wet", Level.NONE.value, 6.0),
        ("wet", Level.BLUE.value, 7.0),
    ]
    before, after = [t.rule_version for t in road.said if t.rule == "wet" and t.level_to]
    assert before != after, "an alert says by which rule it came"


@pytest.mark.parametrize(
    ("water", "kept", "reset", "dropped"),
    [(OTHER_WORDS, 2, 0, 0), (OTHER_WET, 1, 1, 0), (NO_WET, 1, 0, 1)],
)
async def test_what_became_of_the_timers_is_counted_told_and_reported(
    road: Road, water: str, kept: int, reset: int, dropped: int
) -> None:
    await road.at(0, 50.0)
    road.publish(water)
    await road.followed()
    counts = {"kept": kept, "reset": reset, "dropped": dropped}
    assert {fate: road.count("reload_timers_total", fate=fate) for fate in counts} == counts
    assert counts.items() <= road.status.items()
    assert counts.items() <= road.reports[0].items() and road.reports[0]["shards"] == 1
    assert (road.status["number"], road.status["sequence"], road.count("rules_version")) == (1, 1, 1)
    assert road.count("reload_pause_seconds_count") == 1


async def test_what_became_of_the_timers_is_still_told_by_who_owns_the_shard_next(road: Road) -> None:
    await road.at(0, 50.0)
    road.publish(OTHER_WET)
    await road.followed()
    road.begin()
    await road.at(1, 50.0)
    await road.detector._save(road.detector._owned[0])
    assert {"kept": 1, "reset": 1, "dropped": 0}.items() <= road.status.items()


async def test_who_owns_a_shard_next_and_judges_by_other_rules_tells_what_became_of_the_timers(road: Road) -> None:
    await road.at(0, 50.0)
    await road.detector._save(road.detector._owned[0])
    (road.folder / "p" / "water.yaml").write_text(NO_WET)
    road.begin()
    await road.at(1, 50.0)
    await road.detector._save(road.detector._owned[0])
    assert {"kept": 1, "reset": 0, "dropped": 1}.items() <= road.status.items()


async def test_a_version_that_does_not_load_is_refused_whole_and_the_old_one_goes_on(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    await road.at(0, 20.0)
    road.publish(BROKEN)
    await road.followed()
    assert "published rules refused" in capsys.readouterr().out
    assert road.count("rules_refused") == 1 and road.count("reload_pause_seconds_count") == 0
    refused = road.status["refused"]
    assert (road.status["number"], refused["version"]) == (None, 1)
    assert "p/water.yaml:5:16" in refused["why"] and "water_dpeth" in refused["why"]
    for minute in range(1, 8):
        await road.at(minute, 50.0)
    assert ("deep", Level.RED.value, 6.0) in road.alerts
    road.publish(OTHER_WET)
    await road.followed()
    assert (road.count("rules_refused"), road.status["refused"], road.status["number"]) == (0, None, 2)


async def test_a_worker_that_starts_judges_by_what_is_in_force_or_by_the_last_that_loads(road: Road) -> None:
    road.publish(OTHER_WET)
    road.publish(BROKEN)
    road.begin()
    assert (road.rules.version, road.rules.refused.version, road.rules.seen) == (1, 2, 2)
    assert road.count("rules_refused") == 1
    await road.at(0, 11.0)
    assert road.alerts == [], "11 cm is wet no more"


async def test_a_checkpoint_is_made_at_the_swap_before_anything_is_judged_by_the_new_rules(road: Road) -> None:
    for minute in range(3):
        await road.at(minute, 50.0)
    road.publish(OTHER_WET)
    await road.followed()
    with road.database.reading() as connection:
        row = connection.execute(select(schema.shards)).one()
    assert row.offset == road.detector.offsets[0]
    assert road.log.acknowledged[-1] == row.offset


async def test_after_a_crash_what_was_judged_by_the_old_rules_is_judged_again_by_them_and_ended(road: Road) -> None:
    """Published while the worker is down: the alert that it had announced, and not saved, is known and ended."""
    await road.at(0, 1.0)
    await road.detector._save(road.detector._owned[0])  # the last that it saves
    await road.at(1, 20.0)
    assert road.alerts == [("wet", Level.BLUE.value, 1.0)]
    road.publish(NO_WET)
    road.begin()
    road.log.back(2)
    await road.at(1, 20.0)
    first, again = road.said
    assert again.id == first.id, "the same again, by the same rules"
    running = asyncio.create_task(road.detector.run())
    async with asyncio.timeout(30):
        while road.status["number"] != 1:
            await asyncio.sleep(0.01)
    running.cancel()
    assert (road.said[-1].alert, road.said[-1].level_to) == (first.alert, Level.NONE)


async def test_a_rollback_gives_the_same_alerts_as_before(road: Road) -> None:
    async def flood(first: int) -> list[tuple[str, str, int, float]]:
        begun = len(road.said)
        for minute in range(first, first + 30):
            await road.at(minute, 50.0 if minute < first + 10 else 1.0)
        return [(t.rule, t.rule_version, t.level_to.value, minute - first) for t, (_, _, minute) in _of(road, begun)]

    before = await flood(0)
    road.publish(OTHER_WET)
    road.publish(WATER)
    await road.followed()
    assert await flood(30) == before and len(before) == 4


def _of(road: Road, begun: int) -> list[Any]:
    return list(zip(road.said, road.alerts, strict=True))[begun:]
