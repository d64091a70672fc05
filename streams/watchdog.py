"""A Watchdog determines when a worker is stuck: records wait in the log and it has not moved for a while. It ends the
process with one clear line, and whoever supervises starts it again; a Faust consumer can die without a sound. And it
says, once, when the log itself does not answer: then there is nothing to do but wait."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextvars import copy_context

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from streams.app import Partition
from streams.metrics import LagMetrics

log = structlog.get_logger()

STUCK_EXIT = 70
LOOK_EVERY_S = 5.0
ANSWER_WITHIN_S = 5.0
JOIN_S = 1.0
STOOD_STILL_S = 15.0  # between two looks, which take ten at most


class Watchdog:
    """Looks from a thread and a connection of its own, so that nothing that stops the worker stops it too.

    `offsets`: offset of the last record handled of each owned partition. `metrics`: shown what is found.
    """

    def __init__(
        self,
        kafka: str,
        offsets: Callable[[], dict[Partition, int]],
        metrics: LagMetrics | None = None,
        patience_s: float = 30.0,
    ) -> None:
        self._kafka, self._offsets, self._patience_s = kafka, offsets, patience_s
        self._metrics = metrics or LagMetrics(CollectorRegistry())
        self._stopped = threading.Event()
        self._since_moved: dict[Partition, tuple[int, float]] = {}
        self._looked_s = 0.0
        self._away = False

    def start(self) -> None:
        here = copy_context()  # of the log lines
        self._thread = threading.Thread(target=lambda: here.run(asyncio.run, self._watch()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(JOIN_S)

    async def _watch(self) -> None:
        consumer = None
        while not self._stopped.wait(LOOK_EVERY_S):
            try:
                consumer = consumer or await self._connected()
                await self._look(consumer)
            except KafkaError as error:
                self._log_is_away(error)
        if consumer is not None:
            await consumer.stop()

    async def _connected(self) -> AIOKafkaConsumer:
        """Raises KafkaError."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, request_timeout_ms=int(ANSWER_WITHIN_S * 1000))
        try:
            await consumer.start()
        except KafkaError:
            await consumer.stop()
            raise
        return consumer

    def _log_is_away(self, error: KafkaError) -> None:
        """While nobody can move, nobody is stuck; and nobody knows how far behind they are."""
        self._since_moved.clear()
        self._metrics.show({})
        if not self._away:
            log.error(f"Kafka at {self._kafka} does not answer, waiting", detail=repr(error))
        self._away = True

    def _log_answers(self) -> None:
        if self._away:
            log.info(f"Kafka at {self._kafka} answers")
        self._away = False

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Raises KafkaError."""
        offsets = self._offsets()
        lags = await self._lags(consumer, offsets) if offsets else {}  # without any there is nothing to ask for
        self._metrics.show(lags)
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s > STOOD_STILL_S:  # the whole process was not run: its worker could not move either
            self._since_moved.clear()
        self._looked_s = now_s
        self._since_moved = {partition: seen for partition, seen in self._since_moved.items() if partition in lags}
        for partition, lag in lags.items():
            stuck_s = self.stuck_for(partition, offsets[partition], lag, now_s)
            if stuck_s > self._patience_s and not self._stopped.is_set():
                place = {"topic": partition[0], "shard": partition[1], "offset": offsets[partition]}
                log.critical("worker is stuck", **place, lag=lag, for_s=round(stuck_s))
                os._exit(STUCK_EXIT)

    async def _lags(self, consumer: AIOKafkaConsumer, offsets: dict[Partition, int]) -> dict[Partition, int]:
        """Records of each partition behind the last one handled. Raises KafkaError."""
        ends = await consumer.end_offsets([TopicPartition(*partition) for partition in offsets])
        self._log_answers()
        return {partition: ends[TopicPartition(*partition)] - 1 - offset for partition, offset in offsets.items()}

    def stuck_for(self, partition: Partition, offset: int, lag: int, now_s: float) -> float:
        """Seconds for which a partition has had something to read and its worker has not moved."""
        seen = self._since_moved.get(partition)
        if lag <= 0 or seen is None or seen[0] != offset:
            self._since_moved[partition] = (offset, now_s)
            return 0.0
        return now_s - seen[1]
