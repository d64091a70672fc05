"""What there is on record of a journey: in the log, and in the store; and what should be there, by an undisturbed
judgement of the same log."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import select

from alerts.book import Book
from alerts.deadlines import load_policy
from alerts.incidents import Desk
from alerts.store import schema
from alerts.store.database import Database
from city.city import City
from city.fleet import fleet_of
from city.log import ALERTS, DEAD_LETTERS, KIND, READINGS, TICK
from city.readings import Batch, Tick, decode, decode_tick
from city.sharding import fleets_of_shards
from city.tables import shipped_pack
from city.transitions import Transition, decode_transition
from ingest.dead_letters import DeadLetter, decode_dead_letter
from rules.engine.shard import Shard
from rules.language.load import load_pack
from rules.language.pack import Pack
from streams.poison import UNREADABLE
from tests.journeys.devices import Trace
from tests.journeys.district import RULES, SHARDS


@dataclass
class Record:
    """The whole log. `said`: batches and ticks of each shard, in order, but for those that nobody can read. `alerts`:
    transitions as they were written, repetitions too."""

    said: list[list[Batch | Tick]] = field(default_factory=lambda: [[] for _ in range(SHARDS)])
    alerts: list[Transition] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def lost(self, traces: Iterable[Trace], city: City) -> list[Trace]:
        """What left no trace: not one of its readings missing, or its payload among the dead letters."""
        number = {device.id: device.number for device in city.devices.values()}
        indicator = {(i.risk_class, i.id): i.number for i in city.catalogue.indicators}
        readings = set(self.readings)
        refused = {letter.payload_crc for letter in self.letters}

        def found(trace: Trace) -> bool:
            of_class = city.area_of(city.devices[trace.device]).risk_class
            numbers = [indicator.get((of_class, name)) or indicator["common", name] for name in trace.indicators]
            if not numbers:
                return trace.crc in refused
            return all((number[trace.device], trace.seq, n) in readings for n in numbers)

        return [trace for trace in traces if not found(trace)]

    @property
    def log_ms(self) -> int:
        """How far the log has come: the newest tick of the shard that lags most."""
        return min(max(tick.clock_ms for tick in shard if isinstance(tick, Tick)) for shard in self.said)

    @property
    def readings(self) -> list[tuple[int, int, int]]:
        """(device, seq, indicator) of every reading in the log, repetitions too."""
        return [
            reading
            for b in self.batches
            for reading in zip(b.device.tolist(), b.seq.tolist(), b.indicator.tolist(), strict=True)
        ]

    @property
    def batches(self) -> list[Batch]:
        return [entry for shard in self.said for entry in shard if isinstance(entry, Batch)]

    def judged(self, city: City, pack: Pack | None = None) -> list[Transition]:
        """What an engine that was never disturbed says of this log, by the rules of journeys or others."""
        return self.judgement(city, pack).transitions

    def judgement(self, city: City, pack: Pack | None = None) -> "Judgement":
        """The log as it is judged by an engine a shard that nothing disturbs."""
        fleet, pack = fleet_of(city), pack or load_pack(RULES, city.catalogue)
        engines = [Shard(city, of, pack) for of in fleets_of_shards(fleet, SHARDS)]
        transitions: list[Transition] = []
        last: list[list[Transition]] = [[] for _ in engines]
        for shard, (engine, said) in enumerate(zip(engines, self.said, strict=True)):
            for entry in said:
                last[shard] = engine.tick(entry) if isinstance(entry, Tick) else engine.apply(entry)
                transitions += last[shard]
        return Judgement(engines, transitions, last)


@dataclass(frozen=True)
class Judgement:
    """`engines`: those of the shards, as the log leaves them. `transitions`: all that they said; `last`: each of them,
    of the last entry of its shard."""

    engines: list[Shard]
    transitions: list[Transition]
    last: list[list[Transition]]

    @property
    def outcomes(self) -> Counter[str]:
        """How many readings ended how, in all shards."""
        return sum((Counter(engine.outcomes) for engine in self.engines), Counter())


def read_log(kafka: str) -> Record:
    """Everything that is in the log now."""
    return asyncio.run(_read_log(kafka))


async def _read_log(kafka: str) -> Record:
    record = Record()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for topic in (READINGS, ALERTS) for n in range(SHARDS)]
        partitions.append(TopicPartition(DEAD_LETTERS, 0))
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for partition, found in (await consumer.getmany(timeout_ms=500, max_records=5000)).items():
                for entry in found:
                    _note(record, partition, dict(entry.headers), entry.value or b"")
    finally:
        await consumer.stop()
    return record


def _note(record: Record, partition: TopicPartition, headers: dict[str, bytes], value: bytes) -> None:
    if partition.topic == DEAD_LETTERS:
        record.letters.append(decode_dead_letter(value))
    elif partition.topic == ALERTS:
        record.alerts.append(decode_transition(value))
    else:
        with suppress(*UNREADABLE):
            record.said[partition.partition].append(decode_tick(value) if headers.get(KIND) == TICK else decode(value))


@dataclass(frozen=True)
class Desks:
    """What has come of transitions. Ids follow from what happened, so two desks that heard the same have the same."""

    transitions: Counter[str]
    incidents: Counter[tuple[Any, ...]]
    tickets: Counter[tuple[Any, ...]]
    steps: Counter[tuple[Any, ...]]
    told: Counter[str]

    def differences(self, due: "Desks") -> list[str]:
        """What is missing (-) and what is too much (+) here, compared with what is due."""
        differences = []
        for name, there in vars(self).items():
            should = getattr(due, name)
            differences += [f"- {name}: {what} x{n}" for what, n in (should - there).items()]
            differences += [f"+ {name}: {what} x{n}" for what, n in (there - should).items()]
        return differences


def desk_of(transitions: Iterable[Transition], city: City) -> Desks:
    """What an undisturbed desk makes of transitions."""
    book = Book()
    desk = Desk(city, load_policy(shipped_pack("baoan")), book)
    for transition in transitions:
        desk.take(transition)
    return Desks(
        Counter(t.id for t in book.new_transitions),
        Counter((i.id, i.key, i.version, i.level, i.peak_level, i.alerts) for i in book.incidents.values()),
        Counter((t.id, t.incident, t.state.value, t.level) for t in book.tickets.values()),
        Counter((step.ticket, step.action, step.level) for step in book.steps),
        Counter(event.id for event in book.events),
    )


def desk_in(database: Database) -> Desks:
    """What is in the store."""
    t = schema
    with database.reading() as connection:

        def rows(*columns: Any) -> Counter[Any]:
            found = connection.execute(select(*columns))
            return Counter(row[0] if len(columns) == 1 else tuple(row) for row in found)

        i, k, s = t.incidents.c, t.tickets.c, t.ticket_events.c
        steps = connection.execute(select(s.ticket, s.action, s.detail))
        return Desks(
            rows(t.transitions.c.id),
            rows(i.id, i.key, i.version, i.level, i.peak_level, i.alerts),
            rows(k.id, k.incident, k.state, k.level),
            Counter((ticket, action, detail["level"]) for ticket, action, detail in steps),
            rows(t.outbox.c.id),
        )
