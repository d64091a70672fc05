"""deploy/backup.sh and deploy/restore.sh: what was lost comes back as it was, and judging goes on as if nothing had
been."""

import asyncio
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import select
from sqlalchemy.engine import make_url

from alerts.store import schema
from alerts.tickets import TicketState
from city.log import ALERTS
from city.tables import write_tables
from qianshao.processes.series import init
from qianshao.settings import DetectSettings, InfluxSettings, KafkaSettings, MqttSettings, Settings
from streams.series.influx import Influx, InfluxOptions
from tests.journeys.account import settle
from tests.journeys.devices import Devices, bao_an
from tests.journeys.district import SHARDS, District, running, settings_of
from tests.servers.by_hand import ByHand, scripts
from tests.servers.deployed import DEPLOY, deployed_influxdb, deployed_postgres, init_secrets
from tests.servers.influxdb import Influx as InfluxServer
from tests.servers.missing import MissingError
from tests.servers.places import scratch_folder
from tests.servers.postgres import POSTGRES, Store
from tests.servers.process import Server
from tests.servers.report import skip
from tests.waiting import until

pytestmark = pytest.mark.servers

BACKUP, RESTORE = DEPLOY / "backup.sh", DEPLOY / "restore.sh"
ENDED = [state.value for state in TicketState if state.terminal]
STORM_S = 120
STARRED = "the night shift's stars"
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Installation:
    """A district under way with all that compose gives it. `seen`: open tickets when it was told to start again."""

    district: District
    mqtt: Server
    store: Store
    influx: Influx
    grafana: Path
    folders: dict[str, str]
    seen: list[set[Any]] = field(default_factory=list)

    def told(self, verb: str, services: list[str]) -> None:
        """As `docker compose stop`, `start` and `up`."""
        mine = [child for child in self.district.system.supervisor.children if not services or child.name in services]
        if verb == "stop":
            for child in mine:
                child.stop()
        elif not services:
            self.seen.append(self.open_tickets())
            for child in mine:
                if not child.running:
                    child.start()

    def open_tickets(self) -> set[Any]:
        """With their states and all their deadlines."""
        query = select(schema.tickets).where(schema.tickets.c.state.not_in(ENDED))
        with self.district.system.database.reading() as connection:
            return {str(row) for row in connection.execute(query)}

    def alerts_end(self) -> dict[TopicPartition, int]:
        """How far the alerts go."""
        return asyncio.run(_ends(self.district.settings.kafka.servers))

    def incidents_know_of(self, ends: dict[TopicPartition, int]) -> bool:
        """Whether Kafka takes these alerts to be dealt with, so that nobody will ask for them again."""
        told = asyncio.run(_committed(self.district.settings.kafka.servers))
        return all(told.get(partition, 0) >= end for partition, end in ends.items())

    def lose_everything(self) -> None:
        """But the log. Whoever uses the database falls."""
        self.district.system.database.dispose()
        administrator = make_url(self.store.url).set(database="postgres").render_as_string(hide_password=False)
        Store(self.store.server, administrator).drop_database(self.store.url)
        buckets = self.influx.client.buckets_api()
        buckets.delete_bucket(buckets.find_bucket_by_name(self.influx.options.bucket))
        _star(self.grafana, "none")

    def points(self) -> int:
        flux = f'from(bucket: "{self.influx.options.bucket}") |> range(start: 0)'
        return sum(row["_value"] for row in self.influx.query(f"{flux} |> count()"))


async def _ends(kafka: str) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        return await consumer.end_offsets([TopicPartition(ALERTS, shard) for shard in range(SHARDS)])


async def _committed(kafka: str) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets("incidents")
    finally:
        await admin.close()
    return {partition: at.offset for partition, at in found.items()}


@pytest.fixture
def installation(mosquitto_server: Server, private_kafka: Server, tmp_path: Path) -> Iterator[Installation]:
    secrets, fleet = tmp_path / "secrets", tmp_path / "fleet"
    write_tables(bao_an(), fleet, ["sites", "parents", "devices", "contacts"])
    init_secrets(secrets, fleet)
    with ExitStack() as stack:
        try:
            store = stack.enter_context(deployed_postgres(secrets, stack.enter_context(scratch_folder("postgres"))))
            influx = stack.enter_context(deployed_influxdb(secrets, stack.enter_context(scratch_folder("influxdb"))))
        except MissingError as error:
            skip(error)
        grafana = tmp_path / "grafana"
        _star(grafana, STARRED)
        settings = _settings(tmp_path, mosquitto_server, private_kafka, store, influx)
        list(init(settings))
        district = stack.enter_context(running(settings))
        folders = {"QIANSHAO_SECRETS": str(secrets), "QIANSHAO_FLEET_FOLDER": str(fleet)}
        yield Installation(district, mosquitto_server, store, _opened(settings), grafana, folders)


def _settings(folder: Path, mqtt: Server, kafka: Server, store: Store, influx: InfluxServer) -> Settings:
    return settings_of(
        folder,
        bao_an(),
        profile="production",
        database=store.url,
        mqtt=MqttSettings(host=mqtt.host, port=mqtt.port, username="ingest", password="of no importance here"),
        kafka=KafkaSettings(servers=kafka.address, shards=SHARDS, fetch_wait_ms=500),
        detect=DetectSettings(checkpoint_s=0.5),
        influx=InfluxSettings(url=influx.url, token=influx.token, org=influx.org),
    )


def _opened(settings: Settings) -> Influx:
    influx = settings.influx
    return Influx(InfluxOptions(influx.url or "", influx.token or "", influx.org, influx.bucket))


def _star(grafana: Path, what: str) -> None:
    grafana.mkdir(exist_ok=True)
    with sqlite3.connect(grafana / "grafana.db") as database:
        database.executescript("create table if not exists star (what text); delete from star")
        database.execute("insert into star values (?)", [what])


def _starred(grafana: Path) -> str:
    with sqlite3.connect(grafana / "grafana.db") as database:
        return str(database.execute("select what from star").fetchone()[0])


@pytest.fixture
def run(installation: Installation, tmp_path: Path) -> Iterator[Run]:
    """run(script, arguments...), where the installation is."""
    url, program = make_url(installation.store.url), POSTGRES.find(own=True).program
    database = {"PGPORT": str(url.port), "PATH": f"{program}:/usr/bin:/bin"}
    ours = installation.district.settings.environment()
    paths = {"/run/secrets": installation.folders["QIANSHAO_SECRETS"], "/var/lib/grafana": str(installation.grafana)}
    by_hand = ByHand({"postgres": database, "detect": ours, "series": ours}, paths)
    with scripts(by_hand, tmp_path, installation.told) as run:
        yield lambda script, *arguments: run(script, *arguments, **installation.folders)


@pytest.mark.timeout(600)
def test_after_a_storm_a_backup_and_a_disaster_the_same_tickets_are_open_and_judging_goes_on(
    installation: Installation, run: Run, tmp_path: Path
) -> None:
    district = installation.district
    with Devices(bao_an(), tmp_path / "before") as devices:
        devices.start(installation.mqtt)
        until(lambda: district.watch() and len(installation.open_tickets()) > 3, STORM_S)
        devices.finish()
    district.come_to_rest()
    open_then, points_then = installation.open_tickets(), installation.points()
    done = run(BACKUP, tmp_path / "backups")
    assert done.returncode == 0, done.stderr
    backup = Path(done.stdout.splitlines()[-1])
    installation.told("up", [])

    with Devices(bao_an(), tmp_path / "after") as devices:
        devices.start(installation.mqtt)
        until(lambda: district.watch() and len(installation.open_tickets()) > len(open_then), STORM_S)
        ended = installation.alerts_end()
        until(lambda: district.watch() and installation.incidents_know_of(ended), STORM_S)
        installation.lose_everything()
        done = run(RESTORE, backup)
        assert done.returncode == 0, done.stderr
        assert installation.seen[-1] == open_then
        assert f"{len(open_then)} were at " in done.stdout.splitlines()[-1]
        assert installation.points() >= points_then
        assert _starred(installation.grafana) == STARRED
        account = settle(district, devices)
    assert account.tickets > len(open_then)
