"""A district under way: our processes as `qianshao up` runs them, on real servers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from city.city import City
from city.tables import write_tables
from qianshao.settings import ArchiveSettings, DetectSettings, KafkaSettings, MqttSettings, Settings, WebSettings
from qianshao.supervisor import Child
from qianshao.system import System
from tests.servers.places import free_port
from tests.servers.process import Server
from tests.waiting import until

RULES = Path(__file__).parent / "rules"
"""The kinds of rules that a city has, with seconds for minutes."""
PROCESSES = ("incidents", "detect", "ingest")
"""Those of `qianshao up`, but for the page."""
SHARDS = 4
LOG_TAIL = 40


def settings_of(folder: Path, city: City, **more: object) -> Settings:
    """Settings for a city of one's own, in a folder of one's own; without an archive, if none is asked for."""
    write_tables(city, folder / "fleet", ["sites", "parents", "devices", "contacts"])
    more = {"archive": ArchiveSettings(folder="")} | more
    return Settings(data=folder, fleet=folder / "fleet", rules=RULES, web=WebSettings(port=free_port()), **more)


def production(folder: Path, city: City, mqtt: Server, kafka: Server, database: str) -> Settings:
    """The production profile, but for TLS. `database`: SQLAlchemy URL of PostgreSQL, which here trusts everybody."""
    return settings_of(
        folder,
        city,
        profile="production",
        database=make_url(database).set(password="any").render_as_string(hide_password=False),
        mqtt=MqttSettings(host=mqtt.host, port=mqtt.port, username="ingest", password="of no importance here"),
        kafka=KafkaSettings(servers=kafka.address, shards=SHARDS, fetch_wait_ms=500),
        detect=DetectSettings(checkpoint_s=0.5),
    )


class District:
    """The system, watched over as `qianshao up` does."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.system = System(settings, PROCESSES)

    def watch(self) -> bool:
        """Look after the processes once. For conditions that are waited for: always true."""
        self.system.look()
        return True

    def working(self, child: Child, not_pid: int | None = None) -> bool:
        """Whether a process does its work; one that was started after the one of `not_pid`."""
        self.watch()
        return child.process is not None and child.process.pid != not_pid and child.running and child.ready

    def kill(self, name: str) -> int:
        """As `kill -9`. Returns the process' id."""
        process = self.system.child(name).process
        assert process is not None
        process.kill()
        return process.pid

    def kill_and_wait(self, name: str) -> None:
        """Kill a process, and wait until the one that follows it does its work."""
        pid, child = self.kill(name), self.system.child(name)
        until(lambda: self.working(child, not_pid=pid), 60, lambda: f"{name} works again\n{self.last_words(name)}")

    def drain(self) -> None:
        """Wait until all that was published has had its effects."""
        assert self.system.drain(), "\n".join(self.last_words(child.name) for child in self.system.supervisor.children)

    def come_to_rest(self) -> None:
        """Have all that was taken in take effect; then nothing happens any more, and not even time passes."""
        for name in ("ingest", "detect", "incidents"):
            self.system.child(name).stop()
            self.drain()

    def log_of(self, name: str) -> str:
        return self.system.child(name).log_file.read_text(errors="replace")

    def last_words(self, name: str) -> str:
        return "\n".join([f"--- {name}", *self.log_of(name).splitlines()[-LOG_TAIL:]])


@contextmanager
def running(settings: Settings) -> Iterator[District]:
    """A district whose processes all work; killed at the end, since nobody asks for their last effects."""
    os.environ.pop("QIANSHAO_CONFIG", None)
    district = District(settings)
    try:
        district.system.start()
        yield district
    finally:
        for child in district.system.supervisor.children:
            child.kill()
        district.system.database.dispose()
