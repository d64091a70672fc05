"""Servers for tests. Each fixture skips its test, with the remedy, where the server cannot be had.

With pytest-xdist every worker has servers of its own.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeVar

import pytest

from tests.servers.kafka import kafka
from tests.servers.missing import MissingError
from tests.servers.mosquitto import mosquitto
from tests.servers.postgres import Store, postgres
from tests.servers.process import Server
from tests.servers.report import MissingServers, skip
from tests.servers.tansu import tansu as embedded_log

Running = TypeVar("Running")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(MissingServers(), "missing-servers")


@contextmanager
def _or_skip(server: AbstractContextManager[Running]) -> Iterator[Running]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except MissingError as error:
            skip(error)
        yield running


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


@pytest.fixture
def tansu() -> Iterator[Server]:
    """The embedded log, empty, for one test."""
    with embedded_log() as server:
        yield server
