"""What we depend on goes away and comes back while devices publish: each process says that it waits, nothing is lost,
and it goes on by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journeys.account import settle
from tests.journeys.devices import Devices, bao_an
from tests.journeys.district import District, production, running
from tests.servers.postgres import Store
from tests.servers.process import Server
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

MEANWHILE = 600
"""Messages that devices publish, or try to, while something is away."""
BACK_S = 60
WAITS = "does not answer, waiting"


@pytest.fixture
def devices(tmp_path: Path) -> Iterator[Devices]:
    with Devices(bao_an(), tmp_path / "ledger") as devices:
        yield devices


@pytest.fixture
def district(
    mosquitto_server: Server, private_kafka: Server, private_postgres: Store, devices: Devices, tmp_path: Path
) -> Iterator[District]:
    url = private_postgres.new_database()
    with running(production(tmp_path, bao_an(), mosquitto_server, private_kafka, url)) as district:
        devices.start(mosquitto_server)
        until(lambda: devices.sent > MEANWHILE)
        yield district


def test_kafka_mosquitto_and_the_database_are_stopped_and_started_one_after_the_other(
    district: District,
    devices: Devices,
    private_kafka: Server,
    mosquitto_server: Server,
    private_postgres: Store,
) -> None:
    with stopped(private_kafka):
        say_that_they_wait(district, f"Kafka at {private_kafka.address}", "ingest", "detect", "incidents")
    go_on(district, devices)
    with stopped(mosquitto_server):
        until(lambda: district.watch() and "mqtt unreachable" in district.log_of("ingest"), BACK_S)
    go_on(district, devices)
    with stopped(private_postgres.server):
        say_that_they_wait(district, f"{private_postgres.server.address}/", "detect", "incidents")
    go_on(district, devices)
    assert "mqtt session lost" not in district.log_of("ingest")
    assert settle(district, devices).tickets


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    server.stop()
    yield
    server.start()


def say_that_they_wait(district: District, dependency: str, *names: str) -> None:
    """Each of the processes, in one line."""
    for name in names:
        until(
            lambda name=name: district.watch() and said(district, dependency, name) == 1,
            BACK_S,
            lambda name=name: f"{name} says that {dependency} {WAITS}\n{district.last_words(name)}",
        )


def said(district: District, dependency: str, name: str) -> int:
    """How often a process said that it waits for something."""
    return sum(dependency in line and WAITS in line for line in district.log_of(name).splitlines())


def go_on(district: District, devices: Devices) -> None:
    """Until all processes work again, and the devices have published some more."""
    published = devices.sent + MEANWHILE
    until(lambda: district.watch() and devices.sent > published, BACK_S)
    until(lambda: all(district.working(child) for child in district.system.supervisor.children), BACK_S)
