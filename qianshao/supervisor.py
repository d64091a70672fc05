"""Child processes that are kept alive, and stopped so that they can drain."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from qianshao.orphans import with_parent
from qianshao.settings import Settings

log = structlog.get_logger()

STOP_TIMEOUT_S = 20.0
RESTART_AFTER_S = (0.5, 1.0, 2.0, 5.0, 10.0)
LAST = 10
"""Niceness of what only looks on: where the processor is short, who judges goes first."""
RAN_WELL_S = 60.0
"""After so long an end counts as the first."""


@dataclass
class Child:
    """One process of the program: `qianshao NAME ARGUMENTS`. Its output goes to `folder/NAME.log`; its ready file
    appears once it does its work. `nice`: added to its niceness, for what only looks on."""

    name: str
    settings: Settings
    folder: Path
    arguments: tuple[str, ...] = ()
    nice: int = 0
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_s: float = 0.0
    restart_at_s: float = 0.0
    wanted: bool = False

    @property
    def ready_file(self) -> Path:
        return self.folder / f"{self.name}.ready"

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        self.ready_file.unlink(missing_ok=True)
        settings = self.settings.model_copy(update={"ready": self.ready_file})
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qianshao", self.name, *self.arguments],
                env=_plain_environment() | settings.environment(),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the launcher, which stops its children in order
                preexec_fn=with_parent(signal.SIGTERM, self.nice),
            )
        self.started_s, self.wanted = time.monotonic(), True

    def stop(self) -> None:
        """Ask it to drain and end; after STOP_TIMEOUT_S end it."""
        self.wanted = False
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            log.error("did not drain in time", process=self.name)
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End it at once, for good."""
        self.wanted = False
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def ready(self) -> bool:
        return self.ready_file.exists()

    @property
    def cpu_s(self) -> float:
        """Processor seconds used so far, of this run of the process; 0 where the system does not tell."""
        if self.process is None:
            return 0.0
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Supervisor:
    """Keeps children alive. `children` are started in their order and stopped in the reverse of it."""

    children: list[Child] = field(default_factory=list)

    def start(self) -> None:
        for child in self.children:
            child.start()

    def stop(self) -> None:
        for child in reversed(self.children):
            child.stop()

    def look(self) -> None:
        """Start again what has ended, a little later each time that it does so soon."""
        now_s = time.monotonic()
        for child in self.children:
            ended = child.wanted and child.process is not None and child.process.poll() is not None
            if ended and child.restart_at_s == 0.0:
                if now_s - child.started_s > RAN_WELL_S:
                    child.restarts = 0
                wait_s = RESTART_AFTER_S[min(child.restarts, len(RESTART_AFTER_S) - 1)]
                child.restart_at_s = now_s + wait_s
                code = child.process.returncode if child.process else None
                log.error("process ended, starting it again", process=child.name, code=code, in_s=wait_s)
            elif ended and now_s >= child.restart_at_s:
                child.restarts, child.restart_at_s = child.restarts + 1, 0.0
                child.start()

    def wait_ready(self, timeout_s: float) -> list[str]:
        """Wait until all children work. Names of those that do not by then."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            self.look()
            if all(child.ready for child in self.children):
                return []
            time.sleep(0.05)
        return [child.name for child in self.children if not child.ready]


def _plain_environment() -> dict[str, str]:
    """Our environment without single settings of a section: those would go before the section that a child is given."""
    return {name: value for name, value in os.environ.items() if not (name.startswith("QIANSHAO_") and "__" in name)}
