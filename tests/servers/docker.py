"""Containers, where a Docker engine answers. Run in the foreground: `docker run` is the container's process."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.servers.places import HOST
from tests.servers.process import Launch


@dataclass(frozen=True)
class Container:
    """What to run. `ports` are the same inside and outside, `folders` too."""

    name: str
    image: str
    ports: Sequence[int]
    folders: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    entrypoint: str | None = None

    def command(self) -> list[str]:
        command = ["docker", "run", "--rm", "--init", "--name", self.name]
        command += [f"--publish={HOST}:{port}:{port}" for port in self.ports]
        command += [f"--volume={folder}:{folder}" for folder in self.folders]
        command += [f"--env={name}={value}" for name, value in self.environment.items()]
        command += [f"--entrypoint={self.entrypoint}"] if self.entrypoint else []
        return [*command, self.image, *self.arguments]

    def launch(self, what: str, answers: Callable[[], None], output: Path) -> Launch:
        """How to run it. `docker run` passes the signals on that it gets, but SIGKILL, which it cannot see."""

        def kill() -> None:
            _docker("kill", self.name)

        return Launch(what, self.command(), answers, output, at_death=signal.SIGTERM, kill=kill)


@cache
def engine_answers() -> bool:
    return shutil.which("docker") is not None and _docker("version", "--format", "{{.Server.Version}}")


def has_image(image: str) -> bool:
    return _docker("image", "inspect", image)


def pull(image: str) -> bool:
    return _docker("pull", "--quiet", image)


def _docker(*arguments: str) -> bool:
    return subprocess.run(["docker", *arguments], capture_output=True).returncode == 0
