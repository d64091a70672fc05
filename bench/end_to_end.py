"""How long from MQTT to ticket, what does it cost, and is anything lost?

Our processes as `qianshao up` runs them, with the shipped rules, on Mosquitto, Apache Kafka and PostgreSQL; brokers,
database and publisher on the same cores. Messages of one reading each at 1,000 and 10,000 a second and as many as
are taken, then 600 payloads a second of NVRs with 100 messages of two readings each; or only at --rate.

lost: acknowledged messages of which a reading is not in the log, and probes without a ticket. p50_ms, p99_ms: from
handing a probe (a tampered sentry) to the broker, to the commit that makes its ticket visible. published_per_s: until
the broker had confirmed the last message; messages_per_s: until all was in the store, drained_after_s later, of which
up to two are the wait for a checkpoint. cpu_us_per_message: of each process.

Beside it, at the same rate on the same brokers, the naive way: a bridge that decodes and forwards one message at a
time, and judges nothing.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from alerts.store import schema
from alerts.store.database import Database
from bench.parts.common import base, cpu_s, options, show
from bench.parts.load import FIRST_SEQ, Plan, Sent, Voice, gauge, publish, recorder, tampered
from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.log import BATCH, KIND, READINGS
from city.readings import decode
from city.registry import Device
from city.tables import write_tables
from qianshao.accounts import percentiles
from qianshao.settings import InfluxSettings, KafkaSettings, MqttSettings, Settings, WebSettings
from qianshao.system import System
from tests.servers.kafka import kafka
from tests.servers.mosquitto import mosquitto
from tests.servers.places import free_port
from tests.servers.postgres import postgres
from tests.servers.process import Server

CHANNELS = 100
ROADS = FleetRequest(water_gauges=20_000, sentries=4_000)
FEW_ROADS = FleetRequest(water_gauges=2_000, sentries=200)
CAMERAS = FleetRequest(sentries=4_000, cameras_class2=10_000, channels_per_nvr=CHANNELS)
GAUGES = ("electronic-water-gauge", "buried-pressure-level", "radar-level")
PROBES_A_SECOND = 5
USUAL = 10_000.0
NAIVE_S = 3.0
PAYLOADS_A_SECOND = 600.0
SHARDS = 4


@dataclass
class Bench:
    """Everything that runs, before its first message."""

    city: City
    system: System
    broker: Server
    log: Server

    def run(self, plan: Plan) -> dict[str, Any]:
        """Publish, wait until all has had its effects, and account for it."""
        before = self._cpu()
        sent = publish(self.broker.host, self.broker.port, plan)
        drained = self.system.drain()
        done_ms = time.time() * 1000
        cpu = {name: (used - before[name]) / sent.messages * 1e6 for name, used in self._cpu().items()}
        ours = [child.name for child in self.system.supervisor.children]
        latency = self.latency(sent)
        return {
            "rate": plan.rate or "maximum",
            "messages": sent.messages,
            "published_per_s": round(sent.messages / (sent.ended_ms - sent.began_ms) * 1000),
            "drained_after_s": round((done_ms - sent.ended_ms) / 1000, 1),
            "messages_per_s": round(sent.messages / (done_ms - sent.began_ms) * 1000),
            "readings_per_s": round(sent.messages * plan.voices[0].readings / (done_ms - sent.began_ms) * 1000),
            "lost": self.lost(plan, sent) + len(sent.probes) - len(latency) + (not drained),
            **{f"{name}_ms": value for name, value in percentiles(list(latency.values())).items() if name != "n"},
            "probes": len(latency),
            "cpu_us_per_message": {
                **{name: round(used, 1) for name, used in cpu.items()},
                "ours": round(sum(cpu[name] for name in ours), 1),
                "publisher": round(sent.cpu_s / sent.messages * 1e6, 1),
            },
        }

    def _cpu(self) -> dict[str, float]:
        processes = {child.name: child.process for child in self.system.supervisor.children}
        processes |= {"mosquitto": self.broker.process, "kafka": self.log.process}
        return {name: cpu_s(process.pid) if process else 0.0 for name, process in processes.items()}

    def latency(self, sent: Sent) -> dict[float, float]:
        """From a probe to its ticket, ms, by wall ms of handing it over."""
        device = {d.id: d.number for d in self.city.devices.values()}
        opened = _opened_ms(self.system.database)
        at_ms = {device[subject]: ms for subject, ms in opened.items() if subject in device}
        return {said_ms: at_ms[number] - said_ms for number, said_ms in sent.probes.items() if number in at_ms}

    def lost(self, plan: Plan, sent: Sent) -> int:
        """Messages that are not in the log with all their devices."""
        there = asyncio.run(_in_log(self.log.address))
        n = np.arange(sent.messages)
        numbers = np.array([voice.numbers for voice in plan.voices], np.int64)
        wanted = numbers[n % len(numbers)] << 32 | (FIRST_SEQ + n // len(numbers))[:, None]
        return int((~np.isin(wanted, there)).any(axis=1).sum())


def _opened_ms(database: Database) -> dict[str, float]:
    """When the ticket that a device opened was committed, ms of wall time: PostgreSQL keeps the time of each commit."""
    tickets, transitions, events = schema.tickets.c, schema.transitions.c, schema.ticket_events.c
    at = text("extract(epoch from pg_xact_commit_timestamp(ticket_events.xmin)) * 1000")
    query = select(transitions.detail, at).where(events.ticket == tickets.id, transitions.id == tickets.opening)
    with database.reading() as connection:
        found = [(detail["trigger"], float(ms)) for detail, ms in connection.execute(query)]
    return {trigger["device"]: ms for trigger, ms in sorted(found, key=lambda f: -f[1]) if trigger}


async def _in_log(address: str) -> npt.NDArray[np.int64]:
    """Number and seq of every reading in the log that came from the load."""
    partitions = [TopicPartition(READINGS, shard) for shard in range(SHARDS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=address, max_partition_fetch_bytes=8 << 20)
    await consumer.start()
    found = [np.zeros(0, np.int64)]
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if dict(record.headers).get(KIND) == BATCH:
                        batch = decode(record.value)
                        found.append((batch.device.astype(np.int64) << 32 | batch.seq)[batch.seq >= FIRST_SEQ])
    finally:
        await consumer.stop()
    return np.unique(np.concatenate(found))


@contextmanager
def running(fleet: FleetRequest, influx: InfluxSettings | None = None) -> Iterator[Bench]:
    """Servers, and our processes on them; with an InfluxDB, also the one that writes into it."""
    city = generate_fleet(base()[0], fleet, seed=1)
    with ExitStack() as stack:
        broker, log = stack.enter_context(mosquitto(own=True)), stack.enter_context(kafka(own=True))
        store = stack.enter_context(postgres(own=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_tables(city, folder / "fleet", ["sites", "parents", "devices", "contacts"])
        settings = Settings(
            profile="production",
            data=folder,
            fleet=folder / "fleet",
            database=make_url(store.new_database()).set(password="any").render_as_string(hide_password=False),
            mqtt=MqttSettings(host=broker.host, port=broker.port, username="ingest", password="of no importance here"),
            kafka=KafkaSettings(servers=log.address, shards=SHARDS, fetch_wait_ms=500),
            web=WebSettings(port=free_port()),
            influx=influx or InfluxSettings(),
        )
        system = System(settings)
        try:
            system.start()
            yield Bench(city, system, broker, log)
        finally:
            system.supervisor.stop()
            system.database.dispose()


def naive_cpu_us(bench: Bench, plan: Plan) -> float:
    """Microseconds of processor time that the naive bridge needs for a message. Ours are stopped for it."""
    bench.system.supervisor.stop()
    command = [sys.executable, "-m", "bench.naive.bridge", bench.broker.host, str(bench.broker.port), bench.log.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has subscribed
        before = cpu_s(process.pid)
        sent = publish(bench.broker.host, bench.broker.port, plan)
        used = cpu_s(process.pid) - before
        process.terminate()
    return round(used / sent.messages * 1e6, 1)


def gauges(city: City, rate: float, seconds: float) -> Plan:
    """Gauges on dry roads, one reading a message."""
    return Plan([gauge(city, d) for d in _of(city, *GAUGES)], _probes(city, seconds), rate, seconds)


def recorders(city: City, seconds: float) -> Plan:
    """NVRs with all their channels."""
    below: dict[str, list[Device]] = {}
    for camera in _of(city, "ipc-class2"):
        below.setdefault(camera.gateway or "", []).append(camera)
    full = [recorder(city, city.devices[name], cameras) for name, cameras in below.items() if len(cameras) == CHANNELS]
    return Plan(full, _probes(city, seconds), PAYLOADS_A_SECOND, seconds)


def _probes(city: City, seconds: float) -> list[Voice]:
    return [tampered(city, sentry) for sentry in _of(city, "electronic-sentry")[: int(PROBES_A_SECOND * seconds)]]


def _of(city: City, *types: str) -> list[Device]:
    return [device for device in city.devices.values() if device.type in types]


def at(rate: float, seconds: float) -> dict[str, Any]:
    with running(ROADS) as bench:
        return bench.run(gauges(bench.city, rate, seconds))


def beside_naive(rate: float, seconds: float, fleet: FleetRequest = ROADS) -> dict[str, Any]:
    with running(fleet) as bench:
        plan = gauges(bench.city, rate, seconds)
        return bench.run(plan) | {
            "naive_cpu_us_per_message": naive_cpu_us(bench, replace(plan, probes=[], seconds=min(seconds, NAIVE_S)))
        }


def of_recorders(seconds: float) -> dict[str, Any]:
    with running(CAMERAS) as bench:
        return bench.run(recorders(bench.city, seconds)) | {"messages_a_payload": CHANNELS}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rate", type=float, help="messages a second, 0 for as many as are taken; only this")
    parser.add_argument("--seconds", type=float, help="of publishing at each rate: 20, with --quick 3")
    given = parser.parse_args()
    seconds = given.seconds or (3.0 if given.quick else 20.0)
    if given.rate is not None or given.quick:
        fleet = FEW_ROADS if given.quick else ROADS
        show("end_to_end", **beside_naive(USUAL if given.rate is None else given.rate, seconds, fleet))
        return
    runs = [at(1_000, seconds), beside_naive(USUAL, seconds), at(0, seconds), of_recorders(seconds)]
    show("end_to_end", runs=runs)


if __name__ == "__main__":
    main()
