"""Writes to the log in order, and says when the log has confirmed. Never gives up while it is told to go on."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from city.errors import Unavailable
from city.log import KIND, TRACEPARENT
from ingest.producer import heeded, patient

log = structlog.get_logger()

LARGEST_RECORD_BYTES = 8 << 20
FIRST_RETRY_S, SLOWEST_RETRY_S = 1.0, 5.0
ANSWER_WITHIN_S = 5.0
STOP_S = 5.0

Sent = list["asyncio.Future[object]"]


@dataclass(frozen=True)
class LogRecord:
    """One record to write. `partition` None: any. `kind`, `traceparent`: values of the headers of those names."""

    topic: str
    partition: int | None
    value: bytes
    kind: bytes | None = None
    traceparent: bytes | None = None

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        named = ((KIND, self.kind), (TRACEPARENT, self.traceparent))
        return [(name, value) for name, value in named if value is not None]


@dataclass(frozen=True)
class Group:
    """Records that were put together, and whom to tell once all of them are confirmed."""

    records: list[LogRecord]
    then: Callable[[], None]


class LogWriter:
    """Groups of records go out in the order of `put`, and each group's `then` is called, in that order too, once all of
    it is confirmed.

    aiokafka tries for about 40 s to write a record. When it gives up, everything not confirmed is written again, in
    order, by a new producer: after some failures the old one is of no more use. A repetition in the log changes nothing
    (law 5). An idempotent producer would spare the repetitions; the embedded log does not know it.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer
        self._unconfirmed: deque[Group] = deque()
        self._unsent: deque[Group] = deque()
        self._put = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._away = False

    async def start(self) -> None:
        """Raises Unavailable when Kafka does not answer."""
        try:
            self._producer = await _started_producer(self._kafka)
        except KafkaError as error:
            raise Unavailable(f"Kafka at {self._kafka}", str(error)) from error

    def put(self, records: list[LogRecord], then: Callable[[], None]) -> None:
        """Queue a group. Its length is bounded by who calls: ingest stops reading when too much is unconfirmed."""
        group = Group(records, then)
        self._unconfirmed.append(group)
        self._unsent.append(group)
        self._idle.clear()
        self._put.set()

    async def run(self) -> None:
        while True:
            sent: asyncio.Queue[Sent] = asyncio.Queue()
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._send(sent))
                    both.create_task(self._confirm(sent))
            except* KafkaError as errors:
                waiting = len(self._unconfirmed)
                log.warning("log write failed, trying again", groups=waiting, error=repr(errors.exceptions[0]))
                await self._begin_anew()

    async def drain(self) -> None:
        """Until everything put is confirmed."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Close. What cannot be written now is not waited for: its messages are not acknowledged, and come again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._producer.stop(), STOP_S)

    async def _send(self, sent: "asyncio.Queue[Sent]") -> None:
        while True:
            while self._unsent:
                group = self._unsent.popleft()
                sent.put_nowait([await self._send_record(record) for record in group.records])
            self._put.clear()
            await self._put.wait()

    async def _confirm(self, sent: "asyncio.Queue[Sent]") -> None:
        while True:
            for confirmation in await sent.get():
                await self._hear(confirmation)
            self._unconfirmed.popleft().then()
            if not self._unconfirmed:
                self._idle.set()

    async def _hear(self, confirmation: "asyncio.Future[object]") -> None:
        """Wait for a confirmation; say, once, that it takes long."""
        heard, _ = await asyncio.wait([confirmation], timeout=ANSWER_WITHIN_S)
        if not heard and not self._away:
            self._away = True
            log.error(f"Kafka at {self._kafka} does not answer, waiting", groups=len(self._unconfirmed))
        await confirmation
        if self._away:
            self._away = False
            log.info(f"Kafka at {self._kafka} answers")

    async def _send_record(self, record: LogRecord) -> "asyncio.Future[object]":
        return heeded(
            await self._producer.send(record.topic, record.value, partition=record.partition, headers=record.headers)
        )

    async def _begin_anew(self) -> None:
        await self._producer.stop()
        await asyncio.sleep(random.uniform(0, FIRST_RETRY_S))
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(KafkaError), wait=wait_random_exponential(max=SLOWEST_RETRY_S)
        )
        self._producer = await retrying(_started_producer, self._kafka)
        self._unsent = deque(self._unconfirmed)


async def _started_producer(kafka: str) -> AIOKafkaProducer:
    """Raises KafkaError."""
    producer = patient(
        AIOKafkaProducer(
            bootstrap_servers=kafka, acks="all", max_batch_size=1 << 20, max_request_size=LARGEST_RECORD_BYTES
        )
    )
    try:
        await producer.start()
    except KafkaError:
        await producer.stop()
        raise
    return producer
