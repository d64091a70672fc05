"""Readings to transitions: a worker that owns some shards of the log and keeps their engines."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from city.city import City
from city.clock import wall_ms
from city.fleet import fleet_of
from city.log import KIND, READINGS, TICK
from city.readings import Batch, Tick, decode, decode_tick, merge
from city.sharding import fleets_of_shards
from city.tracing import Tracer, Untraced
from city.transitions import Transition
from rules.engine.shard import Shard
from streams.announcer import Announcer
from streams.app import Partition, Record, StreamApp
from streams.causes import causes
from streams.checkpoint import Checkpoint, CheckpointStore, StaleFenceError
from streams.metrics import DetectMetrics
from streams.owned import OwnedShard, Ready, carried_before, status, taken_back
from streams.poison import readable
from streams.rules import RulesInForce

log = structlog.get_logger()

QUIET_S = 15.0  # wall time without a tick after which a shard is blind; patience of the engine is 10 s or 10 ticks
STOOD_STILL_S = 5.0  # between two looks at the clock, which are due several times a second
UNSAVED = -2  # a shard that was never saved at its offset, whichever that is


@dataclass(frozen=True)
class DetectOptions:
    """`name`: of this worker, for logs and fences. `checkpoint_s`: wall time between checkpoints of a shard, longer
    where writing them would take more than a twentieth of the time."""

    name: str
    log_id: str
    shards: int
    checkpoint_s: float = 2.0


class Detector:
    """Judges what the app hands it. Alerts go out before the checkpoint that covers them; a replay after a crash
    makes the same alerts again, by the same ids. `earlier`: the rules of an earlier publication, None where they are
    gone. `over`: whether a play has come to its end, after which nobody ticks and nobody is blind."""

    def __init__(
        self,
        app: StreamApp,
        store: CheckpointStore,
        city: City,
        rules: RulesInForce,
        options: DetectOptions,
        metrics: DetectMetrics | None = None,
        tracer: Tracer | None = None,
        earlier: Callable[[int], RulesInForce | None] = lambda _sequence: None,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._app, self._store, self._city, self._rules, self._options = app, store, city, rules, options
        self._earlier, self._over = earlier, over
        self._metrics = metrics or DetectMetrics(CollectorRegistry())
        self._announcer = Announcer(app, self._metrics, tracer or Untraced(), options.name)
        self._metrics.judges_by(rules.version, rules.refused is not None)
        self._fleets = fleets_of_shards(fleet_of(city), options.shards)
        self._owned: dict[int, OwnedShard] = {}
        self._lock, self._reloading = asyncio.Lock(), asyncio.Lock()
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
                if now_s - shard.last_tick_s > QUIET_S and not shard.quiet and not self._over():
                    await self._say_quiet(shard)
                if shard.rules is not self._rules and not self._reloading.locked():
                    await self._bring_up_to_date(shard)
            self._note_owned()

    async def reload(self, rules: RulesInForce) -> dict[str, Any]:
        """Go on by other rules; timers go on where a rule means the same. Engines are compiled while the old ones go on
        judging, and take over one by one. Returns what became of the timers, and the longest time, s, for which nothing
        was judged. Raises one of UNLOADABLE before anything has changed."""
        async with self._reloading:
            engines: dict[int, Shard] = {}
            if rules.pack is not self._rules.pack:
                engines = await asyncio.to_thread(lambda: {n: self._engine(n, rules) for n in list(self._owned)})
            self._rules = rules
            self._metrics.judges_by(rules.version, rules.refused is not None)
            counts, pauses_s = Counter[str](kept=0, reset=0, dropped=0), [0.0]
            for shard in list(self._owned.values()):
                pauses_s.append(await self._bring_up_to_date(shard, engines.get(shard.number)))
                counts.update(shard.carried if pauses_s[-1] else {})
        return {**counts, "shards": sum(map(bool, pauses_s)), "longest_pause_s": round(max(pauses_s), 4)}

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
        rules = await asyncio.to_thread(self._rules_after, checkpoint)
        engine = self._engine(number, rules)
        shard = OwnedShard(number, engine, rules, checkpoint.fence, checkpoint.offset, checkpoint.offset)
        shard.last_tick_s = asyncio.get_running_loop().time()
        shard.said_blind = msgspec.convert(checkpoint.beside, list[Transition])
        if rules is not self._rules:
            shard.until = await self._app.end((READINGS, number)) - 1
        if checkpoint.state is not None:
            carried = engine.restore(checkpoint.state)
            await self._announce(shard, carried.ended, [])
            shard.carried = carried_before(checkpoint, rules) or carried.counts
            log.info("shard restored", shard=number, offset=checkpoint.offset, fence=checkpoint.fence, **carried.counts)
        self._owned[number] = shard
        return shard

    def _rules_after(self, checkpoint: Checkpoint) -> RulesInForce:
        """By what a shard goes on. What its last owner judged after the checkpoint, and announced, is judged again by
        the same rules: by others, alerts that were announced might never be ended."""
        meaning = checkpoint.rules.get("meaning", self._rules.pack.meaning)
        if checkpoint.state is None or meaning == self._rules.pack.meaning:
            return self._rules
        rules = self._earlier(int(checkpoint.rules.get("sequence", 0)))
        return rules if rules is not None and rules.pack.meaning == meaning else self._rules

    def _engine(self, number: int, rules: RulesInForce) -> Shard:
        return Shard(self._city, self._fleets[number], rules.pack)

    async def _bring_up_to_date(self, shard: OwnedShard, engine: Shard | None = None) -> float:
        """Have a shard judged by the rules in force, unless it has yet to catch up with who had it before. `engine`:
        compiled for them. Returns for how long, s, nothing was judged."""
        rules = self._rules
        if shard.rules is rules or shard.offset < shard.until:
            return 0.0
        if shard.rules.pack is rules.pack:  # others were refused: that is all there is to tell
            shard.rules, shard.saved_offset = rules, UNSAVED
            await self._checkpoint(shard)
            return 0.0
        if engine is None:
            engine = await asyncio.to_thread(self._engine, shard.number, rules)
        return await self._hand_over(shard, engine, rules)

    async def _hand_over(self, shard: OwnedShard, engine: Shard, rules: RulesInForce) -> float:
        """The old engine's memory to the new one, and both, saved, to whoever comes after us: no record is judged by
        the new rules before that, so that a crash leaves no doubt about which were."""
        loop = asyncio.get_running_loop()
        async with shard.saving, self._lock:
            if self._owned.get(shard.number) is not shard or shard.rules is rules:
                return 0.0
            began_s = loop.time()
            carried = await asyncio.to_thread(engine.restore, shard.engine.snapshot())
            await self._announce(shard, carried.ended, [])
            shard.restored(engine, rules, carried)
            await self._write(shard, await self._ready_to_save(shard))
        paused_s = loop.time() - began_s
        self._metrics.reloaded(shard.carried, paused_s)
        told = {"version": rules.version, "paused_s": round(paused_s, 4), **shard.carried}
        log.info("rules reloaded", shard=shard.number, offset=shard.offset, **told)
        return paused_s

    async def _judge(self, shard: OwnedShard, records: list[Record]) -> None:
        """Judge what is past the shard's offset; batches that wait together are judged together."""
        fresh = _each_once(records, shard.offset)
        shard.unacknowledged += records
        app, worker = self._app, self._options.name
        for ticks, group in groupby(fresh, key=lambda record: record.headers.get(KIND) == TICK):
            found = list(group)
            if ticks:
                for record, tick in await readable(app, found, decode_tick, worker):
                    await self._tick(shard, record, tick)
            else:
                await self._batch(shard, await readable(app, found, decode, worker))
            self._metrics.delayed(found, wall_ms())
        if fresh:
            self._note_lost(shard, fresh)
            shard.offset = fresh[-1].offset
        for record in records:
            record.release()

    def _note_lost(self, shard: OwnedShard, fresh: list[Record]) -> None:
        """Records between what was judged and these, if any, were gone from the log before we read them. The engine
        finds that it saw nothing then; this is for who has to find out why."""
        lost = fresh[-1].offset - shard.offset - len(fresh)
        if lost:
            log.error("records lost before they were judged", shard=shard.number, lost=lost, after_offset=shard.offset)
            self._metrics.lost(lost)

    async def _batch(self, shard: OwnedShard, read: list[tuple[Record, Batch]]) -> None:
        if not read:
            return
        began_ms, batch = wall_ms(), merge([batch for _, batch in read])
        shard.readings += len(batch)
        self._metrics.judged(len(batch))
        if len(batch):
            shard.last_reading_ms = int(batch.event_ms.max())
        transitions = shard.engine.apply(batch)
        if transitions:
            await self._announce(shard, transitions, causes(transitions, read, batch, self._city.devices), began_ms)

    async def _tick(self, shard: OwnedShard, record: Record, tick: Tick) -> None:
        shard.last_tick_s, shard.quiet = asyncio.get_running_loop().time(), False
        began_ms, transitions = wall_ms(), shard.engine.tick(tick)
        said = [*taken_back(shard, tick, transitions), *transitions]
        await self._announce(shard, said, [record] * len(said), began_ms)

    async def _say_quiet(self, shard: OwnedShard) -> None:
        """No ticks: nothing in the log can say that we are blind, so say it beside the log. The engine will say the
        same of this time, by the same id, when ticks come again. It is on record before it is said, so that whoever
        owns the shard then takes it back."""
        shard.quiet = True
        log.error("no ticks: blind", shard=shard.number, since_s=QUIET_S)
        said = shard.engine.gone_quiet(wall_ms())
        shard.said_blind += said
        await self._save(shard)
        await self._announce(shard, said, [])

    async def _announce(
        self, shard: OwnedShard, transitions: list[Transition], came_of: list[Record], began_ms: float = 0.0
    ) -> None:
        sent = await self._announcer.announce(transitions, came_of, began_ms)
        shard.unconfirmed += sent
        shard.transitions += len(transitions)

    async def _checkpoint(self, shard: OwnedShard) -> None:
        """Save a shard that has moved."""
        if shard.offset != shard.saved_offset:
            await self._save(shard)

    async def _save(self, shard: OwnedShard) -> None:
        """Save state and offset as one; then acknowledge."""
        async with shard.saving:
            async with self._lock:
                ready = await self._ready_to_save(shard)
            await self._write(shard, ready)

    async def _ready_to_save(self, shard: OwnedShard) -> Ready:
        """What is to be saved, once every alert up to it is confirmed."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        shard.next_checkpoint_s = began_s + self._options.checkpoint_s
        await self._app.confirmed(shard.unconfirmed)
        shard.unconfirmed.clear()
        records, shard.unacknowledged = shard.unacknowledged, []
        state, beside = shard.engine.snapshot(), msgspec.to_builtins(shard.said_blind)
        checkpoint = Checkpoint(shard.number, shard.fence, self._options.log_id, shard.offset, state, beside)
        self._metrics.ended(shard.newly_ended())
        return Ready(checkpoint, shard.engine.log_ms, status(shard), records, began_s)

    async def _write(self, shard: OwnedShard, ready: Ready) -> None:
        save = self._store.save
        shard.checkpoint_bytes = await asyncio.to_thread(save, ready.checkpoint, ready.log_ms, ready.status, wall_ms())
        shard.saved_offset = ready.checkpoint.offset
        self._app.acknowledge(ready.records)
        took_s = asyncio.get_running_loop().time() - ready.began_s
        self._metrics.saved(took_s)
        shard.next_checkpoint_s += 20 * took_s

    async def _give_up(self, partitions: set[Partition]) -> None:
        """Checkpoint and forget shards that go to another worker, or nowhere."""
        for number in [number for topic, number in partitions if topic == READINGS and number in self._owned]:
            try:
                await self._checkpoint(self._owned[number])
            except StaleFenceError as stale:
                log.warning("shard has a new owner already", shard=number, error=str(stale))
            async with self._lock:
                self._owned.pop(number, None)
        self._note_owned()

    def _note_owned(self) -> None:
        owned = self._owned.values()
        blind, stored = sum(shard.blind for shard in owned), sum(shard.checkpoint_bytes for shard in owned)
        self._metrics.owns(len(owned), blind, stored)


def _each_once(records: list[Record], after: int) -> list[Record]:
    """Records past an offset, in order. Where Faust went back to what is committed, one comes again within a group."""
    fresh: list[Record] = []
    for record in records:
        if record.offset > after:
            fresh.append(record)
            after = record.offset
    return fresh
