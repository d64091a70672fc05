"""Transitions and dead letters to incidents, tickets and the list of what was refused."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from alerts.refusals import unregistered
from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore, Letter
from alerts.store.incidents import IncidentStore
from alerts.store.positions import Position, load_offset
from alerts.store.recorded import Effect, Recorded, together
from city.city import City
from city.clock import wall_ms
from city.log import ALERTS, DEAD_LETTERS, ORIGIN, TRACEPARENT
from city.tracing import Tracer, Untraced, traced
from city.transitions import Transition, decode_transition
from ingest.dead_letters import DeadLetter, Reason, decode_dead_letter
from streams.app import Partition, Record, StreamApp
from streams.metrics import IncidentsMetrics
from streams.poison import poison_letter, set_aside

log = structlog.get_logger()

WORKER = "incidents"

Told = tuple[Record, Transition]
"""A record, and the transition that it tells of."""


class IncidentWorker:
    """Takes in what the app hands it. Effects and position are one transaction; what is past is skipped."""

    def __init__(
        self,
        app: StreamApp,
        database: Database,
        incidents: IncidentStore,
        letters: DeadLetterStore,
        city: City,
        log_id: str,
        metrics: IncidentsMetrics | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._app, self._database, self._incidents, self._letters = app, database, incidents, letters
        self._city, self._log_id = city, log_id
        self._metrics, self._tracer = metrics or IncidentsMetrics(CollectorRegistry()), tracer or Untraced()
        self._offsets: dict[Partition, int] = {}
        app.consume(ALERTS, self._take_alerts, self._give_up)
        app.consume(DEAD_LETTERS, self._take_letters, self._give_up)

    @property
    def offsets(self) -> dict[Partition, int]:
        """Offset of the last record taken in of each partition, for the watchdog."""
        return dict(self._offsets)

    async def _take_alerts(self, records: list[Record]) -> None:
        began_ms = wall_ms()
        read = await self._transitions(await self._fresh(records))
        positions = self._advance(records)
        try:
            recorded = await self._record([transition for _, transition in read], positions)
        except LookupError:  # one of them cannot be routed: find which, and take in the others
            recorded = await self._record_singly(read, positions)
        self._tell(read, recorded, began_ms)
        self._app.acknowledge(records)

    async def _record_singly(self, read: list[Told], positions: list[Position]) -> Recorded:
        done = []
        for record, transition in read:
            try:
                done.append(await self._record([transition], []))
            except LookupError as error:
                await set_aside(self._app, record, error, WORKER)
        return together([*done, await self._record([], positions)])

    def _tell(self, read: list[Told], recorded: Recorded, began_ms: float) -> None:
        """Count what has come of records, end their spans, and say which tickets were opened."""
        now_ms = wall_ms()
        self._metrics.recorded(recorded.transitions, recorded.incidents, recorded.tickets)
        new = [(record, told) for record, told in _first(read, lambda t: t.id) if told.id in recorded.effects]
        self._metrics.committed(_origins_ms(record for record, _ in new), now_ms)
        for record, transition in new:
            effect, parent = recorded.effects[transition.id], record.headers.get(TRACEPARENT)
            span = self._tracer.child("incidents", began_ms, parent)
            if span is not None:
                span.end(now_ms, _attributes(transition, effect))
            if effect.opened:
                log.info("ticket opened", **_ids(transition, effect), **traced(parent))

    async def _take_letters(self, records: list[Record]) -> None:
        began_ms = wall_ms()
        read = [(record, _letter(record)) for record in await self._fresh(records)]
        strangers = [(record, self._stranger(letter)) for record, letter in read if _is_stranger(letter)]
        if strangers:
            alerts = _first(strangers, lambda t: t.alert)
            self._tell(alerts, await self._record([transition for _, transition in alerts], []), began_ms)
        kept = [_kept(letter, f"{self._log_id}/{record.partition}/{record.offset}") for record, letter in read]
        await asyncio.to_thread(self._letters.record, kept, self._advance(records))
        self._metrics.letters(letter.reason for _, letter in read)
        self._app.acknowledge(records)

    def _stranger(self, letter: DeadLetter) -> Transition:
        return unregistered(letter.topic, letter.device, letter.received_ms, self._city)

    async def _record(self, transitions: list[Transition], positions: list[Position]) -> Recorded:
        return await asyncio.to_thread(self._incidents.record, transitions, positions, wall_ms())

    async def _transitions(self, records: list[Record]) -> list[Told]:
        """Records with what they say; those that cannot be read are set aside."""
        read = []
        for record in records:
            try:
                read.append((record, decode_transition(record.value)))
            except msgspec.MsgspecError as error:
                await set_aside(self._app, record, error, WORKER)
        return read

    async def _fresh(self, records: list[Record]) -> list[Record]:
        """Records past what the store has of their partition."""
        for record in records:
            partition = (record.topic, record.partition)
            if partition not in self._offsets:
                self._offsets[partition] = await asyncio.to_thread(
                    load_offset, self._database, record.topic, record.partition, self._log_id
                )
        return [record for record in records if record.offset > self._offsets[(record.topic, record.partition)]]

    def _advance(self, records: list[Record]) -> list[Position]:
        """Note how far a group goes. Positions of its partitions."""
        for record in records:
            partition = (record.topic, record.partition)
            self._offsets[partition] = max(self._offsets[partition], record.offset)
        partitions = sorted({(record.topic, record.partition) for record in records})
        return [Position(topic, number, self._log_id, self._offsets[(topic, number)]) for topic, number in partitions]

    async def _give_up(self, partitions: set[Partition]) -> None:
        for partition in partitions:
            self._offsets.pop(partition, None)


def _is_stranger(letter: DeadLetter) -> bool:
    return letter.reason is Reason.UNKNOWN_DEVICE


def _first(read: list[Told], of: Callable[[Transition], str]) -> list[Told]:
    """The first of those that are alike in what `of` tells."""
    return list({of(transition): (record, transition) for record, transition in reversed(read)}.values())[::-1]


def _origins_ms(records: Iterable[Record]) -> list[int]:
    """When the log got what alerts came of, where that is known."""
    told = [record.headers.get(ORIGIN, b"") for record in records]
    return [int(each) for each in told if each.isdigit()]


def _ids(transition: Transition, effect: Effect) -> dict[str, Any]:
    ids = {"ticket": effect.ticket, "incident": effect.incident, "rule": transition.rule}
    return ids | {"subject": transition.subject, "alert": transition.alert, "alert_level": transition.level_to.slug}


def _attributes(transition: Transition, effect: Effect) -> dict[str, Any]:
    """Of a span: ids, nothing personal."""
    found = _ids(transition, effect) | {"opened": effect.opened}
    return {f"qianshao.{name}": value for name, value in found.items() if value is not None}


def _letter(record: Record) -> DeadLetter:
    """The dead letter of a record; what is none is itself one."""
    try:
        return decode_dead_letter(record.value)
    except msgspec.MsgspecError as error:
        return poison_letter(record, error, WORKER)


def _kept(letter: DeadLetter, letter_id: str) -> Letter:
    same: dict[str, Any] = {
        name: getattr(letter, name)
        for name in ("detail", "device", "topic", "payload", "payload_bytes", "received_ms", "ingest")
    }
    return Letter(id=letter_id, reason=letter.reason.value, **same)
