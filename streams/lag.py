"""How far a consumer group is behind the log, by what it has committed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from city.errors import Unavailable
from streams.app import Partition

ASK_AGAIN_S, ANSWER_WITHIN_S = 0.2, 10.0


@dataclass(frozen=True)
class Behind:
    """`records` of a partition that a group has not committed; the oldest of them the log got at `since_ms`, ms UTC,
    None where there is none. `begun`: whether it has ever committed anything."""

    records: int
    since_ms: float | None
    begun: bool


async def lag(kafka: str, group: str, partitions: list[Partition]) -> dict[Partition, int]:
    """Records of each partition that a group has not committed; all that there are, where it never has. Raises
    Unavailable."""
    async with _asked(kafka) as (admin, consumer):
        places, _, ends = await _places(admin, consumer, group, partitions)
    return {partition: ends[partition] - place for partition, place in places.items()}


async def behind(kafka: str, group: str, partitions: list[Partition]) -> dict[Partition, Behind]:
    """The same, and since when they wait. Raises Unavailable."""
    async with _asked(kafka) as (admin, consumer):
        places, begun, ends = await _places(admin, consumer, group, partitions)
        waiting = {partition: place for partition, place in places.items() if ends[partition] > place}
        since_ms = await _written_ms(consumer, waiting)
    return {
        partition: Behind(ends[partition] - place, since_ms.get(partition), partition in begun)
        for partition, place in places.items()
    }


@asynccontextmanager
async def _asked(kafka: str) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    """Who answers questions about the log. Raises Unavailable."""
    within = {"bootstrap_servers": kafka, "request_timeout_ms": int(ANSWER_WITHIN_S * 1000)}
    admin, consumer = AIOKafkaAdminClient(**within), AIOKafkaConsumer(**within)
    try:
        await admin.start()
        await consumer.start()
        yield admin, consumer
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    finally:
        await consumer.stop()
        await admin.close()


async def _places(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, partitions: list[Partition]
) -> tuple[dict[Partition, int], set[Partition], dict[Partition, int]]:
    """Offset of each partition at which a group goes on, those in which it has committed, and the end of each."""
    topics = [TopicPartition(*partition) for partition in partitions]
    offsets = await committed(admin, group, topics)
    starts, ends = await consumer.beginning_offsets(topics), await consumer.end_offsets(topics)
    places = {(t.topic, t.partition): min(ends[t], max(offsets[t], starts[t])) for t in topics}
    begun = {(t.topic, t.partition) for t in topics if offsets[t] >= 0}
    return places, begun, {(t.topic, t.partition): ends[t] for t in topics}


async def committed(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """Offset that a group has committed in each partition, -1 where it never has. Asks again for a moment: a broker
    that never had a group begins to keep groups when it is asked for one. Raises KafkaError."""
    asking = AsyncRetrying(
        retry=retry_if_exception_type(GroupCoordinatorNotAvailableError),
        wait=wait_fixed(ASK_AGAIN_S),
        stop=stop_after_delay(ANSWER_WITHIN_S),
        reraise=True,
    )
    return await asking(_committed, admin, group, partitions)


async def _committed(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    found: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group, partitions=partitions)
    if found.keys() != set(partitions):  # the answer is an error of the whole group, which aiokafka takes for nothing
        raise GroupCoordinatorNotAvailableError
    return {partition: told.offset for partition, told in found.items()}


async def _written_ms(consumer: AIOKafkaConsumer, places: dict[Partition, int]) -> dict[Partition, float]:
    """When the log got the records at some places, ms UTC."""
    consumer.assign([TopicPartition(*partition) for partition in places])
    for partition, offset in places.items():
        consumer.seek(TopicPartition(*partition), offset)
    found = {partition: await _first(consumer, TopicPartition(*partition)) for partition in places}
    return {partition: written_ms for partition, written_ms in found.items() if written_ms is not None}


async def _first(consumer: AIOKafkaConsumer, partition: TopicPartition) -> float | None:
    records = await consumer.getmany(partition, timeout_ms=int(ANSWER_WITHIN_S * 1000), max_records=1)
    return next((float(record.timestamp) for of in records.values() for record in of), None)
