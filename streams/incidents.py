"""Transitions and dead letters to incidents, tickets and the list of what was refused."""

import asyncio
from typing import Any

import msgspec
import structlog

from alerts.refusals import unregistered
from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore, Letter
from alerts.store.incidents import IncidentStore, Recorded
from alerts.store.positions import Position, load_offset
from city.city import City
from city.clock import wall_ms
from city.log import ALERTS, DEAD_LETTERS
from city.transitions import Transition, decode_transition
from ingest.dead_letters import DeadLetter, Reason, decode_dead_letter
from streams.app import Partition, Record, StreamApp
from streams.poison import poison_letter, set_aside

log = structlog.get_logger()

WORKER = "incidents"


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
    ) -> None:
        self._app, self._database, self._incidents, self._letters = app, database, incidents, letters
        self._city, self._log_id = city, log_id
        self._offsets: dict[Partition, int] = {}
        app.consume(ALERTS, self._take_alerts, self._give_up)
        app.consume(DEAD_LETTERS, self._take_letters, self._give_up)

    @property
    def offsets(self) -> dict[Partition, int]:
        """Offset of the last record taken in of each partition, for the watchdog."""
        return dict(self._offsets)

    async def _take_alerts(self, records: list[Record]) -> None:
        read = await self._transitions(await self._fresh(records))
        positions = self._advance(records)
        try:
            recorded = await self._record([transition for _, transition in read], positions)
        except LookupError:  # one of them cannot be routed: find which, and take in the others
            for record, transition in read:
                try:
                    await self._record([transition], [])
                except LookupError as error:
                    await set_aside(self._app, record, error, WORKER)
            recorded = await self._record([], positions)
        if recorded.tickets:
            log.info("tickets opened", tickets=recorded.tickets, transitions=recorded.transitions)
        self._app.acknowledge(records)

    async def _take_letters(self, records: list[Record]) -> None:
        read = [(record, _letter(record)) for record in await self._fresh(records)]
        strangers = [letter for _, letter in read if letter.reason is Reason.UNKNOWN_DEVICE]
        alerts = [unregistered(s.topic, s.device, s.received_ms, self._city) for s in strangers]
        if alerts:
            await self._record(list({alert.alert: alert for alert in reversed(alerts)}.values()), [])
        kept = [_kept(letter, f"{self._log_id}/{record.partition}/{record.offset}") for record, letter in read]
        await asyncio.to_thread(self._letters.record, kept, self._advance(records))
        self._app.acknowledge(records)

    async def _record(self, transitions: list[Transition], positions: list[Position]) -> Recorded:
        return await asyncio.to_thread(self._incidents.record, transitions, positions, wall_ms())

    async def _transitions(self, records: list[Record]) -> list[tuple[Record, Transition]]:
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
