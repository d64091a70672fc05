"""Writes to the log in order, and says when the log has confirmed. Never gives up while it is told to go on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from city.errors import Unavailable
from city.log import KIND

log = structlog.get_logger()

LARGEST_RECORD_BYTES = 8 << 20
SLOWEST_RETRY_S = 5.0


@dataclass(frozen=True)
class LogRecord:
    """One record to write. `partition` None: any. `kind`: value of the header of that name."""

    topic: str
    partition: int | None
    value: bytes
    kind: bytes | None = None


class LogWriter:
    """Groups of records go out in the order of `put`; each group's `then` is called once all of it is confirmed."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._producer = AIOKafkaProducer(
            bootstrap_servers=kafka, acks="all", max_batch_size=1 << 20, max_request_size=LARGEST_RECORD_BYTES
        )
        self._queue: asyncio.Queue[tuple[list[LogRecord], Callable[[], None]]] = asyncio.Queue()
        self._confirming: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises Unavailable when Kafka does not answer."""
        try:
            await self._producer.start()
        except KafkaError as error:
            raise Unavailable(f"Kafka at {self._kafka}", str(error)) from error

    def put(self, records: list[LogRecord], then: Callable[[], None]) -> None:
        """Queue a group. Its length is bounded by who calls: ingest stops reading when too much is unconfirmed."""
        self._queue.put_nowait((records, then))

    async def run(self) -> None:
        while True:
            records, then = await self._queue.get()
            sent = [await self._send(record) for record in records]
            task = asyncio.create_task(self._confirm(records, sent, then))
            self._confirming.add(task)
            task.add_done_callback(self._confirming.discard)
            self._queue.task_done()

    async def drain(self) -> None:
        """Until everything put is confirmed."""
        await self._queue.join()
        while self._confirming:
            await asyncio.gather(*self._confirming)

    async def stop(self) -> None:
        await self._producer.stop()

    async def _confirm(
        self, records: list[LogRecord], sent: list[asyncio.Future[object]], then: Callable[[], None]
    ) -> None:
        for record, future in zip(records, sent, strict=True):
            try:
                await future
            except KafkaError as error:
                log.warning("log write failed, trying again", topic=record.topic, error=repr(error))
                await self._insist(record)
        then()

    async def _send(self, record: LogRecord) -> "asyncio.Future[object]":
        headers = [(KIND, record.kind)] if record.kind else None
        future: asyncio.Future[object] = await self._producer.send(
            record.topic, record.value, partition=record.partition, headers=headers
        )
        return future

    async def _insist(self, record: LogRecord) -> None:
        """Write one record again until it is confirmed. A repetition in the log changes nothing (law 5)."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(KafkaError), wait=wait_random_exponential(max=SLOWEST_RETRY_S)
        )
        async for attempt in retrying:
            with attempt:
                await (await self._send(record))
