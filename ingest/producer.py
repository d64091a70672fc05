"""aiokafka's producer with one thing mended: while nobody leads a partition it asks who does without a pause between,
thousands of times a second (0.14.0; `Sender._sender_routine` says that it waits, and does not)."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

PAUSE_S = 0.1


def patient(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """The same producer, which pauses after each time that it has asked. `_metadata_update` is the one private method
    of aiokafka used; tests/unit/test_ingest_producer.py pins it."""
    client = producer.client
    ask = client._metadata_update

    async def ask_and_pause(*what: Any) -> bool:
        known: bool = await ask(*what)
        await asyncio.sleep(PAUSE_S)
        return known

    client._metadata_update = ask_and_pause
    return producer
