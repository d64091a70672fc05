"""Grafana, where there is one. No package registry carries it, so it cannot be installed: an address, Docker, or a
folder with a Grafana that somebody has put there."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.servers.docker import Container
from tests.servers.missing import MissingError
from tests.servers.places import HOST, free_port, scratch_folder
from tests.servers.process import Launch, Server, own_address
from tests.servers.sources import Found, Kind

VERSION = "12.2.0"
HOME_VARIABLE, LOGIN_VARIABLE = "QIANSHAO_TEST_GRAFANA_HOME", "QIANSHAO_TEST_GRAFANA_LOGIN"
LOGIN = ("admin", "for-tests-only")
QUIET = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_LOG_LEVEL": "warn",
    "GF_SECURITY_ADMIN_USER": LOGIN[0],
    "GF_SECURITY_ADMIN_PASSWORD": LOGIN[1],
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_USERS_DEFAULT_LANGUAGE": "zh-Hans",
    "GF_USERS_DEFAULT_THEME": "dark",
}


@dataclass
class RunningGrafana:
    """A Grafana, and an administrator's name and password. Anybody may look."""

    server: Server
    login: tuple[str, str]

    @property
    def url(self) -> str:
        return f"http://{self.server.address}"


@contextmanager
def grafana(provisioning: Path | None = None) -> Iterator[RunningGrafana]:
    """A Grafana without boards; `provisioning`: the folder that it reads at its start. Raises MissingError."""
    found = GRAFANA.find(own=provisioning is not None)
    if found.address:
        name, _, password = os.environ.get(LOGIN_VARIABLE, ":".join(LOGIN)).partition(":")
        yield RunningGrafana(Server(found.address), (name, password))
        return
    with scratch_folder("grafana") as folder:
        server = _server_in(found, folder, provisioning)
        server.start()
        try:
            yield RunningGrafana(server, LOGIN)
        finally:
            server.kill()


def _server_in(found: Found, folder: Path, provisioning: Path | None) -> Server:
    port = free_port()
    environment = QUIET | {
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_SERVER_HTTP_ADDR": "0.0.0.0" if found.image else HOST,
        "GF_PATHS_DATA": str(folder / "data"),
        "GF_PATHS_LOGS": str(folder / "logs"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(provisioning or folder / "provisioning"),
    }
    return Server(own_address(port), _launch(found, folder, port, environment, provisioning))


def _launch(found: Found, folder: Path, port: int, environment: Mapping[str, str], shown: Path | None) -> Launch:
    output = folder / "grafana.log"
    if found.image:
        folder.chmod(0o777)  # the container has a user of its own
        container = Container(folder.name, found.image, [port], [folder, *([shown] if shown else [])], environment)
        return container.launch("Grafana", lambda: answers(port), output)
    assert found.program is not None
    settings = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", *settings, str(found.program / "bin" / "grafana"), "server", "--homepath", str(found.program)]
    return Launch("Grafana", command, lambda: answers(port), output)


def answers(port: int) -> None:
    try:
        ready = httpx.get(f"http://{HOST}:{port}/api/health", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError as error:
        raise ConnectionError(str(error)) from error
    if not ready:
        raise ConnectionError("not ready")


def _here() -> Found | None:
    home = os.environ.get(HOME_VARIABLE)
    return Found("Grafana", "as it is", HOME_VARIABLE, program=Path(home)) if home else None


def _install() -> None:
    raise MissingError(
        "Grafana", "no package registry carries it", f"set {HOME_VARIABLE}, or QIANSHAO_TEST_GRAFANA, or start Docker"
    )


GRAFANA = Kind("Grafana", _here, _install, "QIANSHAO_TEST_GRAFANA", f"grafana/grafana:{VERSION}")
