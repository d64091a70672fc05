"""Faust's app and Kafka transport, with a producer that is patient (ingest/producer.py), a consumer that misses nothing
while its group is new, and one thing made settable: how long a broker may hold a fetch that finds nothing.

Faust fixes that at 1500 ms. Apache Kafka answers as soon as there is something, so there it only matters for idle
traffic; Tansu answers when the time is up, which put 400 ms (median, measured) on every hop of the embedded profile.
"""

from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Producer, Transport

from ingest.producer import patient


class _Thread(AIOKafkaConsumerThread):
    """When a group has formed, Faust drops what was fetched and goes back to what is committed. Where nothing is yet,
    aiokafka would stay where it was, and what was dropped would never be read: this one goes back to the beginning."""

    app: Any

    async def seek_to_committed(self) -> Any:
        return await self.call_thread(self._seek_to_committed)

    async def _seek_to_committed(self) -> Any:
        consumer = self._ensure_consumer()
        committed = await consumer.seek_to_committed()
        new = [place for place, offset in committed.items() if not offset]
        for place, first in (await consumer.beginning_offsets(new)).items():
            if place in consumer.assignment():  # the group may be forming once more
                consumer.seek(place, first)
        return committed

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Nothing: streams/watchdog.py watches, and acknowledgements are held back on purpose. Faust's own watch ends
        the consumer when it looks at a partition whose place is just being asked for."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = self.app.fetch_wait_ms  # read by aiokafka when the consumer starts
        return consumer


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Producer(Producer):
    def _new_producer(self, *args: Any, **options: Any) -> Any:
        return patient(super()._new_producer(*args, **options))


class _Transport(Transport):
    Consumer = _Consumer
    Producer = _Producer


class App(faust.App):
    """A Faust app whose fetches wait at most `fetch_wait_ms`, and that keeps nothing on disk: it has no tables."""

    def __init__(self, *args: Any, fetch_wait_ms: int, **options: Any) -> None:
        self.fetch_wait_ms = fetch_wait_ms
        super().__init__(*args, **options)

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        pass
