"""Who only reads the series, as Grafana does, gets a token that can do nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from city.errors import Unavailable
from qianshao.processes.series import init
from qianshao.settings import InfluxSettings, Settings
from streams.series.influx import Influx, InfluxOptions
from tests.servers.influxdb import Influx as InfluxServer

pytestmark = pytest.mark.servers

LINE = "reading,device=BA-WL-0001 water_depth=3 1700000000000000000"
OpenWith = Callable[[str], Influx]


@pytest.fixture
def settings(influxdb_server: InfluxServer) -> Settings:
    server = influxdb_server
    influx = InfluxSettings(url=server.url, token=server.token, org=server.org, bucket=server.new_bucket(), raw_days=0)
    return Settings(influx=influx)


@pytest.fixture
def open_with(settings: Settings) -> OpenWith:
    influx = settings.influx
    return lambda token: Influx(InfluxOptions(influx.url or "", token, influx.org, influx.bucket))


def count(influx: Influx) -> int:
    flux = f'from(bucket: "{influx.options.bucket}") |> range(start: 0) |> count()'
    return sum(row["_value"] for row in influx.query(flux))


def test_a_reader_reads_the_series_and_cannot_write_nor_look_at_anything_else(
    settings: Settings, open_with: OpenWith, tmp_path: Path
) -> None:
    list(init(settings, tmp_path / "token"))
    owner, reader = open_with(settings.influx.token or ""), open_with((tmp_path / "token").read_text())
    assert owner.write([LINE]) == []
    assert count(reader) == 1
    with pytest.raises(Unavailable, match="that"):
        reader.write([LINE])
    ours = set(vars(owner.options.buckets).values())
    owner.client.buckets_api().create_bucket(bucket_name=f"{owner.options.bucket}_of_others")
    names = [*ours, f"{owner.options.bucket}_of_others"]  # by name: pages of a list leave out what one may not see
    assert {name for name in names if reader.client.buckets_api().find_bucket_by_name(name)} == ours
    assert reader.client.authorizations_api().find_authorizations() == []


def test_a_token_is_made_once_and_anew_when_it_opens_nothing_any_more(
    settings: Settings, open_with: OpenWith, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    assert list(init(settings, file))[-1] == f"token in {file}: created"
    first = file.read_text()
    assert list(init(settings, file))[-1] == f"token in {file}: there"
    api = open_with(settings.influx.token or "").client.buckets_api()
    api.delete_bucket(api.find_bucket_by_name(settings.influx.bucket))
    assert list(init(settings, file))[-1] == f"token in {file}: created"
    assert count(open_with(file.read_text())) == 0
    with pytest.raises(Unavailable):
        count(open_with(first))


def test_others_may_read_the_file(settings: Settings, tmp_path: Path) -> None:
    list(init(settings, tmp_path / "token"))
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o444
