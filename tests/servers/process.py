"""A server that runs for tests: stopped, killed and started again on the same port and data."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import SkipTest

from qianshao.orphans import with_parent
from tests.servers.places import HOST

START_TIMEOUT_S = STOP_TIMEOUT_S = 60.0
"""Only so that a run that went wrong ends: who is killed for being slow to stop has not saved what it has."""
LOOK_EVERY_S = 0.02
TAIL_LINES = 15


@dataclass(frozen=True)
class Launch:
    """How a server is run. `answers` asks it something that only a working server can answer, and raises OSError until
    it does. `user`: to run as. `at_death`: the signal that it gets when we die. `kill`: how to, where it takes
    more than SIGKILL to its process."""

    name: str
    command: list[str]
    answers: Callable[[], None]
    output: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    at_death: signal.Signals = signal.SIGKILL
    kill: Callable[[], None] | None = None


@dataclass
class Server:
    """A server at `address` (host:port). One that was given by the environment (`launch` is None) cannot be stopped:
    a test that tries is skipped."""

    address: str
    launch: Launch | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def start(self) -> None:
        """Until it answers. Call it from a thread that lives on: the server dies with the thread that started it."""
        launch = self._own()
        with launch.output.open("ab") as output:
            self.process = subprocess.Popen(
                launch.command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                user=launch.user,
                cwd=launch.output.parent,
                start_new_session=True,
                preexec_fn=with_parent(launch.at_death),
            )
        self._wait_for_answer(launch, self.process)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        launch, process = self._own(), self.process
        if process is None:
            return
        process.send_signal(launch.stop_signal)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def signal(self, number: signal.Signals) -> None:
        self._own()
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As `kill -9`."""
        launch, process = self._own(), self.process
        if process is None:
            return
        (launch.kill or process.kill)()
        process.wait()
        self.process = None

    def _own(self) -> Launch:
        if self.launch is None:
            raise SkipTest(f"{self.address} was given by the environment: it is not ours to stop and start")
        return self.launch

    def _wait_for_answer(self, launch: Launch, process: subprocess.Popen[bytes]) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{launch.name} ended with code {process.returncode}:\n{_tail(launch.output)}")
            try:
                launch.answers()
                return
            except OSError as error:
                if time.monotonic() > deadline_s:
                    self.kill()
                    raise RuntimeError(f"{launch.name}: {error}\n{_tail(launch.output)}") from error
                time.sleep(LOOK_EVERY_S)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


def own_address(port: int) -> str:
    return f"{HOST}:{port}"
