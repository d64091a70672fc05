"""What came of a live play: counted from the store, the log and the simulator's ledger, each on its own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import func, select

from alerts.store import schema as t
from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore
from city.city import City
from city.log import BATCH, DEAD_LETTERS, KIND, READINGS
from city.readings import decode
from ingest.dead_letters import decode_dead_letter
from qianshao.observed import details, observed_in_store, summary
from qianshao.system import System
from simulators.ledger import Entry, read_ledger
from simulators.scenario import Scenario
from simulators.score import Score, score


@dataclass(frozen=True)
class Account:
    """Figures of a play. latency_ms: from publishing the reading that opened a ticket to the ticket, wall time;
    by_time_ms: from the tick that opened one. lost: published messages of which neither a reading nor a dead letter is
    in the log."""

    published: int
    readings: int
    dead_letters: dict[str, int]
    alerts: int
    incidents: int
    tickets: int
    lost: int
    latency_ms: list[float]
    by_time_ms: list[float]
    score: Score

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "messages_published": self.published,
            "readings_judged": self.readings,
            "dead_letters": self.dead_letters,
            "alerts": self.alerts,
            "incidents": self.incidents,
            "tickets": self.tickets,
            **summary(self.score),
            "publish_to_ticket_ms": percentiles(self.latency_ms),
            "tick_to_ticket_ms": percentiles(self.by_time_ms),
            "lost": self.lost,
            **details(self.score),
        }


def account(system: System, scenario: Scenario, city: City, ledger: Path) -> Account:
    """Account of a play whose log is drained."""
    database = system.database
    entries = list(read_ledger(ledger)) if ledger.exists() else []
    first_sent = {(entry.device, entry.seq): entry.wall_ms for entry in reversed(entries)}
    latency_ms, by_time_ms = _latencies(database, first_sent)
    return Account(
        published=len(entries),
        readings=_readings(database),
        dead_letters=DeadLetterStore(database).totals(),
        alerts=_count(database, t.alerts),
        incidents=_count(database, t.incidents),
        tickets=_count(database, t.tickets),
        lost=asyncio.run(_lost(system, city, entries)),
        latency_ms=latency_ms,
        by_time_ms=by_time_ms,
        score=score(scenario.expected(city), observed_in_store(database)),
    )


def percentiles(values: list[float]) -> dict[str, float | int | None]:
    """{p50, p99, n} of some values; None where there are none."""
    if not values:
        return {"p50": None, "p99": None, "n": 0}
    p50, p99 = np.percentile(values, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "n": len(values)}


def _count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _readings(database: Database) -> int:
    with database.reading() as connection:
        return sum(row.status.get("readings", 0) for row in connection.execute(select(t.shards)))


def _latencies(database: Database, published: dict[tuple[str, int], float]) -> tuple[list[float], list[float]]:
    """From cause to ticket, of tickets opened by a reading and of those opened by time alone, ms of wall time."""
    query = select(t.tickets.c.opened_wall_ms, t.transitions.c.detail)
    by_reading, by_time = [], []
    with database.reading() as connection:
        for opened_ms, detail in connection.execute(
            query.join(t.transitions, t.transitions.c.id == t.tickets.c.opening)
        ):
            trigger, tick_ms = detail.get("trigger"), detail.get("wall_ms")
            sent_ms = published.get((trigger["device"], trigger["seq"])) if trigger else None
            if sent_ms is not None:
                by_reading.append(opened_ms - sent_ms)
            elif tick_ms is not None:
                by_time.append(opened_ms - tick_ms)
    return by_reading, by_time


async def _lost(system: System, city: City, entries: list[Entry]) -> int:
    """Published messages that left no trace in the log: no reading of their device and seq, and no dead letter."""
    consumer = AIOKafkaConsumer(bootstrap_servers=system.settings.kafka.servers)
    await consumer.start()
    try:
        read, refused = await _traces(consumer, system.settings.kafka.shards)
    finally:
        await consumer.stop()
    number = {device.id: device.number for device in city.devices.values()}
    return sum(
        _trace(number.get(entry.device, 0), entry.seq) not in read and entry.crc not in refused for entry in entries
    )


def _trace(number: int, seq: int) -> int:
    return number << 32 | seq


async def _traces(consumer: AIOKafkaConsumer, shards: int) -> tuple[set[int], set[int]]:
    """(device, seq) of every reading in the log, and checksums of every refused payload."""
    partitions = [TopicPartition(READINGS, shard) for shard in range(shards)] + [TopicPartition(DEAD_LETTERS, 0)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    ends = await consumer.end_offsets(partitions)
    read: set[int] = set()
    refused: set[int] = set()
    while any([await consumer.position(p) < end for p, end in ends.items()]):
        for partition, records in (await consumer.getmany(timeout_ms=500, max_records=2000)).items():
            for record in records:
                if partition.topic == DEAD_LETTERS:
                    refused.add(decode_dead_letter(record.value).payload_crc)
                elif dict(record.headers).get(KIND) == BATCH:
                    batch = decode(record.value)
                    read.update((batch.device.astype(np.int64) << 32 | batch.seq).tolist())
    return read, refused
