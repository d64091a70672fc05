"""The last tick of an ingest process that will not come back: without it, its shards would stay blind for ever."""

import asyncio

from city.clock import wall_ms
from city.log import READINGS, TICK
from city.readings import Tick, encode_tick
from ingest.writer import LogRecord, LogWriter

STEP_MS = 1000


async def write_last_tick(kafka: str, shards: int, name: str) -> None:
    """Write it for the process `name` into every shard. That must have stopped: a later tick of its own undoes this.

    Raises Unavailable.
    """
    tick = encode_tick(Tick(name, int(wall_ms()), STEP_MS, up=True, wall_ms=wall_ms(), retired=True))
    writer = LogWriter(kafka)
    await writer.start()
    writing = asyncio.create_task(writer.run())
    writer.put([LogRecord(READINGS, shard, tick, TICK) for shard in range(shards)], lambda: None)
    await writer.drain()
    writing.cancel()
    await writer.stop()
