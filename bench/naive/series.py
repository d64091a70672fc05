"""Readings to InfluxDB as the client library's guide has it: handed to its batching, which writes from a thread of its
own, while the consumer commits what it has handed over.

Run by bench/series_outage.py: `python -m bench.naive.series KAFKA URL TOKEN ORG BUCKET`; prints a line once it reads,
and when it is terminated, how many points it has handed over. It takes one batch in ten.
"""

import asyncio
import signal
import sys

from aiokafka import AIOKafkaConsumer
from influxdb_client import InfluxDBClient, WriteApi

from city.log import BATCH, KIND, READINGS
from city.readings import Batch, decode

ONE_IN = 10


async def main(kafka: str, url: str, token: str, org: str, bucket: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    consumer = AIOKafkaConsumer(READINGS, bootstrap_servers=kafka, group_id="naive", auto_offset_reset="earliest")
    await consumer.start()
    print("reads", flush=True)
    with InfluxDBClient(url, token, org=org) as client, client.write_api() as batching:
        print(await hand_over(consumer, batching, bucket, stop), flush=True)
    await consumer.stop()


async def hand_over(consumer: AIOKafkaConsumer, batching: WriteApi, bucket: str, stop: asyncio.Event) -> int:
    """Until stopped. Returns how many points there were."""
    points = 0
    while not stop.is_set():
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                if record.offset % ONE_IN == 0 and dict(record.headers).get(KIND) == BATCH:
                    batch = decode(record.value)
                    rows = zip(batch.device.tolist(), batch.value.tolist(), batch.event_ms.tolist(), strict=True)
                    lines = [
                        f"reading,device={d} value={v!r} {ms * 1_000_000 + i}" for i, (d, v, ms) in enumerate(rows)
                    ]
                    batching.write(bucket, record=lines)
                    points += len(lines)
    return points


def lines_of(batch: Batch) -> list[str]:
    rows = zip(batch.device.tolist(), batch.value.tolist(), batch.event_ms.tolist(), strict=True)
    return [
        f"reading,device={device} value={value!r} {ms * 1_000_000 + i}" for i, (device, value, ms) in enumerate(rows)
    ]


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
