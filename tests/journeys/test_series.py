"""The log into InfluxDB: nothing is lost while it is away, what it refuses keeps nobody else out, and a lost one is
made again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.store.database import Database
from city.clock import wall_ms
from city.errors import SettingError, Unavailable
from city.log import BATCH
from city.series import Buckets, Measurement
from ingest.dead_letters import Reason
from qianshao.processes.series import init, rebuild
from qianshao.settings import InfluxSettings, KafkaSettings, Settings
from qianshao.supervisor import Child
from streams.series import buckets, rollups
from streams.series.influx import Influx, InfluxOptions
from streams.series.rollups import rollup
from tests.journeys.district import SHARDS, settings_of
from tests.journeys.record import read_log
from tests.journeys.workers import Log
from tests.servers.influxdb import Influx as Server
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

START_S, CAUGHT_UP_S = 60, 60
DAY = timedelta(days=1)
ONE_READING = """|> filter(fn: (r) => r._measurement == "reading") |> group() |> count(column: "_value")"""


@dataclass
class Wall:
    """A series process between a log and an InfluxDB."""

    log: Log
    server: Server
    settings: Settings
    child: Child

    @property
    def influx(self) -> Influx:
        found = self.settings.influx
        return Influx(InfluxOptions(str(found.url), str(found.token), found.org, found.bucket))

    def start(self) -> None:
        self.child.start()
        until(lambda: self.child.ready, START_S, self.child.log_file.read_text)

    def readings(self) -> int:
        """Points of readings that InfluxDB has."""
        flux = f'from(bucket: "{self.settings.influx.bucket}") |> range(start: -1d, stop: 1d) {ONE_READING}'
        return sum(row["_value"] for row in self.influx.query(flux))

    def has_everything(self) -> bool:
        return self.readings() == len(set(read_log(self.log.kafka).readings))


@pytest.fixture
def wall(private_kafka: object, private_influxdb: Server, tmp_path: Path) -> Iterator[Wall]:
    log = Log(private_kafka.address)  # type: ignore[attr-defined]
    kafka = KafkaSettings(servers=log.kafka, shards=SHARDS, fetch_wait_ms=500)
    influx = InfluxSettings(url=private_influxdb.url, token=private_influxdb.token, org=private_influxdb.org)
    settings = settings_of(tmp_path, log.city, kafka=kafka, influx=influx)
    Database(settings.database).migrate()
    list(init(settings))
    child = Child("series", settings, tmp_path, ("run",))
    yield Wall(log, private_influxdb, settings, child)
    child.kill()


def test_nothing_is_lost_while_influxdb_is_away_and_nothing_comes_twice(wall: Wall) -> None:
    wall.start()
    wall.log.go_on(seconds=10)
    until(wall.has_everything, CAUGHT_UP_S)
    wall.server.server.kill()
    wall.log.go_on(seconds=20)
    until(lambda: "InfluxDB is away, waiting" in wall.child.log_file.read_text(), CAUGHT_UP_S)
    wall.child.kill()  # at the worst moment: it holds what it could not write
    wall.log.go_on(seconds=10)
    wall.server.server.start()
    wall.start()
    until(wall.has_everything, CAUGHT_UP_S, lambda: f"{wall.readings()} of {len(read_log(wall.log.kafka).readings)}")
    wall.child.stop()
    wall.start()
    wall.log.go_on(seconds=5)
    until(wall.has_everything, CAUGHT_UP_S)


def test_a_record_that_nobody_can_read_and_a_line_that_is_refused_keep_nobody_else_out(wall: Wall) -> None:
    # The field is an integer from now on: every reading of that type of value is refused, all others are not.
    poisoned = [line.replace("water_depth=1.0", "water_depth=1i") for line in [_first_reading(wall)]]
    assert wall.influx.write(poisoned) == []
    wall.log.write((0, BATCH, b"\xff no Arrow"))
    wall.start()
    wall.log.go_on(seconds=3)
    letters = lambda: [x for x in read_log(wall.log.kafka).letters if x.reason is Reason.POISON]  # noqa: E731
    until(lambda: letters(), CAUGHT_UP_S)
    assert all("type conflict" in letter.detail and letter.ingest == "series" for letter in letters())
    assert b"water_depth=" in letters()[0].payload


def _first_reading(wall: Wall) -> str:
    """A line of the first shard's first gauge, as it will be written."""
    from streams.series.lines import ReadingLines

    wall.log.go_on(seconds=1)
    (line, *_), _ = ReadingLines(wall.log.city).of(read_log(wall.log.kafka).batches[0])
    head, _, at_ns = line.rsplit(" ", 2)
    return f"{head} water_depth=1.0 {at_ns}"


def test_a_lost_influxdb_is_made_again_from_the_log(wall: Wall) -> None:
    wall.log.go_on(seconds=10)
    wall.start()
    until(wall.has_everything, CAUGHT_UP_S)
    before = wall.readings()
    wall.child.stop()
    bucket = wall.settings.influx.bucket
    api = wall.influx.client.delete_api()
    api.delete(datetime(2000, 1, 1, tzinfo=UTC), datetime.now(UTC) + DAY, "", bucket=bucket)
    assert wall.readings() == 0
    told = list(rebuild(wall.settings))
    assert wall.readings() == before
    assert told[0].startswith("log: ") and "0 refused, 0 unreadable" in told[0]


@pytest.fixture
def influx(influxdb_server: Server) -> Influx:
    """Buckets that nobody else has."""
    options = InfluxOptions(
        influxdb_server.url, influxdb_server.token, influxdb_server.org, influxdb_server.new_bucket()
    )
    return Influx(options)


RETENTION_S = {"": 30 * 86_400, "_1m": 400 * 86_400, "_1h": 0}


def ready(influx: Influx) -> list[str]:
    raw = influx.options.bucket
    return list(buckets.init(influx, {f"{raw}{suffix}": kept for suffix, kept in RETENTION_S.items()}))


def test_buckets_and_tasks_are_made_once_and_mended_where_somebody_changed_them(influx: Influx) -> None:
    raw = influx.options.bucket
    assert all("created" in line for line in ready(influx))
    assert all("there" in line for line in ready(influx))
    bucket = influx.client.buckets_api().find_bucket_by_name(raw)
    bucket.retention_rules[0].every_seconds = 3600 * 24
    influx.client.buckets_api().update_bucket(bucket=bucket)
    (task,) = influx.client.tasks_api().find_tasks(name=f"{raw} minutes")
    task.flux = task.flux.replace("every: 300s", "every: 600s")
    influx.client.tasks_api().update_task(task)
    mended = [line for line in ready(influx) if "there" not in line]
    assert mended == [
        f"bucket {raw}: changed, kept for 30 days instead of kept for 1 days",
        f"task {raw} minutes: changed",
    ]
    assert all("there" in line for line in ready(influx))


def test_tasks_make_minutes_of_points_and_hours_of_minutes_that_begin_where_they_should(influx: Influx) -> None:
    ready(influx)
    hour_ms = int(wall_ms()) // 3_600_000 * 3_600_000 - 3_600_000
    tags = "device={0},type=t,site=s,area=a,class=waterlogging,street=11,community=111"
    lines = [
        f"reading,{tags.format(device)} water_depth={depth} {(hour_ms + minute * 60_000 + second * 1000) * 1_000_000}"
        for device, offset in (("G1", 0.0), ("G2", 10.0))
        for minute in range(3)
        for second, depth in ((5, minute + offset), (35, minute + offset + 1.0))
    ]
    assert influx.write(lines) == []
    start = datetime.fromtimestamp(hour_ms / 1000, UTC)
    touched = start + timedelta(minutes=3), start + timedelta(minutes=4)
    list(rollup(influx, *touched))
    minutes = _kept(influx, influx.options.buckets.minute, "reading_mean", "G1")
    assert minutes == {0: 0.5, 1: 1.5, 2: 2.5}
    of_all = [_kept(influx, influx.options.buckets.minute, f"summary_{how}") for how in ("mean", "min", "max")]
    assert of_all == [{0: 6.5}, {0: 0.0}, {0: 13.0}]
    hours = [_kept(influx, influx.options.buckets.hour, f"reading_{how}", "G2") for how in ("mean", "min", "max")]
    assert hours == [{0: 11.5}, {0: 10.0}, {0: 13.0}]
    assert _kept(influx, influx.options.buckets.hour, "summary_max") == {0: 13.0}


def test_the_tasks_themselves_run(influx: Influx) -> None:
    """Scheduled, they begin in a minute: their very text is run now."""
    ready(influx)
    now_ms = int(wall_ms()) // 300_000 * 300_000 - 300_000
    tags = "device=G1,type=t,site=s,area=a,class=c,street=11,community=111"
    assert influx.write([f"reading,{tags} water_depth=3.0 {(now_ms + 5_000) * 1_000_000}"]) == []
    for name in rollups.tasks(influx.options.buckets):  # by name: a list of all stops at a hundred
        (task,) = influx.client.tasks_api().find_tasks(name=name)
        list(influx.query("\n".join(x for x in task.flux.splitlines() if not x.startswith("option task"))))
    found = _kept(influx, influx.options.buckets.minute, "reading_mean", "G1")
    assert list(found.values()) == [3.0]
    assert len(_kept(influx, influx.options.buckets.minute, "summary_max")) == 1


def _kept(influx: Influx, bucket: str, measurement: str, device: str | None = None) -> dict[int, float]:
    """Values by minutes after the first whole hour before all of them."""
    of = f' and r.device == "{device}"' if device else ""
    flux = f'from(bucket: "{bucket}") |> range(start: -3h) |> filter(fn: (r) => r._measurement == "{measurement}"{of})'
    rows = sorted((row["_time"], row["_value"]) for row in influx.query(flux))
    assert all(time.second == 0 and time.microsecond == 0 for time, _ in rows)
    return {time.minute: value for time, value in rows}


def test_one_bad_line_among_thousands_is_found_and_the_others_are_written(influx: Influx) -> None:
    ready(influx)
    lines = [f"m,n={n} value=1.0 {n + 1}" for n in range(4_000)]
    now_ns = int(wall_ms()) * 1_000_000
    lines = [line.rpartition(" ")[0] + f" {now_ns + n}" for n, line in enumerate(lines)]
    assert influx.write(lines[:1]) == []
    lines[1234] = f"m,n=0 value=1i {now_ns + 1234}"
    lines[2345] = "no line at all"
    refused = influx.write(lines)
    assert {bad.line for bad in refused} == {lines[1234], lines[2345]}
    count = f'from(bucket: "{influx.options.bucket}") |> range(start: -1d) |> group() |> count()'
    assert [row["_value"] for row in influx.query(count)] == [3_998]


def test_who_may_not_or_cannot_reach_it_is_told_what_to_do(influx: Influx) -> None:
    options = influx.options

    def told(**changed: str) -> str:
        other = Influx(InfluxOptions(**{**vars(options), **changed}))
        with pytest.raises((Unavailable, SettingError)) as error:
            other.newest_ms(Measurement.CITY)
        return str(error.value)

    assert "compare influx.token" in told(token="wrong")
    assert "qianshao series init" in told(bucket="nowhere")
    assert "does not answer" in told(url="http://127.0.0.1:9")
    with pytest.raises(SettingError, match="no organisation 'elsewhere'"):
        list(buckets.init(Influx(InfluxOptions(options.url, options.token, "elsewhere", "b")), {"b": 0}))


def test_the_buckets_are_named_after_the_raw_one() -> None:
    assert Buckets.named("city") == Buckets("city", "city_1m", "city_1h")
