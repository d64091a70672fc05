"""Detect workers side by side, on a log that the test writes itself: seconds of gauges, some of them always under
water, and a tick before each."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import select

from alerts.store import schema
from alerts.store.database import Database
from city.city import City
from city.clock import wall_ms
from city.fleet import fleet_of
from city.log import BATCH, KIND, READINGS, TICK
from city.readings import Tick, batch_of, encode, encode_tick
from city.sharding import shard_of_rows
from qianshao.settings import DetectSettings, KafkaSettings, Settings
from qianshao.supervisor import Child
from streams.checkpoint import CheckpointStore
from streams.topics import ensure_topics
from tests.journeys.account import said_beside_the_log
from tests.journeys.devices import SENTRY, bao_an
from tests.journeys.district import LOG_TAIL, SHARDS, settings_of
from tests.journeys.record import Record, desk_of, read_log
from tests.waiting import until

SECOND_MS = 1_000
UNDER_WATER_S, CYCLE_S = 6, 10
"""Of each ten seconds a gauge stands six under water; the next gauge a second later."""
START_S = 60
INGEST = "ingest-1"
LOST = "records lost before they were judged"
LOGS = ("Kafka", "the embedded log")


@dataclass
class Log:
    """The readings of a district, second by second. `kafka`: host:port of a log that nobody else writes. `written`:
    records so far, by shard."""

    kafka: str
    city: City = field(default_factory=bao_an)
    now_ms: int = field(default_factory=lambda: int(wall_ms()))
    seconds: int = 0
    written: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.id = asyncio.run(ensure_topics(self.kafka, SHARDS))
        fleet = fleet_of(self.city)
        shard_of = dict(zip(fleet.number.tolist(), shard_of_rows(fleet, SHARDS).tolist(), strict=True))
        gauges = [device.number for device in self.city.devices.values() if device.type != SENTRY]
        self._gauges = [[number for number in gauges if shard_of[number] == shard] for shard in range(SHARDS)]
        named = {(i.risk_class, i.id): i.number for i in self.city.catalogue.indicators}
        self._depth = named["waterlogging", "water_depth"]

    def go_on(self, seconds: int) -> None:
        """So many seconds more, in every shard."""
        records = []
        for _ in range(seconds):
            self.now_ms, self.seconds = self.now_ms + SECOND_MS, self.seconds + 1
            for shard in range(SHARDS):
                records += [(shard, TICK, self._tick()), (shard, BATCH, self._batch(shard))]
        self.write(*records)

    def write(self, *records: tuple[int, bytes, bytes | None]) -> None:
        """Records of (shard, kind, value), in their order."""
        asyncio.run(_write(self.kafka, records))
        self.written.update(shard for shard, *_ in records)

    def forget(self) -> None:
        """Remove everything, as Kafka does when it is too old."""
        asyncio.run(_forget(self.kafka))

    def read(self) -> Record:
        return read_log(self.kafka)

    def said(self) -> bool:
        """Whether everything that follows from the log has been said. Something follows from the last record of each
        shard: so whoever judges them has nothing left to take in, and will have saved all of it when he has left."""
        record = self.read()
        judgement = record.judgement(self.city)
        assert all(judgement.last), "the log ends with what says nothing"
        return {t.id for t in judgement.transitions} <= {t.id for t in record.alerts}

    def _batch(self, shard: int) -> bytes:
        numbers = self._gauges[shard]
        n, at_ms = len(numbers), self.now_ms
        depths = [50.0 if (self.seconds + place) % CYCLE_S < UNDER_WATER_S else 1.0 for place in range(n)]
        return encode(batch_of(numbers, [self._depth] * n, [at_ms] * n, depths, [self.seconds] * n, [0] * n))

    def _tick(self) -> bytes:
        return encode_tick(Tick(INGEST, self.now_ms, SECOND_MS, True, wall_ms()))


async def _forget(kafka: str) -> None:
    partitions = [TopicPartition(READINGS, shard) for shard in range(SHARDS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        ends = await consumer.end_offsets(partitions)
        await admin.delete_records({partition: RecordsToDelete(end) for partition, end in ends.items()})
    await admin.close()


async def _write(kafka: str, records: tuple[tuple[int, bytes, bytes | None], ...]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for shard, kind, value in records:
            await producer.send(READINGS, value, key=b"", partition=shard, headers=[(KIND, kind)])


@dataclass
class Workers:
    """Processes by name, on one log and one store."""

    settings: Settings
    log: Log
    database: Database
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, *names: str, kind: str = "detect", checkpoint_s: float = 3600.0) -> list[Child]:
        """Start workers and wait until each has partitions. `checkpoint_s`: an hour, so that they save at once and when
        they are asked to leave, and not between."""
        for name in names:
            folder = self.settings.data / name
            folder.mkdir()
            detect = DetectSettings(name=name, checkpoint_s=checkpoint_s)
            self.children[name] = Child(kind, self.settings.model_copy(update={"detect": detect}), folder)
            self.children[name].start()
        started = [self.children[name] for name in names]
        self.until(lambda: all(child.ready for child in started), f"{names} work")
        return started

    def until(self, happened: Callable[[], object], what: str) -> None:
        until(happened, START_S, lambda: f"{what}\n{self.last_words()}")

    def owners(self) -> dict[int, str]:
        """Who has claimed each shard last."""
        return {row.shard: row.owner for row in self.shards()}

    def until_saved(self, *owners: str) -> None:
        """Let the log go on until these workers share the shards, and each shard was saved once: some of the log, or
        all of it. A shard is claimed when there is something to read in it, also by who gets it late."""

        def saved() -> bool:
            self.log.go_on(seconds=1)
            rows = [row for row in self.shards() if row.offset >= 0]
            return len(rows) == SHARDS and {row.owner for row in rows} == set(owners)

        self.until(saved, f"each shard is saved by one of {owners}")

    def until_unsaved(self, name: str) -> None:
        """Let the log go on until all that follows from it is said, and a worker has saved nothing of the last second
        of its shards. It would have, had it heard nothing for so long that it called them blind."""

        def unsaved() -> bool:
            self.log.go_on(seconds=1)
            self.until(self.log.said, "all that follows from the log is said")
            own = [row.log_ms for row in self.shards() if row.owner == name]
            return bool(own) and all(log_ms < self.log.now_ms for log_ms in own)

        self.until(unsaved, f"{name} has said what it has not saved")

    def have_caught_up(self) -> bool:
        """Whether each shard is saved to the end of the log."""
        return {row.shard: row.offset + 1 for row in self.shards()} == self.log.written

    def shards(self) -> list[Any]:
        """Their rows in the store."""
        with self.database.reading() as connection:
            return list(connection.execute(select(schema.shards)))

    def log_of(self, name: str) -> str:
        return self.children[name].log_file.read_text(errors="replace")

    def last_words(self) -> str:
        logs = {name: self.log_of(name).splitlines()[-LOG_TAIL:] for name in self.children}
        return "\n".join(line for name, lines in logs.items() for line in (f"--- {name}", *lines))

    def stop(self) -> None:
        """Have everybody save and leave."""
        for child in self.children.values():
            child.stop()


def settings_and_log(request: pytest.FixtureRequest, folder: Path) -> tuple[Settings, Log]:
    """For a fixture with the parameters LOGS: an empty log, and workers on it with a store of their own."""
    if request.param == "Kafka":
        log = Log(request.getfixturevalue("private_kafka").address)
        wait_ms, database = 500, request.getfixturevalue("postgres_url")
    else:
        log = Log(request.getfixturevalue("tansu").address)
        wait_ms, database = 25, ""
    kafka = KafkaSettings(servers=log.kafka, shards=SHARDS, fetch_wait_ms=wait_ms)
    return settings_of(folder, log.city, kafka=kafka, database=database), log


@contextmanager
def workers(settings: Settings, log: Log) -> Iterator[Workers]:
    """No workers yet; those that are started are killed at the end."""
    database = Database(settings.database)
    database.migrate()
    company = Workers(settings, log, database)
    try:
        yield company
    finally:
        for child in company.children.values():
            child.kill()
        database.dispose()


def assert_as_if_nothing_had_happened(company: Workers) -> None:
    """Every shard's state is, bit by bit, what one worker would have saved that read the log once; nobody missed
    anything; and a desk that hears what was said makes the same incidents and tickets of it."""
    record, city = company.log.read(), company.log.city
    judgement = record.judgement(city)
    beside = {t.id for t in said_beside_the_log(record, judgement.transitions)}
    assert judgement.transitions
    heard = desk_of([t for t in record.alerts if t.id not in beside], city)
    assert heard.differences(desk_of(judgement.transitions, city)) == []
    assert [name for name in company.children if LOST in company.log_of(name)] == []
    assert saved(company) == [engine.snapshot() for engine in judgement.engines]


def saved(company: Workers) -> list[bytes | None]:
    """The state of each shard, as whoever owns it next would find it."""
    store = CheckpointStore(company.database)
    return [store.claim(shard, "the test", company.log.id, 0.0).state for shard in range(SHARDS)]
