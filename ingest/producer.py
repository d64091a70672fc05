"""What all who write to Kafka need around aiokafka's producer (0.14.0)."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

PAUSE_S = 0.1


def patient(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """The same producer, which pauses after each time that it has asked who leads a partition. While nobody does,
    aiokafka asks thousands of times a second: `Sender._sender_routine` says that it waits, and does not.

    `_metadata_update` is the one private method of aiokafka used; tests/unit/test_ingest_producer.py pins it.
    """
    client = producer.client
    ask = client._metadata_update

    async def ask_and_pause(*what: Any) -> bool:
        known: bool = await ask(*what)
        await asyncio.sleep(PAUSE_S)
        return known

    client._metadata_update = ask_and_pause
    return producer


def heeded(confirmation: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
    """The same confirmation. Should it fail when nobody waits for it any more, asyncio does not complain."""
    confirmation.add_done_callback(_heed)
    return confirmation


def _heed(confirmation: "asyncio.Future[Any]") -> None:
    if not confirmation.cancelled():
        confirmation.exception()
