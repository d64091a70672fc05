"""A Faust worker as the tutorials have it: one JSON reading an event, a table written for each.

Run by bench/faust_batches.py: `python -m bench.naive.one_at_a_time KAFKA TOPIC READINGS`; prints events a second.
"""

import logging
import os
import sys
import time
from typing import Any

import faust


def main(kafka: str, topic: str, readings: int) -> None:
    app = faust.App(
        "one-at-a-time",
        broker=f"kafka://{kafka}",
        web_enabled=False,
        topic_partitions=4,
        broker_session_timeout=10,
        broker_heartbeat_interval=2,
    )
    table = app.Table("highest", default=float, partitions=4)
    began = done = 0.0

    async def take(stream: Any) -> None:
        nonlocal began, done
        async for reading in stream:
            began = began or time.perf_counter()
            table[reading["device"]] = max(table[reading["device"]], reading["value"])
            done += 1
            if done == readings:
                print(done / (time.perf_counter() - began), flush=True)
                os._exit(0)  # a benchmark has nothing to wind up

    app.agent(app.topic(topic, value_serializer="json", partitions=4))(take)
    faust.Worker(app, loglevel=logging.ERROR, logfile=os.devnull, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
