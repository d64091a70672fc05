"""Alerts and dead letters to incidents and tickets."""

import asyncio

from alerts.deadlines import load_policy
from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore
from alerts.store.incidents import IncidentStore
from qianshao.city_files import load_city
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from qianshao.telemetry import Telemetry, with_telemetry
from streams.app import StreamApp, StreamOptions
from streams.incidents import IncidentWorker
from streams.metrics import IncidentsMetrics, LagMetrics
from streams.topics import ensure_topics
from streams.watchdog import Watchdog


def run(settings: Settings) -> None:
    """Until stopped. Raises Unavailable when what had answered no longer does."""
    asyncio.run(with_telemetry(settings, "incidents", _work))


async def _work(settings: Settings, told: Telemetry) -> None:
    kafka, database = settings.kafka, Database(settings.database)
    log_id = await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    await answer(lambda: asyncio.to_thread(database.migrate))
    stop = stop_on_signals()
    city = load_city(settings)
    store = IncidentStore(database, city, load_policy(settings.city))
    app = StreamApp(StreamOptions(kafka.servers, "incidents", kafka.session_s, kafka.fetch_wait_ms))
    metrics, letters = IncidentsMetrics(told.registry), DeadLetterStore(database)
    worker = IncidentWorker(app, database, store, letters, city, log_id, metrics, told.tracer)
    watchdog = Watchdog(kafka.servers, lambda: worker.offsets, LagMetrics(told.registry))
    watchdog.start()
    ready = say_ready(settings.ready, lambda: bool(app.assigned))
    try:
        await until_stopped(stop, app.run(stop), ready)
    finally:
        watchdog.stop()
