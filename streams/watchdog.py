"""A Watchdog determines when a worker is stuck: records wait in the log and it has not moved for a while. It ends the
process with one clear line, and whoever supervises starts it again; a Faust consumer can die without a sound."""

import asyncio
import os
import threading
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.app import Partition

log = structlog.get_logger()

STUCK_EXIT = 70
LOOK_EVERY_S = 5.0


class Watchdog:
    """Looks from a thread and a connection of its own, so that nothing that stops the worker stops it too.

    `offsets`: offset of the last record handled of each owned partition.
    """

    def __init__(self, kafka: str, offsets: Callable[[], dict[Partition, int]], patience_s: float = 30.0) -> None:
        self._kafka, self._offsets, self._patience_s = kafka, offsets, patience_s
        self._stopped = threading.Event()
        self._since_moved: dict[Partition, tuple[int, float]] = {}

    def start(self) -> None:
        threading.Thread(target=lambda: asyncio.run(self._watch()), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    async def _watch(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka)
        while not self._stopped.is_set():
            try:
                await consumer.start()
                break
            except KafkaError:
                await asyncio.sleep(LOOK_EVERY_S)
        try:
            while not self._stopped.wait(LOOK_EVERY_S):
                await self._look(consumer)
        finally:
            await consumer.stop()

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        offsets = self._offsets()
        try:
            ends = await consumer.end_offsets([TopicPartition(*partition) for partition in offsets])
        except KafkaError as error:
            log.warning("watchdog cannot see the log", error=repr(error))
            return
        now_s = asyncio.get_running_loop().time()
        self._since_moved = {partition: seen for partition, seen in self._since_moved.items() if partition in offsets}
        for partition, offset in offsets.items():
            lag = ends[TopicPartition(*partition)] - 1 - offset
            stuck_s = self.stuck_for(partition, offset, lag, now_s)
            if stuck_s > self._patience_s and not self._stopped.is_set():
                log.critical("worker is stuck", partition=partition, lag=lag, offset=offset, for_s=round(stuck_s))
                os._exit(STUCK_EXIT)

    def stuck_for(self, partition: Partition, offset: int, lag: int, now_s: float) -> float:
        """Seconds for which a partition has had something to read and its worker has not moved."""
        seen = self._since_moved.get(partition)
        if lag <= 0 or seen is None or seen[0] != offset:
            self._since_moved[partition] = (offset, now_s)
            return 0.0
        return now_s - seen[1]
