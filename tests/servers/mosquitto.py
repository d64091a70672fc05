"""Mosquitto, as tests want it: no limit on what is under way, anybody may connect, and what a session is owed is kept
through a restart, not through `kill -9`."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import debian
from tests.servers.docker import Container
from tests.servers.missing import MissingError
from tests.servers.places import HOST, free_port, scratch_folder
from tests.servers.process import Launch, Server, own_address
from tests.servers.sources import Found, Kind

VERSION = "2.0.22"
CONFIG = """\
user root
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 0
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
"""
"""`user root`: where we are root, so must it be, or the kernel forgets to end it when we die."""
CONNECT = bytes.fromhex("100c 0004 4d515454 04 02 003c 0000")
CONNACK = 0x20
ANSWER_TIMEOUT_S = 5.0


@contextmanager
def mosquitto(own: bool = False) -> Iterator[Server]:
    """A broker without a session. `own`: never the one of the environment. Raises MissingError."""
    found = MOSQUITTO.find(own)
    if found.address:
        yield Server(found.address)
        return
    with scratch_folder("mosquitto") as folder:
        port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(CONFIG.format(port=port, folder=folder, host="0.0.0.0" if found.image else HOST))
        launch = _container(found.image, config, port) if found.image else local(config, lambda: answers(port))
        server = Server(own_address(port), launch)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def local(config: Path, answers: Callable[[], None]) -> Launch:
    """How to run the local program with a configuration of one's own. Raises MissingError where there is none."""
    found = MOSQUITTO.local()
    if found is None:
        raise MissingError("Mosquitto", "no local one")
    return Launch("Mosquitto", [str(found.program), "-c", str(config)], answers, config.with_name("mosquitto.log"))


def _container(image: str, config: Path, port: int) -> Launch:
    arguments = ["mosquitto", "-c", str(config)]
    container = Container(config.parent.name, image, [port], [config.parent], arguments=arguments)
    return container.launch("Mosquitto", lambda: answers(port), config.with_name("mosquitto.log"))


def answers(port: int) -> None:
    """A working broker answers a CONNECT, be it with a refusal."""
    with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as connection:
        connection.sendall(CONNECT)
        if connection.recv(4)[:1] != bytes([CONNACK]):
            raise ConnectionError("no CONNACK")


def _here() -> Found | None:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    shown = subprocess.run([program, "-h"], capture_output=True, text=True).stdout
    version = shown.partition("\n")[0].rpartition(" ")[2]
    return Found("Mosquitto", version, program, program=Path(program))


MOSQUITTO = Kind(
    "Mosquitto",
    _here,
    lambda: debian.install("Mosquitto", "mosquitto"),
    "QIANSHAO_TEST_MOSQUITTO",
    f"eclipse-mosquitto:{VERSION}",
)
