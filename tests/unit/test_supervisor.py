"""What ends is started again: at once when it had run well, later and later when it ends again and again."""

import json
import time
from pathlib import Path

import pytest

from qianshao import supervisor
from qianshao.settings import Settings, WebSettings
from qianshao.supervisor import RAN_WELL_S, RESTART_AFTER_S, Child, Supervisor


class Ended:
    """A process that has."""

    pid, returncode = 1, 1

    def poll(self) -> int:
        return 1


@pytest.fixture
def started_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When processes were started; each has ended by the next look."""
    starts: list[float] = []

    def popen(*_: object, **__: object) -> Ended:
        starts.append(time.monotonic())
        return Ended()

    monkeypatch.setattr(supervisor.subprocess, "Popen", popen)
    return starts


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> "Now":
    return Now(monkeypatch)


class Now:
    """The time, which passes when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.s)


def waits_s(child: Child, started_s: list[float], now: Now, ends: int) -> list[float]:
    """How long each of so many ends is waited after, when a process ends as soon as it is started."""
    watch = Supervisor([child])
    waited = []
    for _ in range(ends):
        ended_s, before = now.s, len(started_s)
        while len(started_s) == before:
            watch.look()
            now.s += 0.25
        waited.append(started_s[-1] - ended_s)
    return waited


def test_a_process_that_ends_again_and_again_is_started_later_and_later_until_it_has_run_well(
    started_s: list[float], now: Now, tmp_path: Path
) -> None:
    child = Child("web", Settings(data=tmp_path), tmp_path)
    child.start()
    waited = waits_s(child, started_s, now, ends=7)
    assert waited == [*RESTART_AFTER_S, RESTART_AFTER_S[-1], RESTART_AFTER_S[-1]]
    now.s += RAN_WELL_S
    assert waits_s(child, started_s, now, ends=2) == [*RESTART_AFTER_S[:2]]


def test_a_child_has_the_settings_it_is_given_whatever_the_environment_of_its_launcher_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr(supervisor.subprocess, "Popen", lambda *_, env, **__: given.update(env) or Ended())
    child = Child("web", Settings(data=tmp_path, web=WebSettings(port=2)), tmp_path)
    monkeypatch.setenv("QIANSHAO_WEB__PORT", "1")
    monkeypatch.setenv("QIANSHAO_CONFIG", "of-the-launcher.toml")
    child.start()
    assert json.loads(given["QIANSHAO_WEB"])["port"] == 2
    assert "QIANSHAO_WEB__PORT" not in given
    assert given["QIANSHAO_CONFIG"] == "of-the-launcher.toml"
