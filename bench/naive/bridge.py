"""A bridge from MQTT to Kafka as tutorials have it: each message decoded, forwarded and acknowledged on its own.

Run by bench/end_to_end.py: `python -m bench.naive.bridge HOST PORT KAFKA`; prints a line once it has subscribed.
"""

import asyncio
import json
import sys
from typing import Any

import paho.mqtt.client as paho
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from paho.mqtt.enums import CallbackAPIVersion

TOPIC = "bridged"


async def main(host: str, port: int, kafka: str) -> None:
    loop = asyncio.get_running_loop()
    await _create_topic(kafka)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20)
    await producer.start()
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def on_message(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        loop.call_soon_threadsafe(messages.put_nowait, json.loads(message.payload))

    client = paho.Client(CallbackAPIVersion.VERSION2, "naive-bridge")
    client.on_message = on_message
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.connect(host, port)
    client.subscribe("citysafety/#", qos=1)
    client.loop_start()
    while True:
        message = await messages.get()
        await producer.send(TOPIC, json.dumps(message).encode(), key=message["device_id"].encode())


async def _create_topic(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 4, 1)])
    await admin.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
