"""What a series worker counts: points that InfluxDB took and refused, and whether it answers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from city.log import DEAD_LETTERS, READINGS
from qianshao.processes.series import influx_options, init
from qianshao.settings import InfluxSettings, Settings
from streams.app import Record
from streams.metrics import SeriesMetrics
from streams.series.influx import Influx as Client
from streams.series.worker import SPEAKER, SeriesWorker
from tests.servers.influxdb import Influx
from tests.unit.logs import Log

pytestmark = pytest.mark.servers

WAIT_S = 60
GOOD, NO_LINE = b"reading,device=G1 water_depth=5", b"no line at all"


class AsWritten:
    """What a record says is one line."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()

    def of(self, record: Record) -> list[str]:
        return [record.value.decode()]


@dataclass
class NothingToSay:
    """How the city stands, of which so much log time is still to be said."""

    behind_ms: int

    def lines(self) -> list[str]:
        return []


@dataclass
class Series:
    """A worker, the log that it reads, and what it counts."""

    client: Client
    log: Log = field(default_factory=Log)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        metrics = SeriesMetrics(self.registry)
        self.worker = SeriesWorker(self.log, self.client, AsWritten(), lambda: NothingToSay(behind_ms=4_000), metrics)

    async def read(self, *lines: bytes) -> None:
        await self.log.hand_on(*(self.log.record(READINGS, line) for line in lines))

    def count(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"qianshao_series_{name}")

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not happened():
                await asyncio.sleep(0.02)


@pytest.fixture
async def series(private_influxdb: Influx, tmp_path: Path) -> AsyncIterator[Series]:
    named = {"url": private_influxdb.url, "token": private_influxdb.token, "org": private_influxdb.org}
    settings = Settings(data=tmp_path, influx=InfluxSettings(**named))
    list(init(settings))
    client = Client(influx_options(settings))
    yield Series(client)
    client.close()


async def test_points_that_were_taken_and_refused_are_counted_apart(series: Series) -> None:
    await series.read(GOOD, NO_LINE, GOOD)
    assert (series.count("points_total"), series.count("refused_total")) == (2, 1)
    assert series.count("write_seconds_count") == 1
    assert [written.topic for written in series.log.written] == [DEAD_LETTERS]


async def test_an_influxdb_that_is_away_is_shown_until_it_answers(
    series: Series, private_influxdb: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.series.worker.PATIENCE_S", 600.0)  # however long its start takes
    await series.read(GOOD)
    assert series.count("away") == 0
    private_influxdb.server.stop()
    reading = asyncio.create_task(series.read(GOOD))
    await series.until(lambda: series.count("away") == 1)
    private_influxdb.server.start()
    await reading
    assert (series.count("away"), series.count("points_total")) == (0, 2)


async def test_it_says_of_how_much_log_time_the_city_is_still_to_be_told(series: Series) -> None:
    series.log.assigned.add(SPEAKER)
    running = asyncio.create_task(series.worker.run())
    await series.until(lambda: series.count("behind_seconds") == 4)
    running.cancel()
