"""MQTT to log."""

import asyncio

import structlog

from city.clock import Clock
from ingest.adapters.tcp import TcpLimits
from ingest.metrics import IngestMetrics, WireMetrics
from ingest.mqtt import MqttOptions
from ingest.process import IngestOptions, IngestProcess
from ingest.retire import write_last_tick
from ingest.wires import WireOptions
from qianshao.city_files import load_city
from qianshao.clockfile import marked_clock
from qianshao.processes.lifecycle import answer, say_ready, stop_on_signals, until_stopped
from qianshao.settings import Settings
from qianshao.telemetry import Telemetry, with_telemetry
from streams.topics import ensure_topics

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Until stopped; what was taken in is written and acknowledged then. Raises Unavailable."""
    asyncio.run(with_telemetry(settings, "ingest", _work))


def retire(settings: Settings, name: str) -> None:
    """Nobody waits any more for a stopped ingest process of that name. Raises Unavailable or SettingError."""
    kafka = settings.kafka
    asyncio.run(ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    asyncio.run(write_last_tick(kafka.servers, kafka.shards, name))
    log.info("ingest retired", ingest=name)


async def _work(settings: Settings, told: Telemetry) -> None:
    kafka = settings.kafka
    await answer(lambda: ensure_topics(kafka.servers, kafka.shards, kafka.replicas))
    stop = stop_on_signals()
    metrics, wire_metrics = IngestMetrics(told.registry), WireMetrics(told.registry)
    process = IngestProcess(load_city(settings), ingest_options(settings), metrics, told.tracer, wire_metrics)
    await until_stopped(stop, process.run(), say_ready(settings.ready, lambda: process.up))


def ingest_options(settings: Settings) -> IngestOptions:
    """Options of an ingest process, from the settings."""
    mqtt, ingest, play = settings.mqtt, settings.ingest, settings.clock.file
    return IngestOptions(
        name=ingest.name,
        kafka=settings.kafka.servers,
        shards=settings.kafka.shards,
        mqtt=MqttOptions(
            host=mqtt.host,
            port=mqtt.port,
            client_id=f"qianshao-{ingest.name}",
            filters=ingest.filters,
            v5=mqtt.version == "5",
            username=mqtt.username,
            password=mqtt.password,
            tls_ca=str(mqtt.tls_ca) if mqtt.tls_ca else None,
            receive_maximum=mqtt.receive_maximum,
        ),
        wires=WireOptions(
            host=ingest.station_host,
            ports={"hj212": ingest.hj212_port, "sl651": ingest.sl651_port},
            limits=TcpLimits(connections=ingest.stations, per_address=ingest.stations_per_address),
        ),
        clock=Clock() if play is None else marked_clock(play),
        linger_ms=ingest.linger_ms,
        tick_s=ingest.tick_s,
    )
