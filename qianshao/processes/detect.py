"""Log to alerts."""

import asyncio

from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.log import READINGS
from qianshao.city_files import load_city
from qianshao.clockfile import timekeeper
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from qianshao.telemetry import Telemetry, with_telemetry
from rules.engine.warm import warm_up
from streams.app import Partition, StreamApp, StreamOptions
from streams.checkpoint import CheckpointStore
from streams.detect import DetectOptions, Detector
from streams.metrics import DetectMetrics, LagMetrics
from streams.rules import RuleSource
from streams.topics import ensure_topics
from streams.watchdog import Watchdog


def run(settings: Settings) -> None:
    """Until stopped; shards are checkpointed then. Raises Unavailable when what had answered no longer does, and
    StaleFenceError."""
    asyncio.run(with_telemetry(settings, "detect", _work))


async def _work(settings: Settings, told: Telemetry) -> None:
    kafka, database = settings.kafka, Database(settings.database)
    log_id = await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    await answer(lambda: asyncio.to_thread(database.migrate))
    stop = stop_on_signals()
    city = load_city(settings)
    app = StreamApp(StreamOptions(kafka.servers, "detect", kafka.session_s, kafka.fetch_wait_ms))
    options = DetectOptions(settings.detect.name, log_id, kafka.shards, settings.detect.checkpoint_s)
    metrics = DetectMetrics(told.registry)
    source = RuleSource(RuleStore(database), city, settings.rules, settings.detect.name)
    rules = await answer(lambda: asyncio.to_thread(source.begin))
    clock, store = timekeeper(settings.clock.file), CheckpointStore(database)
    detector = Detector(app, store, city, rules, options, metrics, told.tracer, source.earlier, over=lambda: clock.over)

    def offsets() -> dict[Partition, int]:
        return {(READINGS, shard): at for shard, at in detector.offsets.items()}

    watchdog = Watchdog(kafka.servers, offsets, LagMetrics(told.registry))
    watchdog.start()

    async def get_ready() -> None:
        await asyncio.to_thread(warm_up)  # while the group is joined, which takes seconds
        await say_ready(settings.ready, lambda: bool(app.assigned))

    try:
        await until_stopped(stop, app.run(stop), detector.run(), source.follow(rules, detector.reload), get_ready())
    finally:
        watchdog.stop()
