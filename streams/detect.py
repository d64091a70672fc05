"""Readings to transitions: a worker that owns some shards of the log and keeps their engines."""

import asyncio
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa
import structlog
from msgspec.structs import replace

from city.city import City
from city.clock import wall_ms
from city.fleet import Fleet, fleet_of
from city.levels import Level
from city.log import ALERTS, KIND, READINGS, TICK
from city.readings import Batch, Tick, decode, decode_tick, merge
from city.sharding import shard_of_rows
from city.transitions import Transition, encode_transition
from rules.engine.shard import Shard
from rules.language.pack import Pack
from streams.app import Partition, Record, StreamApp
from streams.checkpoint import Checkpoint, CheckpointStore, StaleFenceError
from streams.poison import set_aside

log = structlog.get_logger()

QUIET_S = 15.0  # wall time without a tick after which a shard is blind; patience of the engine is 10 s or 10 ticks
STOOD_STILL_S = 5.0  # between two looks at the clock, which are due several times a second
UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, KeyError, msgspec.MsgspecError)


@dataclass(frozen=True)
class DetectOptions:
    """`name`: of this worker, for logs and fences. `checkpoint_s`: wall time between checkpoints of a shard, longer
    where writing them would take more than a twentieth of the time."""

    name: str
    log_id: str
    shards: int
    checkpoint_s: float = 2.0


@dataclass
class OwnedShard:
    """A shard that this worker owns: the engine, what it has seen, and what still has to be acknowledged.

    `said_blind`: what was said beside the log while it was quiet, and nobody has taken back. `saving`: checkpoints are
    saved one after the other, so that an older one never comes to lie over a newer.
    """

    number: int
    engine: Shard
    fence: int
    offset: int
    saved_offset: int
    unacknowledged: list[Record] = field(default_factory=list)
    unconfirmed: list[Any] = field(default_factory=list)
    readings: int = 0
    transitions: int = 0
    last_reading_ms: int | None = None
    next_checkpoint_s: float = 0.0
    last_tick_s: float = 0.0
    quiet: bool = False
    said_blind: list[Transition] = field(default_factory=list)
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)


class Detector:
    """Judges what the app hands it. Alerts go out before the checkpoint that covers them; a replay after a crash
    makes the same alerts again, by the same ids."""

    def __init__(self, app: StreamApp, store: CheckpointStore, city: City, pack: Pack, options: DetectOptions) -> None:
        self._app, self._store, self._city, self._pack, self._options = app, store, city, pack, options
        fleet = fleet_of(city)
        shard_of = shard_of_rows(fleet, options.shards)
        self._rules = {"pack": pack.name, "version": pack.version, "meaning": pack.meaning, "loaded_wall_ms": wall_ms()}
        self._fleets: list[Fleet] = [fleet.where(shard_of == shard) for shard in range(options.shards)]
        self._owned: dict[int, OwnedShard] = {}
        self._lock = asyncio.Lock()
        app.consume(READINGS, self._take, self._give_up)

    async def run(self) -> None:
        """Checkpoint now and then, and say when the log has gone quiet, until cancelled. Raises StaleFenceError,
        Unavailable."""
        loop = asyncio.get_running_loop()
        looked_s = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._options.checkpoint_s / 4))
            now_s = loop.time()
            if now_s - looked_s > STOOD_STILL_S:  # not the log was quiet, but we did not listen
                for shard in self._owned.values():
                    shard.last_tick_s = now_s
            looked_s = now_s
            for shard in list(self._owned.values()):
                if now_s >= shard.next_checkpoint_s:
                    await self._checkpoint(shard)
                if now_s - shard.last_tick_s > QUIET_S and not shard.quiet:
                    await self._say_quiet(shard)

    @property
    def offsets(self) -> dict[int, int]:
        """Offset of the last record seen of each owned shard, for the watchdog."""
        return {number: shard.offset for number, shard in list(self._owned.items())}  # asked from another thread

    @property
    def judged(self) -> int:
        """Readings taken in by the owned shards since they were claimed."""
        return sum(shard.readings for shard in self._owned.values())

    async def _take(self, records: list[Record]) -> None:
        """A group of records, in order for each shard."""
        for number, group in groupby(sorted(records, key=lambda r: r.partition), key=lambda r: r.partition):
            async with self._lock:
                shard = self._owned.get(number) or await self._claim(number)
                await self._judge(shard, list(group))

    async def _claim(self, number: int) -> OwnedShard:
        options = self._options
        checkpoint = await asyncio.to_thread(self._store.claim, number, options.name, options.log_id, wall_ms())
        engine = Shard(self._city, self._fleets[number], self._pack)
        shard = OwnedShard(number, engine, checkpoint.fence, checkpoint.offset, checkpoint.offset)
        shard.last_tick_s = asyncio.get_running_loop().time()
        shard.said_blind = msgspec.convert(checkpoint.beside, list[Transition])
        if checkpoint.state is not None:
            carried = engine.restore(checkpoint.state)
            await self._announce(shard, carried.ended)
            counts = {"kept": carried.kept, "reset": carried.reset, "dropped": carried.dropped}
            log.info("shard restored", shard=number, offset=checkpoint.offset, fence=checkpoint.fence, **counts)
        self._owned[number] = shard
        return shard

    async def _judge(self, shard: OwnedShard, records: list[Record]) -> None:
        """Judge what is past the shard's offset; batches that wait together are judged together."""
        fresh = [record for record in records if record.offset > shard.offset]
        shard.unacknowledged += records
        for ticks, group in groupby(fresh, key=lambda record: record.headers.get(KIND) == TICK):
            found = list(group)
            if ticks:
                for tick in await self._readable(found, decode_tick):
                    await self._tick(shard, tick)
            else:
                await self._batch(shard, await self._readable(found, decode))
        if fresh:
            shard.offset = fresh[-1].offset
        for record in records:
            record.release()

    async def _batch(self, shard: OwnedShard, batches: list[Batch]) -> None:
        if not batches:
            return
        batch = merge(batches)
        shard.readings += len(batch)
        if len(batch):
            shard.last_reading_ms = int(batch.event_ms.max())
        await self._announce(shard, shard.engine.apply(batch))

    async def _tick(self, shard: OwnedShard, tick: Tick) -> None:
        shard.last_tick_s, shard.quiet = asyncio.get_running_loop().time(), False
        transitions = shard.engine.tick(tick)
        await self._announce(shard, [*_taken_back(shard, tick, transitions), *transitions])

    async def _say_quiet(self, shard: OwnedShard) -> None:
        """No ticks: nothing in the log can say that we are blind, so say it beside the log. The engine will say the
        same of this time, by the same id, when ticks come again. It is on record before it is said, so that whoever
        owns the shard then takes it back."""
        shard.quiet = True
        log.error("no ticks: blind", shard=shard.number, since_s=QUIET_S)
        said = shard.engine.gone_quiet(wall_ms())
        shard.said_blind += said
        await self._save(shard)
        await self._announce(shard, said)

    async def _readable(self, records: list[Record], read: Any) -> list[Any]:
        """What records say; those that cannot be read go to the dead letters, and the stream goes on."""
        readable: list[Any] = []
        for record in records:
            try:
                readable.append(read(record.value))
            except UNREADABLE as error:
                await set_aside(self._app, record, error, self._options.name)
        return readable

    async def _announce(self, shard: OwnedShard, transitions: list[Transition]) -> None:
        for transition in transitions:
            key = (transition.admin or transition.subject).encode()
            shard.unconfirmed.append(await self._app.produce(ALERTS, key, encode_transition(transition)))
        shard.transitions += len(transitions)

    async def _checkpoint(self, shard: OwnedShard) -> None:
        """Save a shard that has moved."""
        if shard.offset != shard.saved_offset:
            await self._save(shard)

    async def _save(self, shard: OwnedShard) -> None:
        """Save state and offset as one, once every alert up to it is confirmed; then acknowledge."""
        loop = asyncio.get_running_loop()
        async with shard.saving:
            async with self._lock:
                started_s = loop.time()
                shard.next_checkpoint_s = started_s + self._options.checkpoint_s
                await self._app.confirmed(shard.unconfirmed)
                shard.unconfirmed.clear()
                records, shard.unacknowledged = shard.unacknowledged, []
                checkpoint = Checkpoint(
                    shard.number,
                    shard.fence,
                    self._options.log_id,
                    shard.offset,
                    shard.engine.snapshot(),
                    msgspec.to_builtins(shard.said_blind),
                )
                log_ms, status = shard.engine.log_ms, _status(shard) | {"rules": self._rules}
            await asyncio.to_thread(self._store.save, checkpoint, log_ms, status, wall_ms())
            shard.saved_offset = checkpoint.offset
            self._app.acknowledge(records)
            shard.next_checkpoint_s += 20 * (loop.time() - started_s)

    async def _give_up(self, partitions: set[Partition]) -> None:
        """Checkpoint and forget shards that go to another worker, or nowhere."""
        for number in [number for topic, number in partitions if topic == READINGS and number in self._owned]:
            try:
                await self._checkpoint(self._owned[number])
            except StaleFenceError as stale:
                log.warning("shard has a new owner already", shard=number, error=str(stale))
            async with self._lock:
                self._owned.pop(number, None)


def _taken_back(shard: OwnedShard, tick: Tick, transitions: list[Transition]) -> list[Transition]:
    """The ends of what was said while the log was quiet, where a tick shows no gap: not the ingest was away, but we.

    Of a gap the engine says the same as was said, and its end.
    """
    by_engine = {transition.alert for transition in transitions}
    shard.said_blind = [said for said in shard.said_blind if said.alert not in by_engine]
    ended = [said for said in shard.said_blind if said.subject == tick.ingest]
    shard.said_blind = [said for said in shard.said_blind if said.subject != tick.ingest]
    at = {"event_ms": tick.clock_ms, "log_ms": shard.engine.log_ms, "wall_ms": tick.wall_ms}
    return [replace(said, level_from=said.level_to, level_to=Level.NONE, **at) for said in ended]


def _status(shard: OwnedShard) -> dict[str, Any]:
    """What the pages show of a shard."""
    return {
        "readings": shard.readings,
        "transitions": shard.transitions,
        "last_reading_ms": shard.last_reading_ms,
        "blind_through": shard.engine.blind_through,
        "outcomes": shard.engine.outcomes,
    }
