"""Mosquitto as production has it: TLS, and nobody without a password."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qianshao.secrets.passwords import new_hash
from tests.servers.certificates import authority, signed_by
from tests.servers.mosquitto import local
from tests.servers.places import HOST, free_port
from tests.servers.process import Server, own_address

USER, PASSWORD = "_ingest", "known to the broker"
CONFIG = """\
user root
listener {port} {host}
allow_anonymous false
password_file {folder}/passwords
certfile {folder}/broker.crt
keyfile {folder}/broker.key
"""


@dataclass(frozen=True)
class Guarded:
    """`ca`: file of the authority that signed its certificate."""

    server: Server
    ca: Path


@contextmanager
def guarded_mosquitto(folder: Path, days: float = 365, ca_days: float = 3650) -> Iterator[Guarded]:
    """A broker that lets USER in. days: for which its certificate is good, ca_days: its authority. Raises
    MissingError."""
    ca, port = authority(folder, ca_days), free_port()
    signed_by(ca, folder, days)
    (folder / "passwords").write_text(f"{USER}:{new_hash(PASSWORD)}\n")
    config = folder / "mosquitto.conf"
    config.write_text(CONFIG.format(port=port, host=HOST, folder=folder))
    server = Server(own_address(port), local(config, lambda: _listens(port)))
    server.start()
    try:
        yield Guarded(server, ca.file)
    finally:
        server.kill()


def _listens(port: int) -> None:
    socket.create_connection((HOST, port), timeout=5).close()
