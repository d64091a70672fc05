"""A worker's watchdog shows how far behind the log it is, and nothing while nobody can know."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from city.log import READINGS
from streams import watchdog
from streams.app import Partition
from streams.metrics import LagMetrics
from streams.topics import ensure_topics
from streams.watchdog import Watchdog
from tests.servers.process import Server
from tests.waiting import until

pytestmark = pytest.mark.servers

WAIT_S = 60


async def write(kafka: str, records: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(records):
            await producer.send_and_wait(READINGS, b"x", partition=0)


def test_lag_is_what_the_worker_has_not_handled_and_unknown_while_the_log_is_away(
    private_kafka: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.05)
    asyncio.run(ensure_topics(private_kafka.address, 1))
    asyncio.run(write(private_kafka.address, 10))
    registry, handled = CollectorRegistry(), {(READINGS, 0): 3}

    def offsets() -> dict[Partition, int]:
        return dict(handled)

    def lag() -> float | None:
        return registry.get_sample_value("qianshao_log_lag_records", {"topic": READINGS, "partition": "0"})

    watching = Watchdog(private_kafka.address, offsets, LagMetrics(registry))
    watching.start()
    until(lambda: lag() == 6, WAIT_S)
    handled[READINGS, 0] = 9
    until(lambda: lag() == 0, WAIT_S)
    private_kafka.stop()
    until(lambda: lag() is None, WAIT_S)
    private_kafka.start()
    until(lambda: lag() == 0, WAIT_S)
    handled.clear()
    until(lambda: lag() is None, WAIT_S, "its partition went to another worker")
    watching.stop()
