"""The thin adapter around Faust: everything else in this room would run as well on another consumer.

What is switched off here, and why, is in docs/decisions/005: no web server, no tables, no leader topic, no waiting
for unacknowledged messages on a rebalance. Topics exist before a worker starts (streams/topics.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from city.errors import Unavailable
from ingest.producer import heeded
from streams.transport import App

log = structlog.get_logger()

FETCH_BYTES = 16 << 20
POLL_RECORDS = 500
MOST_AT_ONCE = 64
COMMIT_EVERY_S = 1.0
PRODUCE_TIMEOUT_S = 30.0
LEAVE_S, STOP_S = 6.0, 3.0

Partition = tuple[str, int]
"""Topic and partition number."""


@dataclass(frozen=True)
class StreamOptions:
    """`group`: Kafka consumer group. `session_s`: after how long without a heartbeat a worker counts as gone.
    `fetch_wait_ms`: how long the broker may hold a fetch that finds nothing (streams/transport.py). `fetch_bytes`: of
    one partition, which are all handed on before those of the next."""

    kafka: str
    group: str
    session_s: float = 30.0
    fetch_wait_ms: int = 500
    fetch_bytes: int = FETCH_BYTES


@dataclass
class Record:
    """One record of the log. `message` is what Faust wants back to acknowledge it. `tenure`: how often partitions had
    been taken from us when it was read. `written_ms`: when the log got it, ms UTC by its writer's clock; None where it
    does not say."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: dict[str, bytes]
    message: Any
    tenure: int
    written_ms: float | None = None

    @classmethod
    def of(cls, message: Any, tenure: int = 0, written_s: float | None = None) -> "Record":
        """Of a message as Faust or aiokafka has it. A tombstone says nothing."""
        headers, written_ms = dict(message.headers or {}), None if written_s is None else written_s * 1000
        place = (message.topic, message.partition, message.offset)
        return cls(*place, message.value or b"", headers, message, tenure, written_ms)

    def release(self) -> None:
        """Let the payload go: until it is acknowledged only the offset is needed."""
        self.value = b""
        self.message.value = None


Handler = Callable[[list[Record]], Awaitable[None]]
Revoked = Callable[[set[Partition]], Awaitable[None]]


class StreamApp:
    """Hands records on in groups: whatever has arrived, at most MOST_AT_ONCE, in the log's order for each partition.

    A handler that raises ends the worker: nothing it had not acknowledged is lost, and the next one starts there. When
    partitions are taken from us, what was read before is not handed on any more: who has them next reads it again.
    """

    def __init__(self, options: StreamOptions) -> None:
        self.assigned: set[Partition] = set()
        self._kafka = options.kafka
        self._tenure = 0
        self._handing_on = asyncio.Lock()
        self._revoked_handlers: list[Revoked] = []
        self._failed: asyncio.Future[None] | None = None
        self._app = _faust_app(options)
        self._channels: dict[str, Any] = {}
        self._app.on_partitions_assigned.connect(self._assigned)
        self._app.on_partitions_revoked.connect(self._revoked)

    def consume(self, topic: str, handler: Handler, on_revoked: Revoked | None = None) -> None:
        """Have `handler` called with the records of a topic, and `on_revoked` before partitions go to another worker or
        this one stops. One call at a time, of all of them."""
        if on_revoked is not None:
            self._revoked_handlers.append(on_revoked)

        async def read(stream: Any) -> None:
            waiting: list[Record] = []
            async for event in stream.noack().events():
                waiting.append(Record.of(event.message, self._tenure, event.message.timestamp))
                if len(waiting) < MOST_AT_ONCE and not stream.channel.queue.empty():
                    continue
                group, waiting = waiting, []
                try:
                    async with self._handing_on:
                        ours = [record for record in group if record.tenure == self._tenure]
                        if ours:
                            await handler(ours)
                except Exception as error:  # noqa: BLE001  (Faust would skip the records: end the worker instead)
                    self._fail(error)
                    await asyncio.Event().wait()

        self._app.agent(self._channel(topic), name=f"read-{topic}")(read)

    async def produce(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes] | None = None
    ) -> "Awaitable[Any]":
        """Send a record. Returns what `confirmed` waits for."""
        return heeded(await self._channel(topic).send(key=key, value=value, headers=headers))

    async def confirmed(self, sent: "Iterable[Awaitable[Any]]") -> None:
        """Wait until Kafka has confirmed what was sent. Raises Unavailable."""
        try:
            for confirmation in sent:
                await confirmation
        except KafkaError as error:
            raise self._unavailable(error) from error

    async def end(self, partition: Partition) -> int:
        """Offset that the next record of a partition will have."""
        place = TP(*partition)
        ends = await self._app.consumer.highwaters(place)
        return int(ends[place])

    def acknowledge(self, records: list[Record]) -> None:
        """These need not be read again. Committed to Kafka within COMMIT_EVERY_S."""
        consumer = self._app.consumer
        for record in records:
            consumer.ack(record.message)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set or we are cancelled, and then partitions are given up in order; or a handler raises, or
        Faust fails, and raises what it raised."""
        self._failed = asyncio.get_running_loop().create_future()
        await self._app.start()
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        over: asyncio.Future[Any] = asyncio.ensure_future(self._app.wait_until_stopped())
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([stopping, over, self._failed], return_when=asyncio.FIRST_COMPLETED)
            reason = self._app.crash_reason
            if reason is not None:
                self._fail(self._unavailable(reason) if isinstance(reason, KafkaError) else reason)
            if not self._failed.done():
                await _within(LEAVE_S, self._let_go(self.assigned), "partitions could not be given up in order")
        finally:
            stopping.cancel()
            over.cancel()
            await _within(STOP_S, self._app.stop(), "the consumer group could not be left in order")
        if self._failed.done():
            self._failed.result()

    def _channel(self, topic: str) -> Any:
        if topic not in self._channels:
            self._channels[topic] = self._app.topic(topic, value_serializer="raw", key_serializer="raw")
        return self._channels[topic]

    def _unavailable(self, error: KafkaError) -> Unavailable:
        return Unavailable(f"Kafka at {self._kafka}", repr(error))

    def _fail(self, error: BaseException) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _assigned(self, _app: Any, assigned: set[Any], **_: Any) -> None:
        self.assigned = {(tp.topic, tp.partition) for tp in assigned}
        log.info("partitions assigned", partitions=sorted(self.assigned))

    async def _revoked(self, _app: Any, revoked: set[Any], **_: Any) -> None:
        self._tenure += 1
        try:
            await self._let_go({(tp.topic, tp.partition) for tp in revoked})
        except Exception as error:  # noqa: BLE001  (as above)
            self._fail(error)

    async def _let_go(self, partitions: set[Partition]) -> None:
        async with self._handing_on:
            for handler in self._revoked_handlers:
                await handler(partitions)
        await self._app.consumer.commit()


async def _within(seconds: float, work: Awaitable[Any], failing: str) -> None:
    """Finish some work, unless it takes too long, as it does when Kafka is away: who follows us can do without it."""
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        log.error(failing, after_s=seconds)


def _faust_app(options: StreamOptions) -> Any:
    return App(
        options.group,
        fetch_wait_ms=options.fetch_wait_ms,
        broker=f"kafka://{options.kafka}",
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_recovery_delay=0,
        broker_max_poll_records=POLL_RECORDS,
        consumer_max_fetch_size=options.fetch_bytes,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=options.session_s,
        broker_heartbeat_interval=options.session_s / 5,
        broker_commit_interval=COMMIT_EVERY_S,
        producer_linger=0,
        producer_max_request_size=8 << 20,
        producer_request_timeout=PRODUCE_TIMEOUT_S,
        store="memory://",
        agent_supervisor="mode.CrashingSupervisor",
    )
