"""The production profile, set up as docker-compose.yml does it, on Apache Kafka, Mosquitto with TLS, PostgreSQL and
InfluxDB with the very configuration that compose gives them."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from influxdb_client import InfluxDBClient
from sqlalchemy import select

from alerts.store import schema
from alerts.store.database import Database
from city.tables import overlay, read_city, shipped_pack
from ingest.registry import topic_prefix
from qianshao.orphans import with_parent
from tests.servers.deployed import (
    Broker,
    compose,
    deployed_influxdb,
    deployed_kafka_properties,
    deployed_mosquitto,
    deployed_postgres,
    init_secrets,
    make_fleet,
    service_environment,
)
from tests.servers.influxdb import Influx
from tests.servers.kafka import kafka
from tests.servers.missing import MissingError
from tests.servers.places import free_port, scratch_folder
from tests.servers.report import skip

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SERVICES = ("ingest", "detect", "incidents", "series", "web")
START_S, WAIT_S = 90.0, 60.0
GAUGE = "BA-WL-0001"


@dataclass(frozen=True)
class Production:
    """What runs, and what a device needs to take part. `page`: address of the web service; `reader`: token of
    Grafana."""

    broker: Broker
    database: Database
    page: str
    password: str
    topic: str
    influx: Influx
    reader: str
    processes: dict[str, subprocess.Popen[bytes]]

    def publish(self, *payloads: bytes) -> None:
        """As the gauge, over TLS."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect_timeout = WAIT_S
        client.tls_set_context(ssl.create_default_context(cafile=self.broker.ca))
        client.username_pw_set(GAUGE, self.password)
        client.connect(self.broker.server.host, self.broker.server.port)
        client.loop_start()
        for payload in payloads:
            client.publish(self.topic, payload, qos=1).wait_for_publish(WAIT_S)
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    secrets, fleet = tmp_path / "secrets", tmp_path / "fleet"
    make_fleet(fleet, devices=30)
    password = init_secrets(secrets, fleet, "--device", GAUGE)[GAUGE]
    with ExitStack() as stack:
        try:
            log = stack.enter_context(kafka(own=True, properties=deployed_kafka_properties()))
            broker = stack.enter_context(deployed_mosquitto(secrets, tmp_path))
            store = stack.enter_context(deployed_postgres(secrets, stack.enter_context(scratch_folder("postgres"))))
            influx = stack.enter_context(deployed_influxdb(secrets, tmp_path))
        except MissingError as error:
            skip(error)
        port = free_port()
        here = {
            "QIANSHAO_CONFIG": str(secrets / "qianshao.toml"),
            "QIANSHAO_DATABASE": store.url,
            "QIANSHAO_INFLUX__URL": influx.url,
            "QIANSHAO_FLEET": str(fleet),
            "QIANSHAO_KAFKA__SERVERS": log.address,
            "QIANSHAO_MQTT__HOST": broker.server.host,
            "QIANSHAO_MQTT__PORT": str(broker.inner),
            "QIANSHAO_MQTT__TLS_CA": str(broker.ca),
            "QIANSHAO_WEB__PORT": str(port),
        }
        reader = _series_init(here, tmp_path)
        processes = {name: stack.enter_context(_process(name, here, tmp_path)) for name in SERVICES}
        for name in SERVICES:
            until((tmp_path / f"{name}.ready").exists, START_S, partial(_said, name, tmp_path))
        database, page = Database(store.url), f"http://127.0.0.1:{port}"
        yield Production(broker, database, page, password, _topic(fleet), influx, reader, processes)
        database.dispose()


@contextmanager
def _process(name: str, here: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | service_environment(name) | here | {"QIANSHAO_READY": str(folder / f"{name}.ready")}
    with (folder / f"{name}.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "qianshao", *_arguments(name)],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=output,
            preexec_fn=with_parent(signal.SIGKILL),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _arguments(service: str) -> list[str]:
    """Of the program, as compose has them."""
    return " ".join(compose()["services"][service]["command"]).partition("qianshao ")[2].split()


def _series_init(here: dict[str, str], folder: Path) -> str:
    """The one-shot of that name. Returns the token that it made for Grafana."""
    environment = os.environ | service_environment("series-init") | here
    command = [sys.executable, "-m", "qianshao", *_arguments("series-init")[:-1], str(folder / "reader")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (folder / "reader").read_text()


def _topic(fleet: Path) -> str:
    city = overlay(read_city(shipped_pack("baoan")), fleet)
    return f"{topic_prefix(city, city.sites[city.devices[GAUGE].site].area)}{GAUGE}/up"


def _said(service: str, folder: Path) -> str:
    """The end of its log."""
    return f"{service} is not ready; it said:\n{(folder / f'{service}.log').read_text()[-4_000:]}"


def until(
    happened: Callable[[], bool], seconds: float = WAIT_S, why: Callable[[], str] = lambda: "did not happen in time"
) -> None:
    deadline_s = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline_s, why()
        time.sleep(0.05)


def reading(seq: int, **more: object) -> bytes:
    message = {"v": 1, "device_id": GAUGE, "seq": seq, "ts": datetime.now(UTC).isoformat(), "report": "timed"}
    return json.dumps({**message, "depth_cm": 1.5, **more}).encode()


def test_a_message_of_a_device_is_judged_and_on_the_wall_and_a_wrong_one_on_the_page(production: Production) -> None:
    def judged() -> int:
        with production.database.reading() as connection:
            return sum(row.status.get("readings", 0) for row in connection.execute(select(schema.shards)))

    def refused() -> dict[str, int]:
        with urllib.request.urlopen(f"{production.page}/api/state", timeout=WAIT_S) as answer:
            return {letter["reason"]: letter["total"] for letter in json.load(answer)["dead_letters"]}

    def seen_by_grafana() -> list[float]:
        influx = production.influx
        flux = f'''from(bucket: "qianshao") |> range(start: -1h)
            |> filter(fn: (r) => r.device == "{GAUGE}" and r._field == "water_depth") |> sort(columns: ["_time"])'''
        with InfluxDBClient(influx.url, production.reader, org=influx.org) as client:
            return [record.get_value() for table in client.query_api().query(flux) for record in table.records]

    production.publish(reading(1), reading(2, phone="1"), reading(3, depth_cm=2.5))
    until(lambda: judged() >= 2)
    until(lambda: refused() != {})
    assert list(refused().values()) == [1]
    until(lambda: seen_by_grafana() == [1.5, 2.5])
    for process in production.processes.values():
        process.terminate()
    codes = [process.wait(WAIT_S) for process in production.processes.values()]
    assert set(codes) <= {0, -signal.SIGTERM}  # uvicorn drains, and then ends by the signal
