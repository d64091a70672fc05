"""Stations over TCP into a log, beside MQTT on a real Mosquitto: a station is answered when the log has what it said,
and not before; and whoever misuses the ports keeps neither stations nor MQTT waiting."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from city.clock import wall_ms
from city.readings import Flag
from qianshao.settings import IngestSettings, KafkaSettings, MqttSettings
from qianshao.supervisor import Child
from simulators.wire import hj212, sl651
from streams.topics import ensure_topics
from tests.journeys.district import SHARDS, settings_of
from tests.journeys.record import Record, read_log
from tests.servers.places import HOST, free_port
from tests.servers.process import Server
from tests.unit.station_desk import GAUGE, RAIN, RIVER, WATER, address, town
from tests.waiting import until

pytestmark = pytest.mark.servers

WAIT_S = 60
SILENT_S = 3.0
MESSAGES = 200
FLOODS, DRIPS = 12, 12
MOST_MB = 600


@dataclass
class Ingest:
    """An ingest process with both ports, between a broker and a log."""

    broker: Server
    kafka: str
    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {"hj212": free_port(), "sl651": free_port()})
    child: Child | None = None

    def start(self) -> None:
        settings = settings_of(
            self.folder,
            town(),
            mqtt=MqttSettings(host=self.broker.host, port=self.broker.port),
            kafka=KafkaSettings(servers=self.kafka, shards=SHARDS),
            ingest=IngestSettings(hj212_port=self.ports["hj212"], sl651_port=self.ports["sl651"]),
        )
        child = self.child = Child("ingest", settings, self.folder)
        child.start()
        until(lambda: child.ready, WAIT_S, lambda: f"ingest works\n{child.log_file.read_text()}")

    @contextmanager
    def station(self, protocol: str) -> Iterator[socket.socket]:
        with socket.create_connection((HOST, self.ports[protocol]), timeout=WAIT_S) as sock:
            yield sock

    def publish(self, *seqs: int) -> None:
        """A gauge's messages over MQTT, until the broker has acknowledged each."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        street = town().area_of(town().devices[GAUGE]).admin
        for seq in seqs:
            body = {"v": 1, "device_id": GAUGE, "seq": seq, "ts": wall_ms(), "report": "timed", "depth_cm": 3}
            topic = f"citysafety/440306/{street}/waterlogging/{GAUGE}/up"
            client.publish(topic, json.dumps(body), qos=1).wait_for_publish(WAIT_S)
        client.disconnect()
        client.loop_stop()

    def rss_mb(self) -> float:
        assert self.child is not None and self.child.process is not None
        status = Path(f"/proc/{self.child.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def ingest(broker: Server, kafka: str, folder: Path) -> Iterator[Ingest]:
    asyncio.run(ensure_topics(kafka, SHARDS))
    made = Ingest(broker, kafka, folder)
    made.start()
    try:
        yield made
    finally:
        assert made.child is not None
        made.child.kill()


def told(record: Record, device: str, indicator: str) -> list[tuple[int, float, Flag]]:
    """Time, value and flags of a device's readings of an indicator, in order of time. A log may repeat them."""
    area = town().area_of(town().devices[device])
    number = next(i.number for i in town().catalogue.of_class(area.risk_class) if i.id == indicator)
    rows = {
        (ms, value, Flag(flags))
        for batch in record.batches
        for n, name, ms, value, _, flags in zip(*(column.tolist() for column in batch.columns), strict=True)
        if (n, name) == (town().devices[device].number, number)
    }
    return sorted(rows)


def speak(protocol: str, port: int, station: str, *values: str) -> str:
    """What the documented script shows, as who connects a station types it."""
    command = [sys.executable, "-m", "simulators.wire", protocol, f"{HOST}:{port}", station, *values]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT_S).stdout


def test_a_station_is_answered_when_the_log_has_what_it_said_and_not_before(
    mosquitto_server: Server, private_kafka: Server, tmp_path: Path
) -> None:
    with ingest(mosquitto_server, private_kafka.address, tmp_path) as process:
        now_ms = round(wall_ms())
        values = [3.0 + n / 100 for n in range(12)]
        begin_ms = now_ms - now_ms % 60_000 - 55 * 60_000
        frame = sl651.packet(
            address(RIVER), sl651.UNIFORM, now_ms, sl651.uniform(0x39, values), observed_ms=begin_ms, serial=77
        )
        with process.station("sl651") as sock, process.station("hj212") as other:
            private_kafka.signal(signal.SIGSTOP)
            sock.sendall(frame)
            other.sendall(hj212.packet(address(WATER), {"w21003": 1.5}, now_ms - now_ms % 1000))
            sock.settimeout(SILENT_S)
            with pytest.raises(TimeoutError):
                sock.recv(100)
            private_kafka.signal(signal.SIGCONT)
            sock.settimeout(WAIT_S)
            answer, confirmation = sock.recv(100), other.recv(200)
            record = read_log(private_kafka.address)
        told_by_hand = speak("hj212", process.ports["hj212"], address(WATER), "w21003=1.6")
        assert "CN=9014" in told_by_hand
        assert answer[10:15].hex() == "3180080200" and answer[-3] == 0x1B
        assert b"CN=9014" in confirmation
        river = told(record, RIVER, "stage")
        assert [(ms, value) for ms, value, _ in river] == [
            (begin_ms + n * 300_000, pytest.approx(value)) for n, value in enumerate(values)
        ]
        assert [value for _, value, _ in told(record, WATER, "nh3n")] == [1.5]
        assert record.letters == []


def test_a_flood_slow_frames_and_half_open_connections_keep_neither_stations_nor_mqtt_waiting(
    mosquitto_server: Server, tansu: Server, tmp_path: Path
) -> None:
    with ingest(mosquitto_server, tansu.address, tmp_path) as process, misused(process):
        process.publish(*range(1, MESSAGES + 1))
        now_ms = round(wall_ms())
        with process.station("sl651") as sock:
            sock.sendall(sl651.packet(address(RAIN), sl651.TIMED, now_ms, sl651.element(0x26, 812.6)))
            assert sock.recv(100)
        number = town().devices[GAUGE].number
        due = {(number, seq) for seq in range(1, MESSAGES + 1)}
        until(lambda: due <= {r[:2] for r in read_log(tansu.address).readings}, WAIT_S, "all of MQTT is in the log")
        assert [value for _, value, _ in told(read_log(tansu.address), RAIN, "rain_total")] == [812.6]
        assert process.rss_mb() < MOST_MB


@contextmanager
def misused(process: Ingest) -> Iterator[None]:
    """Connections that send frames of strangers and of a station of ours without end, rubbish, a byte now and then, and
    nothing at all."""
    over = threading.Event()
    ours = hj212.packet(address(WATER), {"w01001": 7.0}, round(wall_ms() / 1000) * 1000, flag=4)

    def flood(data: bytes) -> None:
        while not over.is_set():
            with suppress(OSError), process.station("hj212") as sock:
                sock.settimeout(0.2)
                while not over.wait(0.005):
                    with suppress(TimeoutError):
                        sock.sendall(data)

    def drip() -> None:
        while not over.is_set():
            with suppress(OSError), process.station("sl651") as sock:
                while not over.wait(0.5):
                    sock.sendall(b"\x7e")

    silent = [socket.create_connection((HOST, process.ports["sl651"])) for _ in range(DRIPS)]
    rubbish = [ours * 200, hj212.packet("NOBODY", {"w01001": 7.0}, round(wall_ms())) * 200, bytes(100_000)]
    works = [threading.Thread(target=flood, args=(rubbish[n % 3],)) for n in range(FLOODS)]
    works += [threading.Thread(target=drip) for _ in range(DRIPS)]
    for work in works:
        work.start()
    try:
        yield
    finally:
        over.set()
        for work in works:
            work.join()
        for sock in silent:
            sock.close()
