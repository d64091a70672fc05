"""The embedded log: Tansu, a Kafka-compatible broker in memory, started as the program starts it."""

from collections.abc import Iterator
from contextlib import contextmanager

from qianshao.embedded import EmbeddedBrokers
from qianshao.settings import KafkaSettings, Settings
from tests.servers.places import free_port, scratch_folder
from tests.servers.process import Server, own_address


@contextmanager
def tansu() -> Iterator[Server]:
    """An empty log, with an id of its own."""
    address = own_address(free_port())
    with scratch_folder("tansu") as folder:
        settings = Settings(profile="embedded", kafka=KafkaSettings(servers=address))
        brokers = EmbeddedBrokers(settings, folder)
        brokers.start_log()
        try:
            yield Server(address)
        finally:
            brokers.stop_log()
