"""What deploy/ holds, run on the real servers: who may do what at the broker, and what the log keeps."""

import queue
import shutil
import signal
import ssl
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import paho.mqtt.client as paho
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection
from sqlalchemy import text
from sqlalchemy.engine import make_url

from alerts.store.database import Database
from city.log import READINGS
from streams.topics import ensure_topics
from tests.servers.deployed import (
    DEPLOY,
    Broker,
    compose,
    deployed_grafana,
    deployed_influxdb,
    deployed_kafka_properties,
    deployed_mosquitto,
    deployed_postgres,
    init_secrets,
    make_fleet,
    show_to_grafana,
)
from tests.servers.grafana import GRAFANA, HOME_VARIABLE
from tests.servers.influxdb import INFLUXDB
from tests.servers.kafka import KAFKA, kafka, storage_tool
from tests.servers.missing import MissingError
from tests.servers.places import scratch_folder
from tests.servers.report import skip, skip_optional
from tests.waiting import until

pytestmark = pytest.mark.servers

WAIT_S = 60.0
GAUGE, OTHER, NVR, BEHIND_IT = "BA-WL-0001", "BA-WL-0002", "BA-NVR-0001", "BA-VC-000001"
PLACE = "citysafety/440306/440306017"
OWN_TOPIC = f"{PLACE}/waterlogging/{GAUGE}/up"
FOREIGN_TOPIC = f"citysafety/440306/440306018/waterlogging/{OTHER}/up"
EVERYTHING = "citysafety/#"
PROMISED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on"}
LARGEST_RECORD = 8 << 20
"""What the program's producers may send (streams/app.py)."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleet")
    make_fleet(folder, devices=200)
    return folder


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def passwords(secrets: Path, fleet: Path) -> dict[str, str]:
    """User -> password."""
    known = init_secrets(secrets, fleet, "--host", "broker.example", "--simulate", "--all-devices")
    known["_health"] = (secrets / "mosquitto" / "health-password").read_text()
    for name in ("qianshao", "simulate"):
        mqtt = tomllib.loads((secrets / f"{name}.toml").read_text())["mqtt"]
        known[mqtt["username"]] = mqtt["password"]
    return known


@pytest.fixture(scope="module")
def broker(secrets: Path, passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(deployed_mosquitto(secrets, tmp_path_factory.mktemp("mosquitto")))
        except MissingError as error:
            skip(error)
        yield running


class Client:
    """A v5 client. `answer` is what the broker said to its CONNECT; `received` what came, `outcomes` of publishing."""

    def __init__(self, broker: Broker, port: int, user: str | None, password: str | None, client_id: str = "") -> None:
        self.received: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.outcomes: queue.Queue[str] = queue.Queue()
        self.lost: queue.Queue[str] = queue.Queue()
        self._answers: queue.Queue[str] = queue.Queue()
        self._subscribed: queue.Queue[bool] = queue.Queue()
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        client.connect_timeout = WAIT_S
        client.tls_set_context(ssl.create_default_context(cafile=broker.ca))
        client.username_pw_set(user, password)
        client.on_connect = lambda _client, _data, _flags, code, _properties: self._answers.put(str(code))
        client.on_message = lambda _client, _data, message: self.received.put((message.topic, message.payload))
        client.on_publish = lambda _client, _data, _mid, code, _properties: self.outcomes.put(str(code))
        client.on_subscribe = lambda *_: self._subscribed.put(True)
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: self.lost.put(str(code))
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        client.loop_start()
        self._client = client
        self.answer = self._answers.get(timeout=WAIT_S)

    def publish(self, topic: str, payload: bytes) -> str:
        """Publish with QoS 1. Returns what the broker said."""
        self._client.publish(topic, payload, qos=1)
        return self.outcomes.get(timeout=WAIT_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=WAIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


Connect = Callable[..., Client]


@pytest.fixture
def connect(broker: Broker, passwords: dict[str, str]) -> Iterator[Connect]:
    """connect(user): as who, on the port for devices or, for the program's own users, the inner one."""
    clients: list[Client] = []

    def connected(user: str | None, password: str | None = None, client_id: str = "") -> Client:
        port = broker.inner if user and user.startswith("_") else broker.server.port
        client = Client(broker, port, user, password or passwords.get(user or ""), client_id)
        clients.append(client)
        return client

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def ingest(connect: Connect) -> Client:
    """Who hears it: a broker tells publishers when nobody does."""
    client = connect("_ingest")
    client.subscribe(EVERYTHING)
    return client


def test_a_device_speaks_for_itself_and_ingest_hears_it(connect: Connect, ingest: Client) -> None:
    gauge = connect(GAUGE)
    assert gauge.publish(OWN_TOPIC, b"own") == "Success"
    assert ingest.received.get(timeout=WAIT_S) == (OWN_TOPIC, b"own")


def test_a_device_cannot_speak_for_another_nor_listen_to_it(connect: Connect, ingest: Client) -> None:
    gauge, other = connect(GAUGE), connect(OTHER)
    other.subscribe(EVERYTHING)
    assert gauge.publish(FOREIGN_TOPIC, b"forged") == "Not authorized"
    assert gauge.publish(OWN_TOPIC, b"own") == "Success"
    assert ingest.received.get(timeout=WAIT_S) == (OWN_TOPIC, b"own")
    assert other.received.empty()


@pytest.mark.parametrize(
    "topic",
    [
        f"citysafety/440306/440306018/waterlogging/{GAUGE}/up",
        f"{PLACE}/river-reservoir/{GAUGE}/up",
        f"{PLACE}/gateway/{GAUGE}/up",
        f"{PLACE}/waterlogging/{GAUGE}",
        f"{PLACE}/waterlogging/{GAUGE}/up/more",
    ],
)
def test_a_device_cannot_even_name_another_street_or_class(connect: Connect, topic: str) -> None:
    assert connect(GAUGE).publish(topic, b"moved?") == "Not authorized"


@pytest.mark.usefixtures("ingest")
def test_a_gateway_speaks_on_its_own_topic_and_a_device_behind_it_on_its_own(connect: Connect) -> None:
    nvr, behind = connect(NVR), connect(BEHIND_IT)
    assert nvr.publish(f"{PLACE}/gateway/{NVR}/up", b"for all of them") == "Success"
    assert behind.publish(f"{PLACE}/video-coverage/{BEHIND_IT}/hb", b"for itself") == "Success"
    assert nvr.publish(f"{PLACE}/video-coverage/{BEHIND_IT}/hb", b"forged") == "Not authorized"


def test_only_the_simulator_speaks_for_all_and_ingest_for_none(connect: Connect, ingest: Client) -> None:
    assert connect("_simulator").publish(FOREIGN_TOPIC, b"played") == "Success"
    assert ingest.publish(FOREIGN_TOPIC, b"forged") == "Not authorized"


@pytest.mark.parametrize(("user", "password"), [(None, None), (GAUGE, "wrong"), ("nobody", "nothing")])
def test_who_has_no_password_is_refused(connect: Connect, user: str | None, password: str | None) -> None:
    assert connect(user, password).answer == "Not authorized"


def test_nobody_gets_in_without_tls(broker: Broker, passwords: dict[str, str]) -> None:
    for port in (broker.server.port, broker.inner):
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect_timeout = WAIT_S
        client.username_pw_set(GAUGE, passwords[GAUGE])
        client.connect("127.0.0.1", port)
        lost: queue.Queue[bool] = queue.Queue()
        client.on_connect = lambda *_, lost=lost: lost.put(False)
        client.on_disconnect = lambda *_, lost=lost: lost.put(True)
        client.loop_start()
        assert lost.get(timeout=WAIT_S)
        client.loop_stop()


def test_a_device_that_takes_the_client_id_of_ingest_does_not_take_its_session(connect: Connect) -> None:
    ingest = connect("_ingest", client_id="wanted")
    ingest.subscribe(EVERYTHING)
    thief = connect(GAUGE, client_id="wanted")
    assert thief.publish(OWN_TOPIC, b"own") == "Success"
    assert ingest.received.get(timeout=WAIT_S) == (OWN_TOPIC, b"own")
    assert ingest.lost.empty()


@pytest.mark.usefixtures("ingest")
def test_the_health_check_sees_how_the_broker_does_and_nothing_of_devices(connect: Connect) -> None:
    health = connect("_health")
    health.subscribe(EVERYTHING)
    assert connect(GAUGE).publish(OWN_TOPIC, b"own") == "Success"
    health.subscribe("$SYS/broker/uptime")
    until(lambda: not health.received.empty())
    assert {topic for topic, _ in health.received.queue} == {"$SYS/broker/uptime"}  # which may have come twice by now


def test_what_waits_for_ingest_outlives_a_restart_of_the_broker(connect: Connect, broker: Broker) -> None:
    ingest = connect("_ingest", client_id="away")
    ingest.subscribe(EVERYTHING)
    ingest.close()
    gauge = connect(GAUGE)
    assert gauge.publish(OWN_TOPIC, b"while away") == "Success"
    gauge.close()
    broker.server.stop()
    broker.server.start()
    back = connect("_ingest", client_id="away")
    assert back.received.get(timeout=WAIT_S) == (OWN_TOPIC, b"while away")


@pytest.mark.usefixtures("ingest")
def test_who_left_the_registry_is_thrown_out_when_the_broker_reads_its_files_again(
    connect: Connect, broker: Broker, secrets: Path, fleet: Path, tmp_path: Path
) -> None:
    gauge, other = connect(GAUGE), connect(OTHER)
    smaller = tmp_path / "fleet"
    shutil.copytree(fleet, smaller)
    devices = smaller / "devices.csv"
    devices.write_text("".join(line for line in devices.open() if GAUGE not in line))
    init_secrets(secrets, smaller)
    broker.server.signal(signal.SIGHUP)
    assert gauge.lost.get(timeout=WAIT_S)
    assert connect(GAUGE).answer == "Not authorized"
    assert other.publish(FOREIGN_TOPIC, b"its own") == "Success"
    init_secrets(secrets, fleet)
    broker.server.signal(signal.SIGHUP)


def test_postgresql_as_deployed_asks_for_the_password_and_writes_what_it_has_confirmed(
    secrets: Path, passwords: dict[str, str]
) -> None:
    with ExitStack() as stack:
        try:
            store = stack.enter_context(deployed_postgres(secrets, stack.enter_context(scratch_folder("postgres"))))
        except MissingError as error:
            skip(error)
        url = make_url(store.url)
        database = Database(store.url)
        with database.reading() as connection:
            shown = {name: connection.scalar(text(f"SHOW {name}")) for name in PROMISED}
        database.dispose()
        assert shown == PROMISED
        with pytest.raises(DatabaseError, match="password authentication failed"):
            Connection(url.username, url.host, url.database, url.port, "wrong")


def test_influxdb_as_deployed_knows_its_options_and_lets_nobody_in_without_a_token(
    secrets: Path, passwords: dict[str, str], tmp_path: Path
) -> None:
    given = compose()["services"]["influxdb"]["environment"]
    with ExitStack() as stack:
        try:
            program = INFLUXDB.find(own=True).program
            influx = stack.enter_context(deployed_influxdb(secrets, tmp_path))
        except MissingError as error:
            skip(error)
        helped = subprocess.run([str(program), "run", "--help"], capture_output=True, text=True).stdout
        asked = [name for name in given if name.startswith("INFLUXD_")]
        options = [f"--{name.removeprefix('INFLUXD_').lower().replace('_', '-')}" for name in asked]
        assert options and [option for option in options if f"{option} " not in helped] == []
        buckets = f"{influx.url}/api/v2/buckets"
        assert httpx.get(buckets, timeout=WAIT_S).status_code == httpx.codes.UNAUTHORIZED
        known = {"Authorization": f"Token {influx.token}"}
        assert httpx.get(buckets, headers=known, timeout=WAIT_S).status_code == httpx.codes.OK


@pytest.fixture
def grafana(secrets: Path, passwords: dict[str, str], fleet: Path, tmp_path: Path) -> Iterator[str]:
    if GRAFANA.local() is None:
        skip_optional(MissingError("Grafana", "no local one", f"name its folder in {HOME_VARIABLE}"))
    with ExitStack() as stack:
        try:
            influx = stack.enter_context(deployed_influxdb(secrets, tmp_path))
        except MissingError as error:
            skip(error)
        show_to_grafana(influx, fleet, tmp_path)
        server = stack.enter_context(deployed_grafana(secrets, tmp_path))
        yield f"http://{server.address}"


def test_grafana_as_deployed_shows_the_boards_and_reads_the_series_and_cannot_write_them(
    grafana: str, secrets: Path
) -> None:
    with httpx.Client(base_url=f"{grafana}/api", auth=("admin", (secrets / "grafana-password").read_text())) as api:
        (source,) = api.get("datasources").json()
        assert api.get(f"datasources/uid/{source['uid']}/health").json()["status"] == "OK"
        until(lambda: len(api.get("search", params={"type": "dash-db"}).json()) > 5)
        flux = 'from(bucket: "qianshao") |> range(start: -1h) |> to(bucket: "qianshao_1m")'
        asked = {"refId": "A", "datasource": {"uid": source["uid"]}, "query": flux}
        answer = api.post("ds/query", json={"queries": [asked], "from": "now-1h", "to": "now"}).json()
        assert "not authorized to write" in answer["results"]["A"]["error"]


def test_grafana_as_deployed_lets_in_who_has_the_password_and_speaks_chinese_on_beijing_time(
    grafana: str, secrets: Path
) -> None:
    admin = ("admin", (secrets / "grafana-password").read_text())
    assert httpx.get(f"{grafana}/api/org", auth=admin).status_code == httpx.codes.OK
    assert httpx.get(f"{grafana}/api/org", auth=("admin", "admin")).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(f"{grafana}/api/org").status_code == httpx.codes.UNAUTHORIZED
    told = httpx.get(f"{grafana}/api/frontend/settings", auth=admin).json()
    assert told["dateFormats"]["defaultTimezone"] == "Asia/Shanghai"
    assert told["unifiedAlertingEnabled"] is False
    assert 'lang="zh-Hans"' in httpx.get(f"{grafana}/login").text


async def test_kafka_as_deployed_takes_the_largest_record_and_makes_no_topic_by_itself() -> None:
    with ExitStack() as stack:
        try:
            log = stack.enter_context(kafka(own=True, properties=deployed_kafka_properties()))
        except MissingError as error:
            skip(error)
        await ensure_topics(log.address, shards=2)
        producer = AIOKafkaProducer(bootstrap_servers=log.address, max_request_size=LARGEST_RECORD + 1024)
        await producer.start()
        await producer.send_and_wait(READINGS, bytes(LARGEST_RECORD), partition=1)
        await producer.stop()
        admin = AIOKafkaAdminClient(bootstrap_servers=log.address)
        await admin.start()
        assert (await admin.describe_topics(["misspelled"]))[0]["error_code"] != 0
        assert "misspelled" not in await admin.list_topics()
        await admin.close()


def test_each_new_volume_of_kafka_is_a_log_with_an_id_of_its_own(tmp_path: Path) -> None:
    try:
        tool = storage_tool(KAFKA.find(own=True))
    except MissingError as error:
        skip(error)
    ids = [_format(tmp_path / name, tool) for name in ("first", "first", "second")]
    assert ids[0] == ids[1] != ids[2]


def _format(volume: Path, tool: list[str]) -> str:
    """Run deploy/kafka/start.sh with stand-ins for the image's scripts. Returns the log's id."""
    volume.mkdir(exist_ok=True)
    for name, command in {"kafka-storage.sh": f'{" ".join(tool)} "$@"', "kafka-server-start.sh": "true"}.items():
        (volume / name).write_text(f"#!/bin/bash\nexec {command}\n")
        (volume / name).chmod(0o755)
    config = volume / "server.properties"
    properties = deployed_kafka_properties() | {"log.dirs": str(volume / "data")}
    config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    script = (DEPLOY / "kafka" / "start.sh").read_text()
    for inside, here in {
        "/opt/kafka/bin": str(volume),
        "/var/lib/kafka/data": str(volume / "data"),
        "/etc/kafka/qianshao": str(volume),
    }.items():
        assert inside in script
        script = script.replace(inside, here)
    subprocess.run(["bash", "-c", script], check=True, capture_output=True)
    meta = (volume / "data" / "meta.properties").read_text().splitlines()
    return next(line for line in meta if line.startswith("cluster.id"))
