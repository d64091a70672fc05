"""Who reads docker-compose.yml without an engine: docker-compose 1.29, and the library of today's Docker Compose."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.servers import debian
from tests.servers.missing import MissingError
from tests.servers.places import cache_folder
from tests.servers.sources import Found, Kind

SOURCES = Path(__file__).with_name("compose_check")
LIBRARY = "github.com/compose-spec/compose-go/v2 v"


def _docker_compose() -> Found | None:
    program = shutil.which("docker-compose")
    if program is None:
        return None
    version = subprocess.run([program, "version", "--short"], capture_output=True, text=True).stdout.strip()
    return Found("docker-compose", version, program, program=Path(program))


def _compose_check() -> Found | None:
    if not _program().exists():
        return None
    return Found("compose-go", _version(), f"its sources, in {_program()}", program=_program())


def _build() -> None:
    """Build compose_check. Raises MissingError."""
    if shutil.which("go") is None:
        raise MissingError("compose-go", "there is no go to build it", "install Go 1.24 or newer")
    with tempfile.TemporaryDirectory(dir=cache_folder()) as draft:
        built = Path(draft) / "compose-check"
        command = ["go", "build", "-ldflags", "-s -w", "-o", str(built), "."]
        done = subprocess.run(command, cwd=SOURCES, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            why = done.stderr.strip().rpartition("\n")[2]
            raise MissingError("compose-go", f"its build failed: {why}", f"run `go build` in {SOURCES}")
        built.rename(_program())


def _version() -> str:
    """The one that go.mod pins."""
    lines = (SOURCES / "go.mod").read_text().splitlines()
    return next(line.partition(LIBRARY)[2] for line in lines if LIBRARY in line)


def _program() -> Path:
    return cache_folder() / f"compose-check-{_version()}"


DOCKER_COMPOSE = Kind("docker-compose", _docker_compose, lambda: debian.install("docker-compose", "docker-compose"))
COMPOSE_GO = Kind("compose-go", _compose_check, _build)
