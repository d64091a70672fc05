"""Played time that stands until the play begins: a file, written when everything is up, starts all processes' clocks at
one moment."""

from pathlib import Path

import msgspec

from city.clock import Clock, MarkedClock, Timekeeper, wall_ms

LOOK_EVERY_MS = 100.0
LONGEST_STEP_MS = 10_000


class _Play(msgspec.Struct):
    origin_ms: int
    end_ms: int
    speed: float
    started_ms: float | None = None


class PlayedClock:
    """Reads a clock file: `origin_ms`, `end_ms` and `speed` from the beginning, `started_ms` once the play has begun.
    Time stands before the start and after the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_ms = 0.0
        self._clock: Clock | None = None
        self._play = msgspec.json.decode(path.read_bytes(), type=_Play)

    @property
    def speed(self) -> float:
        return self._play.speed

    @property
    def over(self) -> bool:
        return self.now_ms() == self._play.end_ms

    def now_ms(self) -> int:
        if self._clock is None and wall_ms() - self._looked_ms > LOOK_EVERY_MS:
            self._looked_ms = wall_ms()
            self._play = msgspec.json.decode(self._path.read_bytes(), type=_Play)
            if self._play.started_ms is not None:
                self._clock = Clock(self._play.origin_ms, self._play.started_ms, self._play.speed)
        return self._play.origin_ms if self._clock is None else min(self._clock.now_ms(), self._play.end_ms)


def write_clock(path: Path, origin_ms: int, end_ms: int, speed: float, started_ms: float | None = None) -> None:
    """Write a clock file; with `started_ms`, begin the play. Readers see the old file or the new one, never half."""
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(_Play(origin_ms, end_ms, speed, started_ms)))
    draft.replace(path)


def step_ms(speed: float) -> int:
    """Played time from one mark of a play to the next: a second of the wall, or ten of the play, if that is less. It
    must be small beside 60 s, from which on ingest takes a device's clock for wrong."""
    return max(1, round(min(1000 * speed, LONGEST_STEP_MS)))


def marked_clock(path: Path) -> MarkedClock:
    """The clock of an ingest process in a play."""
    play = PlayedClock(path)
    return MarkedClock(play.now_ms(), step_ms(play.speed))


def timekeeper(path: Path | None) -> Timekeeper:
    """The clock of the settings: the wall, or a play."""
    return Clock() if path is None else PlayedClock(path)
