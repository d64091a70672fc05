"""`docker compose`, as far as deploy/backup.sh and deploy/restore.sh use it, on servers that tests run by hand.

What is run in a container is run here, with other paths and addresses; what starts and stops containers is told to the
test, which has the processes. The scripts find it in their PATH as `docker`.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Client, Listener
from pathlib import Path

from tests.environment import plain_environment

VARIABLE = "BY_HAND"
FLAGS = ("-T", "--rm", "--no-deps")
Told = Callable[[str, list[str]], None]
"""What a test does when it is told `stop`, `start` or `up`, and for which services: none named means all."""


@dataclass(frozen=True)
class ByHand:
    """`environment` by service; `paths`: what stands in containers -> what stands here. `calls`: where to be told."""

    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    calls: str = ""


@contextmanager
def scripts(by_hand: ByHand, folder: Path, told: Told) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """run(script, arguments..., **environment): a script of deploy/, with this in the place of docker."""
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.servers.by_hand "$@"\n')
    docker.chmod(0o755)
    listener = Listener(str(folder / "calls"), "AF_UNIX")
    settings = json.dumps(asdict(by_hand) | {"calls": listener.address})

    def run(script: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{docker.parent}:{os.environ['PATH']}"
        given = plain_environment() | environment | {"PATH": path, VARIABLE: settings, "PYTHONPATH": str(Path.cwd())}
        return _while_listening(listener, told, [str(script), *map(str, arguments)], given)

    try:
        yield run
    finally:
        listener.close()


def _while_listening(
    listener: Listener, told: Told, command: list[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run it beside, and do here what it tells: processes end with the thread that has started them."""
    done: list[subprocess.CompletedProcess[str]] = []

    def beside() -> None:
        done.append(subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL))
        with Client(listener.address) as call:
            call.send(("over", []))

    threading.Thread(target=beside).start()
    while not _is_over(listener, told):
        pass
    return done[0]


def _is_over(listener: Listener, told: Told) -> bool:
    with listener.accept() as call:
        verb, services = call.recv()
        if verb != "over":
            told(verb, services)
            call.send("done")
        return bool(verb == "over")


def main(arguments: list[str]) -> int:
    by_hand = ByHand(**json.loads(os.environ[VARIABLE]))
    verb, *rest = arguments[3:] if arguments[1] == "--profile" else arguments[1:]
    if verb in ("exec", "run"):
        return _run(by_hand, rest)
    with Client(by_hand.calls) as call:
        call.send((verb, [word for word in rest if not word.startswith("--")]))
        call.recv()
    return 0


def _run(by_hand: ByHand, words: list[str]) -> int:
    """[-T] [--rm] [--no-deps] [--user U] [--volume HERE:THERE] [--entrypoint E] SERVICE COMMAND..."""
    options: dict[str, str] = {}
    while words[0].startswith("-"):
        taken = 1 if words[0] in FLAGS else 2
        options[words[0]], words = words[taken - 1], words[taken:]
    service, command = words[0], words[1:]
    paths = by_hand.paths | dict([options["--volume"].split(":")[::-1]] if "--volume" in options else [])
    command = [options["--entrypoint"], *command] if "--entrypoint" in options else command
    for there, here in paths.items():
        command = [word.replace(there, here) for word in command]
    if command[0] == "qianshao":
        command = [sys.executable, "-m", *command]
    return subprocess.run(command, env=os.environ | by_hand.environment.get(service, {})).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
