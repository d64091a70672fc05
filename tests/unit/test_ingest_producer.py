"""aiokafka asks who leads a partition without a pause between; ours pauses."""

import asyncio

from aiokafka import AIOKafkaProducer

from ingest.producer import PAUSE_S, patient

QUESTIONS = 3


async def test_a_producer_that_cannot_learn_who_leads_pauses_after_each_question():
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    asked = 0

    async def nobody_answers(*_: object) -> bool:
        nonlocal asked
        asked += 1
        return False

    producer.client._metadata_update = nobody_answers
    client = patient(producer).client
    asking = asyncio.create_task(client._md_synchronizer())
    began_s = asyncio.get_running_loop().time()
    for _ in range(QUESTIONS):
        assert await client.force_metadata_update() is False
    assert asyncio.get_running_loop().time() - began_s >= QUESTIONS * PAUSE_S
    assert asked == QUESTIONS
    asking.cancel()
