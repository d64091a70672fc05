"""The log and the store to InfluxDB."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alerts.store.database import Database
from city.city import City
from city.clock import wall_ms
from city.errors import SettingError
from city.series import Measurement
from qianshao.city_files import load_city
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from qianshao.telemetry import Telemetry, with_telemetry
from streams.app import StreamApp, StreamOptions
from streams.metrics import LagMetrics, SeriesMetrics
from streams.series import buckets, copies, rollups
from streams.series.census import Census
from streams.series.history import History
from streams.series.influx import Influx, InfluxOptions
from streams.series.log_lines import LogLines
from streams.series.readers import ensure_reader
from streams.series.rebuild import rewrite_log, say_again
from streams.series.sampler import Sampler
from streams.series.worker import SeriesWorker
from streams.topics import ensure_topics
from streams.watchdog import Watchdog

GROUP = "series"
FETCH_BYTES = 1 << 18
"""A second of writing or two, so that of what waits after an outage no partition stands still for long."""
STUCK_S = 120.0
"""Longer than others: where the processor is short, this process comes last."""
ROLLUP_S = 3_600.0
"""A query that makes minutes of a hundred thousand devices takes minutes."""
LATEST_MS = 3_600_000
"""What would be thrown away within so long is not written any more."""


def run(settings: Settings) -> None:
    """Until stopped. Raises Unavailable when what had answered no longer does."""
    asyncio.run(with_telemetry(settings, "series", _work))


def init(settings: Settings, reader: Path | None = None) -> Iterator[str]:
    """Make buckets and tasks; and in a file, if one is named, a token that may read. What was done, a line each. Raises
    Unavailable or SettingError."""
    influx = Influx(influx_options(settings))
    yield from buckets.init(influx, retention_s(settings))
    if reader:
        yield ensure_reader(influx, reader)
    influx.close()


def rollup(settings: Settings, start: datetime, stop: datetime) -> None:
    """Make minutes and hours of a range again. Raises Unavailable."""
    influx = Influx(replace(influx_options(settings), timeout_s=ROLLUP_S))
    for _ in rollups.rollup(influx, start, stop):
        pass
    influx.close()


def rebuild(settings: Settings) -> Iterator[str]:
    """Everything that the log and the store have, written again. What was done, a line each. Raises Unavailable."""
    influx, database = Influx(influx_options(settings)), Database(settings.database)
    city = load_city(settings)
    counts = asyncio.run(rewrite_log(settings.kafka.servers, influx, _log_lines(settings, city)))
    yield "log: " + ", ".join(f"{count} {what}" for what, count in counts.items())
    history = History(database)
    began_ms = history.first_log_ms()
    if began_ms is not None:
        said_ms = max(say_again(influx, Sampler(history, Census(city), began_ms)), default=began_ms)
        yield f"standings: {(said_ms - began_ms) / 60_000:.0f} minutes of log time"
        stop_ms = history.log_ms() or said_ms
        rollup(settings, datetime.fromtimestamp(began_ms / 1000, UTC), datetime.fromtimestamp(stop_ms / 1000, UTC))
        yield "minutes and hours made"
    influx.close()


def save(settings: Settings, folder: Path) -> Iterator[str]:
    """Copy the buckets into a folder. What was done, a line each. Raises Unavailable."""
    influx = Influx(influx_options(settings))
    yield from copies.save(influx, folder)
    influx.close()


def load(settings: Settings, folder: Path) -> Iterator[str]:
    """Put the copies in a folder in the place of the buckets. What was done, a line each. Raises Unavailable or
    SettingError."""
    influx = Influx(influx_options(settings))
    yield from copies.load(influx, folder)
    influx.close()


def influx_options(settings: Settings) -> InfluxOptions:
    """Raises SettingError where no InfluxDB is named."""
    influx = settings.influx
    if influx.url is None:
        raise SettingError("influx.url", "no InfluxDB is named", "name one, e.g. http://influxdb:8086, with its token")
    return InfluxOptions(influx.url, influx.token or "", influx.org, influx.bucket, influx.timeout_s)


def retention_s(settings: Settings) -> dict[str, int]:
    """How long each bucket keeps what it has, in seconds; 0: for ever."""
    names, day_s = influx_options(settings).buckets, 86_400
    days = {names.raw: settings.influx.raw_days, names.minute: settings.influx.minute_days, names.hour: 0}
    return {name: kept * day_s for name, kept in days.items()}


async def _work(settings: Settings, told: Telemetry) -> None:
    kafka, database = settings.kafka, Database(settings.database)
    influx = Influx(influx_options(settings))
    await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    await answer(lambda: asyncio.to_thread(database.migrate))
    await answer(lambda: asyncio.to_thread(influx.newest_ms, Measurement.CITY))  # it is there, and ours to ask
    stop = stop_on_signals()
    city = load_city(settings)
    census = Census(city)

    def begin() -> Sampler:
        return Sampler(History(database), census, influx.newest_ms(Measurement.CITY))

    app = StreamApp(StreamOptions(kafka.servers, GROUP, kafka.session_s, kafka.fetch_wait_ms, FETCH_BYTES))
    worker = SeriesWorker(app, influx, _log_lines(settings, city), begin, SeriesMetrics(told.registry))
    watchdog = Watchdog(kafka.servers, lambda: worker.offsets, LagMetrics(told.registry), STUCK_S)
    watchdog.start()
    try:
        ready = say_ready(settings.ready, lambda: bool(app.assigned))
        await until_stopped(stop, app.run(stop), worker.run(), ready)
    finally:
        watchdog.stop()
        influx.close()


def _log_lines(settings: Settings, city: City) -> LogLines:
    return LogLines(city, lambda: _oldest_ms(settings))


def _oldest_ms(settings: Settings) -> float:
    """Before this, points are thrown away at once."""
    days = settings.influx.raw_days
    return wall_ms() - days * 86_400_000 + LATEST_MS if days else 0.0
