"""The servers as deploy/ sets them up, on this machine: the same configuration, other folders and ports."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.servers.grafana import GRAFANA, HOME_VARIABLE
from tests.servers.grafana import answers as grafana_answers
from tests.servers.influxdb import INFLUXDB, Influx
from tests.servers.influxdb import server_in as influxd_in
from tests.servers.influxdb import set_up as set_up_influxdb
from tests.servers.missing import MissingError
from tests.servers.mosquitto import local
from tests.servers.places import HOST, free_port
from tests.servers.postgres import POSTGRES, Store
from tests.servers.postgres import local as local_postgres
from tests.servers.process import Launch, Server, own_address

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


@contextmanager
def deployed_postgres(secrets: Path, folder: Path) -> Iterator[Store]:
    """PostgreSQL as compose and deploy/postgres say, with the database of the program. Raises MissingError."""
    found, service, port = POSTGRES.find(own=True), compose()["services"]["postgres"], free_port()
    given, config = service["environment"], folder / "postgresql.conf"
    shutil.copy(DEPLOY / "postgres" / "postgresql.conf", config)  # the checkout may be nobody's but ours
    password_file = folder / "password"
    shutil.copy(secrets / "postgres-password", password_file)
    url = f"postgresql+pg8000://{given['POSTGRES_USER']}:{password_file.read_text()}@{own_address(port)}"
    initdb = ["-U", given["POSTGRES_USER"], f"--pwfile={password_file}", *given["POSTGRES_INITDB_ARGS"].split()]
    settings = [word.replace("/etc/postgresql/qianshao", str(folder)) for word in service["command"] if "=" in word]
    server = Server(own_address(port), local_postgres(found, folder, port, f"{url}/postgres", initdb, settings))
    server.start()
    try:
        store = Store(server, f"{url}/postgres")
        store.create_database(given["POSTGRES_DB"])
        yield Store(server, f"{url}/{given['POSTGRES_DB']}")
    finally:
        server.stop()


@contextmanager
def deployed_influxdb(secrets: Path, folder: Path) -> Iterator[Influx]:
    """InfluxDB as compose sets it, and set up as its image does from what compose tells it. Raises MissingError."""
    given = compose()["services"]["influxdb"]["environment"]
    options = {name: value for name, value in given.items() if name.startswith("INFLUXD_")}
    server = influxd_in(INFLUXDB.find(own=True), folder, options)
    server.start()
    try:
        first = {
            name: _given(given, secrets, name) for name in ("USERNAME", "PASSWORD", "ORG", "BUCKET", "ADMIN_TOKEN")
        }
        set_up_influxdb(server.address, token=first.pop("ADMIN_TOKEN"), **{k.lower(): v for k, v in first.items()})
        yield Influx(server, (secrets / "influxdb-token").read_text(), given["DOCKER_INFLUXDB_INIT_ORG"])
    finally:
        server.kill()


@contextmanager
def deployed_grafana(secrets: Path, folder: Path) -> Iterator[Server]:
    """Grafana with deploy/grafana, and what `show_to_grafana` has written to `folder`. Raises MissingError."""
    found = GRAFANA.local()
    if found is None:
        raise MissingError("Grafana", "no local one", f"name its folder in {HOME_VARIABLE}")
    config, port = folder / "grafana.ini", free_port()
    config.write_text((DEPLOY / "grafana" / "grafana.ini").read_text().replace("/run/secrets", str(secrets)))
    here = {"server.http_addr": HOST, "server.http_port": port, "paths.data": folder, "paths.logs": folder}
    here["paths.provisioning"] = folder / "provisioning"
    command = [f"{found.program}/bin/grafana", "server", f"--homepath={found.program}", f"--config={config}"]
    command += [f"cfg:{name}={value}" for name, value in here.items()]
    launch = Launch("Grafana", command, lambda: grafana_answers(port), folder / "grafana.log")
    server = Server(own_address(port), launch)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def show_to_grafana(influx: Influx, fleet: Path, folder: Path) -> None:
    """What the one-shots of compose do."""
    (folder / "token").mkdir()
    settings = {"URL": influx.url, "TOKEN": influx.token, "ORG": influx.org, "BUCKET": "qianshao"}
    environment = os.environ | {"QIANSHAO_FLEET": str(fleet)}
    environment |= {f"QIANSHAO_INFLUX__{name}": value for name, value in settings.items()}
    for service in ("series-init", "dashboards"):
        words = [sys.executable, "-m", *compose()["services"][service]["command"]]
        for there in ("/var/lib/qianshao/grafana", "/etc/grafana"):
            words = [word.replace(there, str(folder)) for word in words]
        subprocess.run(words, env=environment, check=True, capture_output=True)


def _given(environment: Mapping[str, str], secrets: Path, name: str) -> str:
    """What the image reads, itself or from a file."""
    itself = environment.get(f"DOCKER_INFLUXDB_INIT_{name}")
    return itself or (secrets / environment[f"DOCKER_INFLUXDB_INIT_{name}_FILE"].rpartition("/")[2]).read_text()


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
