"""`qianshao rewind`: workers that are stopped begin at the beginning again; nobody is rewound while he works."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from city.errors import SettingError
from streams.rewind import rewind
from tests.servers.process import Server
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.servers

RECORDS, PARTITIONS = 6, 2
SESSION_S = 60.0
"""Outlasts whatever holds up a test: who works is a member until he leaves."""


@pytest.fixture
async def topic(kafka_server: Server) -> str:
    name = f"topic-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.address)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.address) as producer:
        for number in range(RECORDS):
            await producer.send_and_wait(name, b"%d" % number, partition=number % PARTITIONS)
    return name


def worker(kafka: Server, topic: str) -> AIOKafkaConsumer:
    """Of the group that is called as the topic is."""
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka.address,
        group_id=topic,
        auto_offset_reset="earliest",
        session_timeout_ms=int(SESSION_S * 1000),
    )


async def read_all(consumer: AIOKafkaConsumer) -> set[bytes]:
    async with asyncio.timeout(PATIENCE_S):
        found = {(await consumer.getone()).value for _ in range(RECORDS)}
    await consumer.commit()
    return found


async def test_who_has_read_everything_reads_it_again(kafka_server: Server, topic: str) -> None:
    async with worker(kafka_server, topic) as first:
        everything = await read_all(first)
    assert await rewind(kafka_server.address, topic, patience_s=0) == PARTITIONS
    async with worker(kafka_server, topic) as second:
        assert await read_all(second) == everything


async def test_nobody_is_rewound_while_he_works(kafka_server: Server, topic: str) -> None:
    async with worker(kafka_server, topic) as first:
        await read_all(first)
        with pytest.raises(SettingError, match="its workers run"):
            await rewind(kafka_server.address, topic, patience_s=0)


async def test_who_has_read_nothing_begins_at_the_beginning_as_it_is(kafka_server: Server, topic: str) -> None:
    assert await rewind(kafka_server.address, topic, patience_s=0) == 0
