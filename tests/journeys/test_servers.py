"""The servers that other tests lean on really work, come back, and end with who started them."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import create_engine, inspect, text

from alerts.store.database import Database
from tests.servers.mosquitto import answers
from tests.servers.process import Server
from tests.waiting import until

pytestmark = pytest.mark.servers

PARTITION, HEADERS = 1, [("kind", b"batch")]
WAIT_S = 60.0
ROOT = Path(__file__).parents[2]


async def write(address: str, topic: str, values: list[bytes]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    if topic not in await admin.list_topics():
        await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, partition=PARTITION, headers=HEADERS)
    await producer.stop()


async def read(address: str, topic: str, count: int, group: str | None = None) -> list[tuple[int, bytes, list]]:
    """So many records from the group's place, or the beginning, without the group's wait for other members."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, PARTITION)])
    try:
        async with asyncio.timeout(WAIT_S):
            records = [await consumer.getone() for _ in range(count)]
        if group:
            await consumer.commit()
    finally:
        await consumer.stop()
    return [(record.partition, record.value, list(record.headers)) for record in records]


@pytest.mark.parametrize("kind", ["kafka_server", "tansu"])
async def test_a_log_keeps_records_with_their_headers_and_a_groups_place(
    kind: str, request: pytest.FixtureRequest
) -> None:
    log: Server = request.getfixturevalue(kind)
    topic = f"topic-{uuid.uuid4().hex}"
    await write(log.address, topic, [b"one", b"two"])
    assert await read(log.address, topic, 2) == [(1, b"one", HEADERS), (1, b"two", HEADERS)]
    assert await read(log.address, topic, 2, group=topic) == [(1, b"one", HEADERS), (1, b"two", HEADERS)]
    await write(log.address, topic, [b"three"])
    assert await read(log.address, topic, 1, group=topic) == [(1, b"three", HEADERS)]


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
async def test_kafka_comes_back_on_its_port_with_its_log_and_its_id(
    private_kafka: Server, end: Callable[[Server], None]
) -> None:
    await write(private_kafka.address, "kept", [b"one"])
    before = await cluster_id(private_kafka.address)
    end(private_kafka)
    private_kafka.start()
    assert await read(private_kafka.address, "kept", 1) == [(1, b"one", HEADERS)]
    assert await cluster_id(private_kafka.address) == before


async def test_every_log_has_an_id_of_its_own(kafka_server: Server, tansu: Server) -> None:
    assert await cluster_id(kafka_server.address) != await cluster_id(tansu.address)


async def cluster_id(address: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        return (await admin.describe_cluster())["cluster_id"]
    finally:
        await admin.close()


class Listener:
    """A v5 client with a session that outlives its connections. `resumed`: whether the broker still had it, of each
    connection that has subscribed."""

    def __init__(self, broker: Server, acknowledge: bool = True) -> None:
        self.resumed: list[bool] = []
        self._session_present = False
        self.received: list[bytes] = []
        self._acknowledge = acknowledge
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "listener", protocol=paho.MQTTv5, manual_ack=True)
        self.client.connect_timeout = WAIT_S
        self.client.reconnect_delay_set(max_delay=1)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self.resumed.append(self._session_present)
        self.client.on_message = self._message
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self.client.connect(broker.host, broker.port, clean_start=False, properties=properties)
        self.client.loop_start()

    def _connected(self, client: paho.Client, _data: object, flags: paho.ConnectFlags, *_: object) -> None:
        self._session_present = flags.session_present
        client.subscribe("citysafety/#", qos=1)

    def _message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.received.append(message.payload)
        if self._acknowledge:
            client.ack(message.mid, message.qos)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def publish(broker: Server, *payloads: bytes) -> None:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect_timeout = WAIT_S
    client.connect(broker.host, broker.port)
    client.loop_start()
    for payload in payloads:
        client.publish("citysafety/x", payload, qos=1).wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()


def test_mosquitto_resumes_a_session_and_sends_again_what_was_not_acknowledged(mosquitto_server: Server) -> None:
    first = Listener(mosquitto_server, acknowledge=False)
    until(lambda: first.resumed == [False])
    publish(mosquitto_server, b"one")
    until(lambda: first.received == [b"one"])
    first.leave()
    publish(mosquitto_server, b"two")
    second = Listener(mosquitto_server)
    until(lambda: second.received == [b"one", b"two"] and second.resumed == [True])
    second.leave()


def test_mosquitto_has_no_limit_on_what_is_under_way(mosquitto_server: Server) -> None:
    listener = Listener(mosquitto_server, acknowledge=False)
    until(lambda: listener.resumed == [False])
    publish(mosquitto_server, *(b"%d" % n for n in range(300)))
    until(lambda: len(listener.received) == 300)
    listener.leave()


@pytest.mark.parametrize(("end", "resumed"), [(Server.stop, True), (Server.kill, False)])
def test_mosquitto_comes_back_on_its_port_with_its_sessions_unless_it_was_killed(
    mosquitto_server: Server, end: Callable[[Server], None], resumed: bool
) -> None:
    listener = Listener(mosquitto_server)
    until(lambda: listener.resumed == [False])
    end(mosquitto_server)
    mosquitto_server.start()
    until(lambda: listener.resumed == [False, resumed])
    publish(mosquitto_server, b"after")
    until(lambda: listener.received == [b"after"])
    listener.leave()


def test_postgresql_gives_each_test_an_empty_database(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text("CREATE TABLE 点位 (名称 text)"))
        connection.execute(text("INSERT INTO 点位 VALUES ('积水点')"))
        assert connection.execute(text("SELECT 名称 FROM 点位")).scalar() == "积水点"
    engine.dispose()


def test_the_store_migrates_on_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.migrate()
    with database.reading() as connection:
        assert {"shards", "incidents", "tickets"} <= set(inspect(connection).get_table_names())
    database.dispose()


STARTS_SERVERS = """
from contextlib import ExitStack
import time
from tests.servers.mosquitto import mosquitto
from tests.servers.postgres import postgres

with ExitStack() as stack:
    servers = [stack.enter_context(mosquitto(own=True)), stack.enter_context(postgres(own=True)).server]
    print(*(server.process.pid for server in servers), flush=True)
    time.sleep(600)
"""


@pytest.mark.usefixtures("mosquitto_server", "postgres_server")  # skipped where there are none
def test_servers_end_with_the_process_that_started_them() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_SERVERS], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout is not None
            pids = [int(word) for word in parent.stdout.readline().split()]
            assert len(pids) == 2 and all(alive(pid) for pid in pids)
        finally:
            parent.kill()
    until(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_answers_on_the_port_of_a_broker_that_is_no_broker_is_not_taken_for_one(kafka_server: Server) -> None:
    with pytest.raises(OSError):
        answers(kafka_server.port)
