"""Reads the log that detect reads, beside it: from where its checkpoints are, in no consumer group, writing nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from city.errors import Unavailable
from city.log import KIND, READINGS, TICK
from city.readings import Batch, Tick, decode, decode_tick
from streams.app import POLL_RECORDS
from streams.poison import UNREADABLE

FETCH_BYTES = 4 << 20
"""Of a shard at once: with what waits to be judged, all that is held of the log."""
WAIT_MS = 200


@dataclass
class Read:
    """What was read: `records`, and of those `unreadable`. `missed`: records that the log has forgotten since the
    checkpoints were made; `behind`: those that it has, and that were not read in the end."""

    records: int = 0
    unreadable: int = 0
    missed: int = 0
    behind: int = 0


Take = Callable[[int, Batch | Tick], None]


async def read_beside(
    kafka: str, offsets: dict[int, int], take: Take, enough: Callable[[], bool], to_end: bool, stop: asyncio.Event
) -> Read:
    """Hand on what comes after `offsets`, by shard, in the order of each shard, until there is `enough`, or `stop`; or
    where the log ended when this began, if `to_end`. Raises Unavailable."""
    read = Read()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        ends = await _begin(consumer, offsets, read)
        while not (stop.is_set() or enough() or (to_end and not await _left(consumer, ends))):
            found = await consumer.getmany(timeout_ms=WAIT_MS, max_records=POLL_RECORDS)
            for partition, records in found.items():
                for record in records:
                    _hand_on(record, partition.partition, take, read)
            await asyncio.sleep(0)  # whoever wants to stop us gets a turn, however much there is to read
        read.behind = await _left(consumer, await consumer.end_offsets(list(ends)))
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    finally:
        await consumer.stop()
    return read


async def _begin(consumer: AIOKafkaConsumer, offsets: dict[int, int], read: Read) -> dict[TopicPartition, int]:
    """Go behind what the checkpoints have seen. Returns where the log ends now."""
    places = {TopicPartition(READINGS, shard): offset + 1 for shard, offset in offsets.items()}
    consumer.assign(list(places))
    starts = await consumer.beginning_offsets(list(places))
    for partition, place in places.items():
        read.missed += max(0, starts[partition] - place)
        consumer.seek(partition, max(place, starts[partition]))
    ends: dict[TopicPartition, int] = await consumer.end_offsets(list(places))
    return ends


async def _left(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> int:
    """How many records there are up to some ends."""
    return sum([max(0, end - await consumer.position(partition)) for partition, end in ends.items()])


def _hand_on(record: Any, shard: int, take: Take, read: Read) -> None:
    value, headers = record.value or b"", dict(record.headers)
    read.records += 1
    try:
        entry = decode_tick(value) if headers.get(KIND) == TICK else decode(value)
    except UNREADABLE:
        read.unreadable += 1
    else:
        take(shard, entry)
