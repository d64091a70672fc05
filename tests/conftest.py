"""Servers for tests. Each fixture skips its test, with the remedy, where the server cannot be had.

With pytest-xdist every worker has servers of its own.
"""

import faulthandler
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.servers.grafana import RunningGrafana, grafana
from tests.servers.influxdb import Influx, influxdb
from tests.servers.kafka import kafka
from tests.servers.missing import MissingError
from tests.servers.mosquitto import mosquitto
from tests.servers.postgres import Store, postgres
from tests.servers.process import Server
from tests.servers.report import MissingServers, TriedAgain, skip, skip_optional
from tests.servers.tansu import tansu as embedded_log

Running = TypeVar("Running")


EXIT_S = 30
"""After the last line of a run. A thread that a failed test left behind would keep the process for ever."""

pytest.register_assert_rewrite("tests.journeys.account", "tests.waiting")
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")  # how long an example takes says more of the machine than of us


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(MissingServers(), "missing-servers")
    config.pluginmanager.register(TriedAgain(), "tried-again")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("servers") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The process ends now, and if it does not, says which threads keep it and ends all the same, with code 1. One of
    several waits for the others, and is ended by who began it."""
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(EXIT_S, exit=True, file=sys.__stderr__)


@contextmanager
def _or_skip(server: AbstractContextManager[Running]) -> Iterator[Running]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except MissingError as error:
            skip(error)
        yield running


@pytest.fixture(autouse=True)
def logs_of_others_stay_as_they_were() -> Iterator[None]:
    """A command sends the process's logs to its own standard error, which ends with it here."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[Server]:
    """Kafka for all tests of the run: use topics and groups that nobody else has, and leave it running."""
    with _or_skip(kafka()) as server:
        yield server


@pytest.fixture
def private_kafka() -> Iterator[Server]:
    """Kafka with an empty log for one test, which may stop, kill and start it."""
    with _or_skip(kafka(own=True)) as server:
        yield server


@pytest.fixture
def mosquitto_server() -> Iterator[Server]:
    """Mosquitto for one test, which may stop, kill and start it."""
    with _or_skip(mosquitto()) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Store]:
    """PostgreSQL for all tests of the run."""
    with _or_skip(postgres()) as store:
        yield store


@pytest.fixture
def private_postgres() -> Iterator[Store]:
    """PostgreSQL for one test, which may stop, kill and start it."""
    with _or_skip(postgres(own=True)) as store:
        yield store


@pytest.fixture
def postgres_url(postgres_server: Store) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database for one test."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def influxdb_server() -> Iterator[Influx]:
    """InfluxDB for all tests of the run: use buckets that nobody else has, and leave it running."""
    with _or_skip(influxdb()) as influx:
        yield influx


@pytest.fixture
def private_influxdb() -> Iterator[Influx]:
    """InfluxDB for one test, which may stop, kill and start it."""
    with _or_skip(influxdb(own=True, durable=True)) as influx:
        yield influx


@pytest.fixture
def grafana_server() -> Iterator[RunningGrafana]:
    """Grafana for one test, where there is one."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(grafana())
        except MissingError as error:
            skip_optional(error)
        yield running


@pytest.fixture
def tansu() -> Iterator[Server]:
    """The embedded log, empty, for one test."""
    with embedded_log() as server:
        yield server
