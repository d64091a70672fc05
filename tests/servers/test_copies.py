"""Copies of the series: taken from a running InfluxDB, put in the place of what is there, in this server or another."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from city.errors import SettingError, Unavailable
from qianshao.processes.series import init, load, save
from qianshao.settings import InfluxSettings, Settings
from streams.series import copies
from streams.series.influx import Influx, InfluxOptions
from tests.servers.influxdb import Influx as InfluxServer
from tests.servers.influxdb import influxdb
from tests.servers.missing import MissingError
from tests.servers.report import skip

pytestmark = pytest.mark.servers

DAY_NS = 86_400_000_000_000
LINES = [f"reading,device=d{n % 7} v={n} {1_700_000_000_000_000_000 + n * DAY_NS // 20}" for n in range(1000)]
LATER = [f"reading,device=d{n % 7} v=-1 {1_700_000_000_000_000_000 + n * DAY_NS // 20}" for n in range(1000)]
FLUX = 'from(bucket: "%s") |> range(start: 0) |> group() |> sort(columns: ["_time"]) |> keep(columns: ["_value"])'


@pytest.fixture(scope="module")
def lasting() -> Iterator[InfluxServer]:
    try:
        with influxdb(own=True, durable=True) as server:
            yield server
    except MissingError as error:
        skip(error)


SettingsOf = Callable[[InfluxServer], Settings]


@pytest.fixture
def settings_of(lasting: InfluxServer) -> SettingsOf:
    bucket = lasting.new_bucket()

    def settings(server: InfluxServer) -> Settings:
        influx = InfluxSettings(url=server.url, token=server.token, org=server.org, bucket=bucket, raw_days=0)
        return Settings(influx=influx)

    return settings


@pytest.fixture
def settings(settings_of: SettingsOf, lasting: InfluxServer) -> Settings:
    settings = settings_of(lasting)
    list(init(settings))
    return settings


def opened(settings: Settings) -> Influx:
    influx = settings.influx
    return Influx(InfluxOptions(influx.url or "", influx.token or "", influx.org, influx.bucket))


def values(settings: Settings) -> list[float]:
    return [row["_value"] for row in opened(settings).query(FLUX % settings.influx.bucket)]


def names(settings: Settings) -> set[str]:
    return {b.name for b in opened(settings).client.buckets_api().find_buckets_iter()}


def test_what_was_copied_takes_the_place_of_what_came_later(settings: Settings, tmp_path: Path) -> None:
    opened(settings).write(LINES)
    before = values(settings)
    copied = [int(line.split(": ")[1].split()[0]) for line in save(settings, tmp_path)]
    assert copied[0] > 1 and copied[1:] == [0, 0]
    opened(settings).write(LATER)
    assert set(values(settings)) == {-1}
    list(load(settings, tmp_path))
    assert values(settings) == before == [float(n) for n in range(1000)]
    assert not any(name.endswith(copies.UNFINISHED) for name in names(settings))


def test_a_copy_can_be_given_to_another_server_with_how_long_it_keeps_what(
    settings: Settings, settings_of: SettingsOf, influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    opened(settings).write(LINES)
    list(save(settings, tmp_path))
    elsewhere = settings_of(influxdb_server)
    list(load(elsewhere, tmp_path))
    assert values(elsewhere) == values(settings)
    there = list(init(elsewhere))
    assert [line for line in there if line.startswith("bucket")] == [
        f"bucket {settings.influx.bucket}: there, kept for ever",
        f"bucket {settings.influx.bucket}_1m: there, kept for 400 days",
        f"bucket {settings.influx.bucket}_1h: there, kept for ever",
    ]


def test_a_copy_that_cannot_be_taken_in_whole_changes_nothing_and_can_be_tried_again(
    settings: Settings, tmp_path: Path
) -> None:
    opened(settings).write(LINES)
    list(save(settings, tmp_path))
    shard = next(tmp_path.glob("shard-*"))
    whole = shard.read_bytes()
    shard.write_bytes(b"rubbish")
    with pytest.raises(Unavailable):
        list(load(settings, tmp_path))
    assert len(values(settings)) == 1000
    shard.write_bytes(whole)
    list(load(settings, tmp_path))
    assert len(values(settings)) == 1000


def test_a_folder_of_something_else_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="has no copies of"):
        list(load(settings, tmp_path))
    (tmp_path / copies.HEAD).write_text('[{"bucketName": "somebody-elses"}]')
    with pytest.raises(SettingError, match="has no copies of"):
        list(load(settings, tmp_path))
