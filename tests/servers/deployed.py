"""The servers as deploy/ sets them up, on this machine: the same configuration, other folders and ports."""

import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.servers.mosquitto import local
from tests.servers.places import HOST, free_port
from tests.servers.process import Server, own_address

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DEVICE_PORT, INNER_PORT = 8883, 8884
OURS = "user root\n"
"""As in tests/servers/mosquitto.py: the broker must not change its user, or it outlives us."""


@dataclass(frozen=True)
class Broker:
    """Mosquitto with TLS. `inner` is the port for ingest, the server's own that for devices."""

    server: Server
    inner: int
    ca: Path


def make_fleet(folder: Path, devices: int) -> None:
    """`qianshao city fleet`."""
    command = [sys.executable, "-m", "qianshao", "city", "fleet", str(folder), "--devices", str(devices)]
    subprocess.run(command, check=True, capture_output=True)


def init_secrets(folder: Path, fleet: Path, *arguments: str) -> dict[str, str]:
    """`qianshao init-secrets`. Passwords of devices that were made."""
    environment = os.environ | {"QIANSHAO_SECRETS": str(folder), "QIANSHAO_FLEET": str(fleet)}
    command = [sys.executable, "-m", "qianshao", "init-secrets", *arguments]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return dict(line.split(":") for line in printed.splitlines())


@contextmanager
def deployed_mosquitto(secrets: Path, folder: Path) -> Iterator[Broker]:
    """Mosquitto as deploy/mosquitto says. Raises MissingError."""
    ports = {DEVICE_PORT: free_port(), INNER_PORT: free_port()}
    config = folder / "mosquitto.conf"
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    for inside, here in {
        "/mosquitto/secrets": secrets / "mosquitto",
        "/mosquitto/data": folder,
        **{f"listener {port}": f"listener {here} {HOST}" for port, here in ports.items()},
    }.items():
        assert inside in text
        text = text.replace(inside, str(here))
    config.write_text(OURS + text)
    server = Server(own_address(ports[DEVICE_PORT]))
    server.launch = local(config, lambda: shake_hands(ports[DEVICE_PORT], secrets / "ca.crt"))
    server.start()
    try:
        yield Broker(server, ports[INNER_PORT], secrets / "ca.crt")
    finally:
        server.kill()


def shake_hands(port: int, ca: Path) -> None:
    """TLS as far as the certificate, which must be good for HOST. Raises OSError."""
    context = ssl.create_default_context(cafile=ca)
    with socket.create_connection((HOST, port), timeout=5) as plain, context.wrap_socket(plain, server_hostname=HOST):
        pass


def deployed_kafka_properties() -> dict[str, str]:
    """What deploy/kafka/server.properties sets."""
    lines = (DEPLOY / "kafka" / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose() -> dict[str, Any]:
    """docker-compose.yml, variables as they stand."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def service_environment(service: str) -> dict[str, str]:
    """The settings that compose gives to a service of the program, optional variables at their defaults."""
    environment = compose()["services"][service]["environment"]
    return {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in environment.items()}
