"""What we depend on goes away and comes back while devices publish: each process says that it waits, nothing is lost,
and it goes on by itself."""

from collections.abc import Iterator
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


def test_kafka_is_stopped_and_started(district: District, devices: Devices, private_kafka: Server) -> None:
    private_kafka.stop()
    says_that_it_waits(district, f"Kafka at {private_kafka.address}", "ingest", "detect", "incidents")
    private_kafka.start()
    go_on(district, devices)
    assert settle(district, devices).tickets


def test_mosquitto_is_stopped_and_started(district: District, devices: Devices, mosquitto_server: Server) -> None:
    mosquitto_server.stop()
    until(lambda: district.watch() and "mqtt unreachable" in district.log_of("ingest"), BACK_S)
    mosquitto_server.start()
    go_on(district, devices)
    assert "mqtt session lost" not in district.log_of("ingest")
    assert settle(district, devices).tickets


def test_the_database_is_stopped_and_started(district: District, devices: Devices, private_postgres: Store) -> None:
    private_postgres.server.stop()
    says_that_it_waits(district, f"{private_postgres.server.address}/", "detect", "incidents")
    private_postgres.server.start()
    go_on(district, devices)
    assert settle(district, devices).tickets


def says_that_it_waits(district: District, dependency: str, *names: str) -> None:
    """Each of the processes, in one line."""
    for name in names:
        what = f"{name} says that {dependency} {WAITS}\n{district.last_words(name)}"
        until(lambda name=name: district.watch() and said(district, dependency, name) == 1, BACK_S, what)


def said(district: District, dependency: str, name: str) -> int:
    """How often a process said that it waits for something."""
    return sum(dependency in line and WAITS in line for line in district.log_of(name).splitlines())


def go_on(district: District, devices: Devices) -> None:
    """Until all processes work again, and the devices have published some more."""
    published = devices.sent + MEANWHILE
    until(lambda: district.watch() and devices.sent > published, BACK_S)
    until(lambda: all(district.working(child) for child in district.system.supervisor.children), BACK_S)
