"""PostgreSQL: one server, as many databases as tests ask for. Durability is switched off: what is tested is ours."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from tests.servers import debian
from tests.servers.docker import Container
from tests.servers.places import HOST, free_port, scratch_folder
from tests.servers.process import Launch, Server, own_address
from tests.servers.sources import Found, Kind

VERSION = "17.6"
DEBIAN_BINARIES = Path("/usr/lib/postgresql")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "track_commit_timestamp=on")
USERS = ("postgres", "nobody")
"""Who runs it when we are root: PostgreSQL refuses to be root."""


@dataclass
class Store:
    """A PostgreSQL server. `url`: SQLAlchemy URL of its administrator, on the database `postgres`."""

    server: Server
    url: str

    def new_database(self) -> str:
        """Create an empty database. Returns its SQLAlchemy URL."""
        return self.create_database(f"t_{uuid.uuid4().hex}")

    def create_database(self, name: str) -> str:
        """Create an empty database of that name. Returns its SQLAlchemy URL."""
        self._administer(f"CREATE DATABASE {name}")
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        """Remove a database with whoever is still connected to it."""
        name = urlsplit(url).path.removeprefix("/")
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        connection = _connect(self.url)
        try:
            connection.run(statement)
        finally:
            connection.close()


@contextmanager
def postgres(own: bool = False) -> Iterator[Store]:
    """A server without databases of ours. `own`: never the one of the environment. Raises MissingError."""
    found = POSTGRES.find(own)
    if found.address:
        yield Store(Server(urlsplit(found.address).netloc.rpartition("@")[2]), found.address)
        return
    port = free_port()
    url_here = f"postgresql+pg8000://postgres:postgres@{own_address(port)}/postgres"
    with scratch_folder("postgres") as folder:
        launch = (
            _container(found.image, folder, port, url_here) if found.image else _local(found, folder, port, url_here)
        )
        server = Server(own_address(port), launch)
        server.start()
        try:
            yield Store(server, url_here)
        finally:
            server.stop()


def _local(found: Found, folder: Path, port: int, url: str) -> Launch:
    return local(found, folder, port, url, ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"], FAST)


def local(found: Found, folder: Path, port: int, url: str, initdb: Sequence[str], settings: Sequence[str]) -> Launch:
    """Make a cluster in a folder, and say how to run it. `initdb`: its arguments; `settings`: of the server."""
    assert found.program is not None
    user = _user()
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
    make = [str(found.program / "initdb"), "-D", str(data), "--no-sync", *initdb]
    subprocess.run(make, check=True, capture_output=True, user=user, cwd=folder)
    command = [str(found.program / "postgres"), "-D", str(data), "-p", str(port), "-h", HOST, "-k", ""]
    command += [f"--{setting}" for setting in settings]
    return Launch(
        "PostgreSQL",
        command,
        lambda: _answers(url),
        folder / "postgres.log",
        user=user,
        stop_signal=signal.SIGINT,
        at_death=signal.SIGQUIT,
    )


def _container(image: str, folder: Path, port: int, url: str) -> Launch:
    arguments = ["-p", str(port)] + [f"--{setting}" for setting in FAST]
    environment = {"POSTGRES_PASSWORD": "postgres", "PGDATA": str(folder / "data")}
    container = Container(folder.name, image, [port], [folder], environment, arguments)
    return container.launch("PostgreSQL", lambda: _answers(url), folder / "postgres.log")


def _answers(url: str) -> None:
    try:
        _connect(url).close()
    except (DatabaseError, InterfaceError) as error:
        raise ConnectionError(str(error)) from error


def _connect(url: str) -> Connection:
    """To the database of an SQLAlchemy URL."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Connection(user, parts.hostname, parts.path.removeprefix("/"), parts.port or 5432, password)


def _user() -> str | None:
    """Whom to run it as; None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in USERS if name in known)


def _here() -> Found | None:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(DEBIAN_BINARIES.glob("*/bin"), key=_major, reverse=True)
    for folder in folders:
        if all(shutil.which(folder / program) for program in ("initdb", "postgres")):
            shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
            version = re.search(r"\d+(\.\d+)*", shown)
            return Found("PostgreSQL", version.group() if version else "?", str(folder), program=folder)
    return None


def _major(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


POSTGRES = Kind(
    "PostgreSQL",
    _here,
    lambda: debian.install("PostgreSQL", "postgresql"),
    "QIANSHAO_TEST_POSTGRES",
    f"postgres:{VERSION}",
)
