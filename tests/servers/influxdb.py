"""InfluxDB 2: one server, as many sets of buckets as tests ask for."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.servers.docker import Container
from tests.servers.missing import MissingError
from tests.servers.places import HOST, cache_folder, free_port, scratch_folder
from tests.servers.process import START_TIMEOUT_S, Launch, Server, own_address
from tests.servers.sources import Found, Kind

VERSION = "2.7.12"
BUILD = Path(__file__).with_name("build_influxd.sh")
TOKEN, ORG = "for-tests-only", "tests"
VARIABLE, TOKEN_VARIABLE, ORG_VARIABLE = (f"QIANSHAO_TEST_INFLUXDB{suffix}" for suffix in ("", "_TOKEN", "_ORG"))


@dataclass
class Influx:
    """An InfluxDB server, and a token that may do anything in its organisation."""

    server: Server
    token: str
    org: str

    @property
    def url(self) -> str:
        return f"http://{self.server.address}"

    def new_bucket(self) -> str:
        """A name for buckets that nobody else uses. They are made by who uses them."""
        return f"t_{uuid.uuid4().hex}"


@contextmanager
def influxdb(own: bool = False, durable: bool = False) -> Iterator[Influx]:
    """A server without buckets of ours. `own`: never the one of the environment; `durable`: what it was given outlives
    it. Raises MissingError."""
    found = INFLUXDB.find(own)
    if found.address:
        given = os.environ
        yield Influx(Server(found.address), given.get(TOKEN_VARIABLE, TOKEN), given.get(ORG_VARIABLE, ORG))
        return
    with scratch_folder("influxdb") as folder:
        server = server_in(found, folder, {} if durable else {"INFLUXD_STORE": "memory"})
        server.start()
        try:
            set_up(server.address)
            yield Influx(server, TOKEN, ORG)
        finally:
            server.kill()


def server_in(found: Found, folder: Path, options: Mapping[str, str]) -> Server:
    """A server that keeps what it has in a folder. `options`: of its environment."""
    port = free_port()
    environment = {
        "INFLUXD_HTTP_BIND_ADDRESS": f"{'0.0.0.0' if found.image else HOST}:{port}",
        "INFLUXD_ENGINE_PATH": str(folder / "engine"),
        "INFLUXD_BOLT_PATH": str(folder / "influxd.bolt"),
        "INFLUXD_SQLITE_PATH": str(folder / "influxd.sqlite"),
        "INFLUXD_REPORTING_DISABLED": "true",
        "INFLUXD_LOG_LEVEL": "error",
        **options,
    }
    output = folder / "influxd.log"
    if found.image:
        folder.chmod(0o777)  # the container has a user of its own
        container = Container(folder.name, found.image, [port], [folder], environment, ["influxd"])
        launch = container.launch("InfluxDB", lambda: _answers(port), output)
    else:
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), str(found.program), "run"]
        launch = Launch("InfluxDB", command, lambda: _answers(port), output)
    return Server(own_address(port), launch)


def set_up(address: str, **other: str) -> None:
    """The first user, organisation, bucket and token of a new server, as the image does it in production."""
    wanted = {
        "username": "admin",
        "password": "of no importance",
        "org": ORG,
        "bucket": "first",
        "token": TOKEN,
    } | other
    httpx.post(f"http://{address}/api/v2/setup", json=wanted, timeout=START_TIMEOUT_S).raise_for_status()


def _answers(port: int) -> None:
    try:
        ready = httpx.get(f"http://{HOST}:{port}/health", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError as error:
        raise ConnectionError(str(error)) from error
    if not ready:
        raise ConnectionError("not ready")


def _here() -> Found | None:
    if not _program().exists():
        return None
    return Found("InfluxDB", VERSION, f"its sources, in {_program()}", program=_program())


def _program() -> Path:
    return cache_folder() / f"influxd-{VERSION}"


def _build() -> None:
    """Build it. Raises MissingError."""
    for tool, remedy in (("go", "Go 1.23 or newer"), ("cargo", "Rust")):
        if shutil.which(tool) is None:
            raise MissingError("InfluxDB", f"there is no {tool} to build it", f"install {remedy}, or start Docker")
    with tempfile.TemporaryDirectory(dir=cache_folder()) as draft:
        built = Path(draft) / "influxd"
        done = subprocess.run([BUILD, VERSION, built], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            why = done.stderr.strip().rpartition("\n")[2]
            raise MissingError(
                "InfluxDB", f"its build failed: {why}", f"run {BUILD.name} by hand and read what it says"
            )
        built.rename(_program())


INFLUXDB = Kind("InfluxDB", _here, _build, VARIABLE, f"influxdb:{VERSION}")
