"""The publisher against a real broker: everything arrives, on time, and it lets itself be stopped."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import iotcore
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from city.clock import Clock, wall_ms
from city.errors import Unavailable
from simulators.ledger import read_ledger
from simulators.message import Emission
from simulators.publisher import PublisherOptions, publish
from tests.servers.places import free_port
from tests.waiting import PATIENCE_S, until

HOST = "127.0.0.1"
START_MS = 1_700_000_000_000
CONFIG = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
"""
LISTENER = """
[{version}.1]
name = "{version}"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
    [{version}.1.connections]
    connection_timeout_ms = 60000
    max_payload_size = 1048576
    max_inflight_count = 200
    dynamic_filters = true
"""
USERS = """
    [{version}.1.connections.auth]
    simulator = "right"
"""


class Broker:
    """A real broker with an MQTT 5 and a 3.1.1 port, and a client that takes down what it hears."""

    def __init__(self, folder: Path, users: str = "") -> None:
        self.v5, self.v311 = free_port(), free_port()
        listeners = [
            (LISTENER + users).format(version=version, port=port)
            for version, port in (("v4", self.v311), ("v5", self.v5))
        ]
        self._config = folder / "broker.toml"
        self._config.write_text(CONFIG + "".join(listeners))
        self.heard: list[tuple[str, bytes]] = []
        self.start()

    def start(self) -> None:
        self._broker = iotcore.Broker(config_path=str(self._config)).start(timeout=PATIENCE_S)

    def stop(self) -> None:
        self._broker.stop()

    def listen(self) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=paho.MQTTv311)
        client.reconnect_delay_set(1, 1)
        subscribed = threading.Event()
        client.on_connect = lambda *_: client.subscribe("citysafety/#", 1)
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload))
        client.connect(HOST, self.v311)
        client.loop_start()
        assert subscribed.wait(PATIENCE_S)
        self._listener = client

    def heard_at_least(self, count: int) -> list[tuple[str, bytes]]:
        until(lambda: len(self.heard) >= count, what=lambda: f"{len(self.heard)} of {count} messages came")
        return self.heard


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


def emissions(count: int, every_ms: float = 0.0) -> list[Emission]:
    return [
        Emission(
            START_MS + int(i * every_ms),
            f"citysafety/1/11/waterlogging/G{i % 7}/up",
            b"%d" % i,
            False,
            f"G{i % 7}",
            i,
            i,
        )
        for i in range(count)
    ]


def doing(given: list[Emission], at: int, what: Callable[[], object]) -> Iterator[Emission]:
    """The same; something is done once so many of them are published."""
    for count, emission in enumerate(given):
        if count == at:
            what()
        yield emission


def now(speed: float = 1.0) -> Clock:
    return Clock(START_MS, wall_ms(), speed)


@pytest.mark.parametrize("v5", [True, False])
def test_everything_arrives_in_order_and_is_confirmed(broker, v5):
    broker.listen()
    done = publish(emissions(3000), PublisherOptions(HOST, broker.v5 if v5 else broker.v311, v5=v5), now())
    assert (done.published, done.confirmed, done.refused, done.reconnects) == (3000, 3000, 0, 0)
    heard = broker.heard_at_least(3000)
    assert [payload for _, payload in heard] == [b"%d" % i for i in range(3000)]
    assert heard[8][0] == "citysafety/1/11/waterlogging/G1/up"


def test_it_keeps_to_a_clock_that_runs_faster_than_the_wall(broker, tmp_path):
    clock, played = now(speed=60), emissions(200, every_ms=300)
    began_s = time.monotonic()
    done = publish(played, PublisherOptions(HOST, broker.v5), clock, ledger=tmp_path / "ledger")
    assert time.monotonic() - began_s < 59, "59.7 s are played in one"
    assert done.confirmed == 200
    for entry, emission in zip(read_ledger(tmp_path / "ledger"), played, strict=True):
        assert clock.at(entry.wall_ms + 0.1) >= emission.at_ms, "nothing goes before its time"


def test_a_stop_ends_its_wait_for_what_comes_later_and_what_was_published_is_confirmed(broker, tmp_path):
    stop = threading.Event()
    in_an_hour = emissions(2, every_ms=3_600_000)[1:]
    played = doing([*emissions(50, every_ms=10), *in_an_hour], 50, threading.Timer(0.2, stop.set).start)
    options = PublisherOptions(HOST, broker.v5, stop_s=PATIENCE_S)
    done = publish(played, options, now(), stop, tmp_path / "ledger")
    assert (done.published, done.confirmed) == (50, 50)
    assert len(list(read_ledger(tmp_path / "ledger"))) == 50


def test_the_ledger_can_be_read_while_it_grows_and_says_what_was_published_when(broker, tmp_path):
    ledger, stop = tmp_path / "new" / "ledger", threading.Event()
    options = PublisherOptions(HOST, broker.v5)
    arguments = (emissions(60_000, every_ms=2), options, now(), stop, ledger)
    work = threading.Thread(target=publish, args=arguments, daemon=True)
    began_ms = wall_ms()
    work.start()
    until(lambda: ledger.exists() and any(read_ledger(ledger)), what="something was published")
    early = list(read_ledger(ledger))
    until(lambda: len(list(read_ledger(ledger))) > len(early), what="the ledger grew")
    stop.set()
    work.join()
    late = list(read_ledger(ledger))
    assert late[: len(early)] == early
    assert [(entry.device, entry.seq, entry.event_ms) for entry in late] == [
        (f"G{i % 7}", i, i) for i in range(len(late))
    ]
    assert began_ms - 0.1 <= late[0].wall_ms <= late[-1].wall_ms <= wall_ms() + 0.1  # it rounds
    assert late[0].crc == 0xF4DBDF21  # CRC-32 of "0"


def test_a_broker_that_goes_away_and_comes_back_loses_nothing(broker):
    back = threading.Timer(0.3, lambda: (broker.start(), broker.listen()))
    played = doing(emissions(600, every_ms=5), 100, lambda: (broker.stop(), back.start()))
    done = publish(played, PublisherOptions(HOST, broker.v5), now())
    back.join()
    assert (done.published, done.confirmed) == (600, 600)
    assert done.reconnects >= 1
    assert done.worst_lag_ms > 200


class SilentBroker(threading.Thread):
    """Answers a connection with a given CONNACK, and never confirms a message."""

    def __init__(self, connack: bytes) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server((HOST, 0))
        self._connack = connack
        self.port = int(self._server.getsockname()[1])

    def run(self) -> None:
        connection, _ = self._server.accept()
        connection.recv(1000)
        connection.sendall(self._connack)
        while connection.recv(65536):
            continue


@pytest.mark.parametrize(("ours", "theirs", "bound"), [(50, 65535, 50), (1000, 20, 20)])
def test_it_waits_when_too_many_are_unconfirmed_and_heeds_the_brokers_own_limit(ours, theirs, bound):
    silent = SilentBroker(bytes([0x20, 6, 0, 0, 3, 0x21]) + theirs.to_bytes(2, "big"))
    silent.start()
    stop = threading.Event()
    options = PublisherOptions(HOST, silent.port, most_unconfirmed=ours, stop_s=0.2)
    played = doing(emissions(10_000), bound, threading.Timer(0.3, stop.set).start)
    done = publish(played, options, now(), stop)
    assert (done.published, done.confirmed) == (bound, 0)


def test_a_broker_that_is_not_there_is_named():
    port = free_port()
    with pytest.raises(Unavailable, match=f"{HOST}:{port} does not answer"):
        publish(emissions(1), PublisherOptions(HOST, port, give_up_s=0.5), now())


def test_a_refusal_is_told_at_once():
    broker = SilentBroker(bytes([0x20, 3, 0, 0x87, 0]))
    broker.start()
    began_s = time.monotonic()
    with pytest.raises(Unavailable, match="Not authorized"):
        publish(emissions(1), PublisherOptions(HOST, broker.port, give_up_s=120), now())
    assert time.monotonic() - began_s < 120, "it does not wait until it gives up"


def test_users_give_their_password(tmp_path):
    broker = Broker(tmp_path, USERS)
    try:
        wrong = PublisherOptions(HOST, broker.v5, username="simulator", password="wrong", give_up_s=5)
        with pytest.raises(Unavailable, match="look at user, password and TLS"):
            publish(emissions(1), wrong, now())
        right = PublisherOptions(HOST, broker.v5, username="simulator", password="right")
        assert publish(emissions(1), right, now()).confirmed == 1
    finally:
        broker.stop()


def test_thousands_at_once_are_confirmed_to_the_last(broker):
    assert publish(emissions(4000, every_ms=0.5), PublisherOptions(HOST, broker.v5), now()).confirmed == 4000
