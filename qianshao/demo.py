"""`qianshao demo`: a scenario, played through the whole system on embedded brokers."""

import json
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import structlog
import typer

from city.city import City
from city.clock import Clock, wall_ms
from city.errors import Unavailable
from city.tables import read_city, write_tables
from qianshao.accounts import Account, account
from qianshao.clockfile import write_clock
from qianshao.demo_view import DemoView
from qianshao.embedded import free_port
from qianshao.settings import ClockSettings, Settings
from qianshao.supervisor import Child
from qianshao.system import System
from qianshao.up import StopFlag
from simulators.scenario import Control, Scenario, load_scenario
from simulators.variation import Variation

log = structlog.get_logger()

DEFAULT_SPEED = 1200.0
LOOK_EVERY_S = 0.25
LEAD_S = 0.3  # from writing the clock file to the play's beginning: every process has read it by then
SETTLE_S = 60.0  # at most, for what is under way when the last message has been published


def run_demo(
    scenario_name: str, variation: Variation, seconds: float | None, speed: float | None, as_json: bool, data: Path
) -> int:
    """Play a scenario. With `as_json` print one object and return 0 when nothing was lost; else show a summary until
    Ctrl-C. Raises ConfigErrors, Unavailable."""
    scenario = load_scenario(scenario_name).varied(variation)
    speed = _speed(scenario, seconds, speed)
    city = scenario.populate(read_city(Settings().city))
    settings = _settings(data, city)
    write_clock(_clock_file(data), scenario.start_ms, scenario.end_ms, speed)
    view = None if as_json else DemoView(scenario, settings)
    demo = _Demo(scenario, city, System(settings), speed, view, (scenario_name, *variation.arguments()))
    result = demo.play()
    if as_json:
        typer.echo(json.dumps(result.as_json(), ensure_ascii=False))
    return 0 if result.lost == 0 else 1


def _speed(scenario: Scenario, seconds: float | None, speed: float | None) -> float:
    if seconds is not None and speed is not None:
        raise typer.BadParameter("give --for or --speed, not both")
    if seconds is not None:
        if seconds <= 0:
            raise typer.BadParameter("--for must be above 0")
        return max(1.0, (scenario.end_ms - scenario.start_ms) / 1000 / seconds)
    if speed is not None and speed <= 0:
        raise typer.BadParameter("--speed must be above 0")
    return speed or DEFAULT_SPEED


def _settings(data: Path, city: City) -> Settings:
    """Settings of the demo's processes: a fresh folder, free ports, the scenario's fleet and its clock."""
    shutil.rmtree(data, ignore_errors=True)
    data = data.absolute()
    data.mkdir(parents=True)
    write_tables(city, data / "fleet", ["sites", "parents", "devices", "contacts"])
    base = Settings()
    mqtt = {"port": free_port(base.mqtt.port), "port_v311": free_port(base.mqtt.port_v311)}
    kafka = {"servers": f"127.0.0.1:{free_port(int(base.kafka.servers.rpartition(':')[2]))}"}
    return base.model_copy(
        update={
            "profile": "embedded",
            "data": data,
            "database": f"sqlite:///{data / 'qianshao.db'}",
            "fleet": data / "fleet",
            "mqtt": base.mqtt.model_copy(update=mqtt),
            "kafka": base.kafka.model_copy(update=kafka),
            "web": base.web.model_copy(update={"port": free_port(base.web.port)}),
            "clock": ClockSettings(file=_clock_file(data)),
        }
    )


def _clock_file(data: Path) -> Path:
    return data.absolute() / "clock.json"


@dataclass
class _Demo:
    scenario: Scenario
    city: City
    system: System
    speed: float
    view: DemoView | None
    played: tuple[str, ...]
    """The scenario as `qianshao simulate` is told it."""

    def __post_init__(self) -> None:
        self._stop = StopFlag()
        self._ledger = self.system.settings.data / "ledger.txt"
        folder = self.system.settings.data / "run"
        arguments = (*self.played, "--ledger", str(self._ledger))
        self._simulator = Child("simulate", self.system.settings, folder, arguments)

    def play(self) -> Account:
        """From an empty machine to the account; everything is stopped at the end, whatever happens."""
        began_s = time.monotonic()
        try:
            self.system.launch()
            self._simulator.start()
            self.system.wait_ready()
            clock = self._begin()
            self._watch(clock, began_s)
            self._settle()
            self.system.drain()
            result = account(self.system, self.scenario, self.city, self._ledger)
            if self.view is not None:
                self._linger(self.view, result)
            return result
        finally:
            if self.view is not None:
                self.view.close()
            self._simulator.stop()
            self.system.stop()

    def _begin(self) -> Clock:
        """Wait until the devices are connected, then start every clock at one moment."""
        deadline_s = time.monotonic() + 60
        while not self._simulator.ready:
            if not self._simulator.running or time.monotonic() > deadline_s:
                raise Unavailable("the simulator", f"see {self._simulator.log_file}")
            time.sleep(0.05)
        clock = Clock(self.scenario.start_ms, wall_ms() + LEAD_S * 1000, self.speed)
        path = self.system.settings.clock.file
        assert path is not None
        write_clock(path, clock.origin_ms, self.scenario.end_ms, self.speed, clock.started_ms)
        return clock

    def _watch(self, clock: Clock, began_s: float) -> None:
        """Until the scenario is over, or somebody wants to stop."""
        controls = list(self.scenario.controls)
        paused: list[Control] = []
        while not self._stop.asked:
            now_ms = clock.now_ms()
            self._control(controls, paused, now_ms)
            self.system.look()
            if self.view is not None:
                self.view.show(self.system, min(now_ms, self.scenario.end_ms), time.monotonic() - began_s)
            if now_ms >= self.scenario.end_ms and not self._simulator.running:
                return
            time.sleep(LOOK_EVERY_S)

    def _settle(self) -> None:
        """Wait until the scenario has been judged to its end, unless somebody wants to stop."""
        deadline_s = time.monotonic() + SETTLE_S
        while self.system.judged_until_ms() < self.scenario.end_ms and not self._stop.asked:
            if time.monotonic() > deadline_s:
                log.error("the scenario was not judged to its end", see=str(self._simulator.log_file))
                return
            self.system.look()
            time.sleep(LOOK_EVERY_S)

    def _control(self, controls: list[Control], paused: list[Control], now_ms: int) -> None:
        """Pause and resume processes as the scenario says, to see what that does, and does not."""
        for control in [c for c in controls if c.at_ms <= now_ms]:
            controls.remove(control)
            paused.append(control)
            self.system.child(control.pause).signal(signal.SIGSTOP)
        for control in [c for c in paused if c.at_ms + c.for_ms <= now_ms]:
            paused.remove(control)
            self.system.child(control.pause).signal(signal.SIGCONT)

    def _linger(self, view: DemoView, result: Account) -> None:
        """Show the account and leave the page up until Ctrl-C. The others would call the silence after the play a
        failure."""
        self.system.finish()
        view.finish(result, to_the_end=not self._stop.asked)
        while not self._stop.asked:
            self.system.look()
            time.sleep(LOOK_EVERY_S)
