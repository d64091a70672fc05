"""The adapter around Faust on a real log: who catches up moves on everywhere, and what Faust dropped is read again."""

import asyncio
import uuid
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.app import Record, StreamApp, StreamOptions
from tests.servers.process import Server
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.servers

EACH, RECORD_BYTES = 1_500, 5_000


async def test_of_what_waits_no_partition_stands_still_until_another_is_through(kafka_server: Server) -> None:
    topic = f"waiting-{uuid.uuid4().hex}"
    await fill(kafka_server.address, topic)
    taken: dict[tuple[int, int], None] = {}  # in order, and once: some come again when the group is formed anew
    done = asyncio.Event()

    async def take(records: list[Record]) -> None:
        taken.update(dict.fromkeys((record.partition, record.offset) for record in records))
        if len(taken) == 2 * EACH:
            done.set()

    app = StreamApp(StreamOptions(kafka_server.address, topic, session_s=6.0, fetch_bytes=10 * RECORD_BYTES))
    app.consume(topic, take)
    await asyncio.wait_for(app.run(done), PATIENCE_S)
    order = [partition for partition, _ in taken]
    last = {partition: len(order) - 1 - order[::-1].index(partition) for partition in (0, 1)}
    assert order.index(1) < last[0] and order.index(0) < last[1]


@pytest.mark.parametrize("log", ["kafka_server", "tansu"])
async def test_what_faust_dropped_when_a_group_formed_comes_again_though_nothing_was_committed_yet(
    log: str, request: pytest.FixtureRequest
) -> None:
    kafka, topic = request.getfixturevalue(log).address, f"dropped-{uuid.uuid4().hex}"
    await fill(kafka, topic)
    taken: Counter[tuple[int, int]] = Counter()
    once, again = asyncio.Event(), asyncio.Event()

    async def take(records: list[Record]) -> None:
        taken.update((record.partition, record.offset) for record in records)
        for times, reached in ((1, once), (2, again)):
            if len(taken) == 2 * EACH and min(taken.values()) >= times:
                reached.set()

    app = StreamApp(StreamOptions(kafka, topic, session_s=6.0))
    app.consume(topic, take)
    running = asyncio.create_task(app.run(again))
    await asyncio.wait_for(once.wait(), PATIENCE_S)
    await app._app.consumer.perform_seek()  # as Faust does when it has dropped what it had fetched
    await asyncio.wait([running], timeout=PATIENCE_S)
    assert again.is_set()


async def test_a_consumer_that_fails_ends_its_worker_with_what_failed(kafka_server: Server) -> None:
    topic, begun = f"failing-{uuid.uuid4().hex}", asyncio.Event()
    await fill(kafka_server.address, topic)

    async def take(_: list[Record]) -> None:
        begun.set()

    app = StreamApp(StreamOptions(kafka_server.address, topic, session_s=6.0))
    app.consume(topic, take)
    running = asyncio.create_task(app.run(asyncio.Event()))
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    await app._app.consumer.crash(AssertionError("a place that nobody knows"))
    await asyncio.wait([running], timeout=PATIENCE_S)
    with pytest.raises(AssertionError, match="a place that nobody knows"):
        running.result()


async def fill(kafka: str, topic: str) -> None:
    """Two partitions with EACH records each."""
    admin, producer = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaProducer(bootstrap_servers=kafka)
    await admin.start()
    await producer.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    for partition in (0, 1):
        for _ in range(EACH):
            await producer.send(topic, bytes(RECORD_BYTES), partition=partition)
    await producer.stop()  # when all are there
    await admin.close()
