"""How many readings a second does one Faust worker judge on Apache Kafka, with batches, and one event at a time?

Ours: `streams.detect` with the shipped rules and SQL checkpoints, batches of 500 readings. The naive way, in the same
run on the same broker: one JSON reading a record, a Faust table written for each.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from alerts.store.database import Database
from bench.parts.common import base, fleet_of_size, options, show
from bench.parts.days import ROUND_MS, START_MS, rounds
from city.log import BATCH, KIND, READINGS, TICK
from city.readings import Tick, encode, encode_tick
from city.sharding import fleets_of_shards
from qianshao.logs import set_up_logs
from rules.engine.warm import warm_up
from streams.app import StreamApp, StreamOptions
from streams.checkpoint import CheckpointStore
from streams.detect import DetectOptions, Detector
from streams.rules import RulesInForce
from streams.topics import ensure_topics
from tests.servers.kafka import kafka

DEVICES, ROWS, SHARDS = 100_000, 500, 4
SINGLES = "singles"


async def fill(address: str, readings: int) -> int:
    """Write rounds of batches, each with a tick before it. Returns the readings written."""
    city, fleet = fleet_of_size(DEVICES)
    parts = fleets_of_shards(fleet, SHARDS)
    producer = AIOKafkaProducer(bootstrap_servers=address, max_batch_size=1 << 20, linger_ms=20)
    await producer.start()
    written = 0
    rng = np.random.default_rng(1)
    count = max(1, readings // DEVICES)
    plays = [list(rounds(city, part, ROWS, count, rng)) if len(part) >= ROWS else [] for part in parts]
    for number in range(count):
        tick = encode_tick(Tick("bench", START_MS + number * ROUND_MS, ROUND_MS, True))
        for shard, play in enumerate(plays):
            await producer.send(READINGS, tick, partition=shard, headers=[(KIND, TICK)])
            for batch in play[number] if play else []:
                await producer.send(READINGS, encode(batch), partition=shard, headers=[(KIND, BATCH)])
                written += len(batch)
    await producer.stop()
    return written


async def ours(address: str, readings: int, folder: Path) -> dict[str, float]:
    """Readings a second from the first that the worker takes to the last, and CPU."""
    log_id = await ensure_topics(address, SHARDS)
    written = await fill(address, readings)
    database = Database(f"sqlite:///{folder / 'bench.db'}")
    database.migrate()
    city, _ = fleet_of_size(DEVICES)
    app = StreamApp(StreamOptions(address, "bench-detect", fetch_wait_ms=500))
    detector = Detector(
        app, CheckpointStore(database), city, RulesInForce(base()[1], 0.0), DetectOptions("bench", log_id, SHARDS)
    )
    warm_up()
    stop = asyncio.Event()
    running = asyncio.create_task(app.run(stop))
    beside = asyncio.create_task(detector.run())

    async def judged(readings: int) -> None:
        while detector.judged < readings:
            if running.done() or beside.done():
                raise RuntimeError(f"the worker stopped after {detector.judged} of {written} readings")
            await asyncio.sleep(0.005)

    await judged(1)
    began, cpu, before = time.perf_counter(), time.process_time(), detector.judged
    await judged(written)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    stop.set()
    await running
    beside.cancel()
    return {"readings_per_s": (written - before) / seconds, "cpu_ns_per_reading": cpu / (written - before) * 1e9}


async def naive(address: str, readings: int, folder: Path) -> float:
    """Events a second of a Faust worker that takes one reading at a time and writes a table."""
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=20)
    await producer.start()
    for i in range(readings):
        device = f"d{i % 1000}"
        reading = {"device": device, "value": float(i % 30), "event_ms": START_MS + i}
        await producer.send(SINGLES, json.dumps(reading).encode(), key=device.encode())
    await producer.stop()
    command = [sys.executable, "-m", "bench.naive.one_at_a_time", address, SINGLES, str(readings)]
    done = await asyncio.to_thread(  # Faust keeps its tables in cwd
        lambda: subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    )
    return float(done.stdout.split()[-1])  # Faust greets before


async def main(quick: bool) -> None:
    set_up_logs("bench")
    many, few = (3_000_000, 8_000) if quick else (20_000_000, 40_000)
    with kafka(own=True) as log, tempfile.TemporaryDirectory() as folder:
        fast = await ours(log.address, many, Path(folder))
        await ensure_topic(log.address, SINGLES)
        slow = await naive(log.address, few, Path(folder))
    show(
        "faust_batches",
        readings_per_s=round(fast["readings_per_s"]),
        ratio_to_one_at_a_time=round(fast["readings_per_s"] / slow),
        one_at_a_time_per_s=round(slow),
        cpu_ns_per_reading=round(fast["cpu_ns_per_reading"], 1),
        rows_per_batch=ROWS,
        devices=DEVICES,
    )


async def ensure_topic(address: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(name, SHARDS, 1)])
    await admin.close()


if __name__ == "__main__":
    asyncio.run(main(options(__doc__).parse_args().quick))
