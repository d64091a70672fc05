"""`qianshao simulate`: a scenario's devices, publishing over MQTT at the pace of a clock."""

import json
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import merge
from operator import attrgetter
from pathlib import Path

import msgspec
import structlog
import typer

from city.clock import Clock, Timekeeper, wall_ms
from city.tables import read_city
from qianshao.clockfile import step_ms, timekeeper
from qianshao.settings import Settings
from simulators.message import Emission, marks
from simulators.publisher import PublisherOptions, publish
from simulators.scenario import load_scenario
from simulators.variation import Variation

log = structlog.get_logger()
by_time = attrgetter("at_ms")


def run_simulate(settings: Settings, scenario_name: str, variation: Variation, ledger: Path | None) -> None:
    """Publish a scenario until it is over or we are told to stop. Raises Unavailable, ConfigErrors."""
    scenario = load_scenario(scenario_name).varied(variation)
    city = scenario.populate(read_city(settings.city))
    stop = _stop_on_signals()
    clock: Timekeeper = timekeeper(settings.clock.file)
    if settings.clock.file is None:
        scenario = scenario.moved_to(round(wall_ms()))
        clock = Clock(scenario.start_ms, wall_ms())
    emissions = scenario.play(city)
    if settings.clock.file is not None:
        emissions = merge(emissions, marks(scenario.start_ms, scenario.end_ms, step_ms(clock.speed)), key=by_time)
    emissions = _ready_at_first(emissions, settings.ready)
    done = publish(emissions, publisher_options(settings), clock, stop, ledger)
    log.info("scenario published", scenario=scenario.id, **msgspec.structs.asdict(done))
    began = datetime.fromtimestamp(scenario.start_ms / 1000, UTC).isoformat(timespec="milliseconds")
    typer.echo(json.dumps({"scenario": scenario.id, "began": began, **msgspec.structs.asdict(done)}))


def publisher_options(settings: Settings) -> PublisherOptions:
    """Options of the simulator's connection, from the settings."""
    mqtt = settings.mqtt
    return PublisherOptions(
        host=mqtt.host,
        port=mqtt.port,
        v5=mqtt.version == "5",
        username=mqtt.username,
        password=mqtt.password,
        tls_ca=mqtt.tls_ca,
    )


def _ready_at_first(emissions: Iterator[Emission], ready: Path | None) -> Iterator[Emission]:
    """The emissions; the ready file appears when the publisher is connected and waits for the first."""
    first = next(emissions, None)
    if ready is not None:
        ready.touch()
    if first is not None:
        yield first
        yield from emissions


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
