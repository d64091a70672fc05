"""The log into the archive."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from alerts.store.database import Database
from city.errors import SettingError
from qianshao.city_files import load_city
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from qianshao.telemetry import Telemetry, with_telemetry
from streams.app import StreamApp, StreamOptions
from streams.archive.folder import SETTING, ArchiveFolder
from streams.archive.keeping import Keeper
from streams.archive.standing import Incidents
from streams.archive.worker import ArchiveOptions, ArchiveWorker
from streams.metrics import ArchiveMetrics, LagMetrics
from streams.topics import ensure_topics
from streams.watchdog import Watchdog

log = structlog.get_logger()

GROUP = "archive"
KEEP_EVERY_S = 60.0
CATCH_UP_S, LOOK_EVERY_S = 10.0, 0.05
"""Told to stop, what the log has by then is still read: an embedded log ends with us."""


def run(settings: Settings) -> None:
    """Until stopped. Raises Unavailable when what had answered no longer does; SettingError without a folder, or where
    another process writes to it."""
    with ArchiveFolder(folder_of(settings)).locked():
        asyncio.run(with_telemetry(settings, GROUP, _work))


def compact(settings: Settings) -> Iterator[str]:
    """Do at once what the process does now and then. What was done, a line each. Raises SettingError while it runs."""
    folder = ArchiveFolder(folder_of(settings))
    with folder.locked():
        kept = Keeper(folder, load_city(settings).time_zone, settings.archive.days).keep()
    yield f"{kept.merged} files put together into {kept.made}, {kept.expired} thrown away for their age"


def folder_of(settings: Settings) -> Path:
    """Raises SettingError where there is none."""
    if settings.archive_folder is None:
        raise SettingError(SETTING, "no folder is named", "name one, e.g. archive, which is then in `data`")
    return settings.archive_folder


async def _work(settings: Settings, told: Telemetry) -> None:
    kafka, database = settings.kafka, Database(settings.database)
    log_id = await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    await answer(lambda: asyncio.to_thread(database.migrate))
    asked, stop = stop_on_signals(), asyncio.Event()
    city, folder = load_city(settings), ArchiveFolder(folder_of(settings))
    metrics = ArchiveMetrics(told.registry)
    app = StreamApp(StreamOptions(kafka.servers, GROUP, kafka.session_s, kafka.fetch_wait_ms))
    options = ArchiveOptions(log_id, kafka.shards, settings.archive.flush_s)
    worker = ArchiveWorker(app, folder, city, options, metrics)
    incidents = Incidents(database, folder, city.time_zone)
    keeper = Keeper(folder, city.time_zone, settings.archive.days)
    watchdog = Watchdog(kafka.servers, lambda: worker.offsets, LagMetrics(told.registry))
    watchdog.start()
    try:
        ready = say_ready(settings.ready, lambda: bool(app.assigned))
        keeping = _keep(folder, incidents, keeper, metrics)
        await until_stopped(
            stop,
            app.run(stop),
            worker.run(),
            keeping,
            ready,
            _stop_caught_up(asked, stop, lambda: _caught_up(app, worker, kafka.servers)),
        )
        await asyncio.to_thread(incidents.copy)
    finally:
        watchdog.stop()


async def _keep(folder: ArchiveFolder, incidents: Incidents, keeper: Keeper, metrics: ArchiveMetrics) -> None:
    """Incidents, and good order, now and then, until cancelled."""
    while True:
        await asyncio.to_thread(incidents.copy)
        await asyncio.to_thread(keeper.keep)
        files = folder.read().files
        metrics.holds(len(files), sum(file.bytes for file in files))
        await asyncio.sleep(KEEP_EVERY_S)


async def _stop_caught_up(asked: asyncio.Event, stop: asyncio.Event, caught_up: Callable[[], Awaitable[None]]) -> None:
    """When we are asked to stop, set `stop` once everything is read that the log has then."""
    await asked.wait()
    try:
        await asyncio.wait_for(caught_up(), CATCH_UP_S)
    except (TimeoutError, KafkaError) as error:
        log.warning("the log was not read to its end", error=repr(error))
    stop.set()


async def _caught_up(app: StreamApp, worker: ArchiveWorker, servers: str) -> None:
    """Raises KafkaError."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    try:
        await consumer.start()
        partitions = [TopicPartition(*partition) for partition in app.assigned]
        ends = await consumer.end_offsets(partitions) if partitions else {}
    finally:
        await consumer.stop()
    while not all(worker.has_read(tp.topic, tp.partition, end) for tp, end in ends.items()):
        await asyncio.sleep(LOOK_EVERY_S)
