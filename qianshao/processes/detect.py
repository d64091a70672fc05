"""Log to alerts."""

import asyncio

from alerts.store.database import Database
from city.log import READINGS
from qianshao.city_files import load_city, load_rules
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from rules.engine.warm import warm_up
from streams.app import StreamApp, StreamOptions
from streams.checkpoint import CheckpointStore
from streams.detect import DetectOptions, Detector
from streams.topics import ensure_topics
from streams.watchdog import Watchdog


def run(settings: Settings) -> None:
    """Until stopped; shards are checkpointed then. Raises Unavailable when what had answered no longer does, and
    StaleFenceError."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    kafka, database = settings.kafka, Database(settings.database)
    log_id = await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    await answer(lambda: asyncio.to_thread(database.migrate))
    stop = stop_on_signals()
    city = load_city(settings)
    app = StreamApp(StreamOptions(kafka.servers, "detect", kafka.session_s, kafka.fetch_wait_ms))
    options = DetectOptions(settings.detect.name, log_id, kafka.shards, settings.detect.checkpoint_s)
    detector = Detector(app, CheckpointStore(database), city, load_rules(settings, city), options)
    watchdog = Watchdog(kafka.servers, lambda: {(READINGS, shard): at for shard, at in detector.offsets.items()})
    watchdog.start()

    async def get_ready() -> None:
        await asyncio.to_thread(warm_up)  # while the group is joined, which takes seconds
        await say_ready(settings.ready, lambda: bool(app.assigned))

    try:
        await until_stopped(stop, app.run(stop), detector.run(), get_ready())
    finally:
        watchdog.stop()
