"""Time as the whole system sees it: the wall's, or a past storm played faster.

Only edges (ingest's ticks, the simulator's pace, pages) hold a clock; cores get times as data.
"""

import time
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

MARKS_TOPIC = "citysafety/clock"
"""MQTT topic on which a play's simulator says how far played time has come. Under the filter of the messages: rumqttd
keeps the order of what one filter matches, and no other."""


class Timekeeper(Protocol):
    """Tells played time, ms UTC; `speed` is how many times faster than the wall it runs, `over` whether it has come to
    its end and stands for good."""

    @property
    def speed(self) -> float: ...

    @property
    def over(self) -> bool: ...

    def now_ms(self) -> int: ...


@dataclass(frozen=True)
class Clock:
    """Maps wall time to played time: `origin_ms + (wall - started_ms) * speed`, and `origin_ms` before the start.

    All in ms UTC. The default is the wall itself.
    """

    origin_ms: int = 0
    started_ms: float = 0.0
    speed: float = 1.0

    @property
    def over(self) -> bool:
        return False

    def now_ms(self) -> int:
        return self.at(wall_ms())

    def at(self, wall_ms: float) -> int:
        """Played time at a wall time."""
        return int(self.origin_ms + max(0.0, wall_ms - self.started_ms) * self.speed)

    def wall_of(self, played_ms: float) -> float:
        """Wall time, ms, at which the played time comes."""
        return self.started_ms + (played_ms - self.origin_ms) / self.speed


@dataclass
class MarkedClock:
    """Played time as far as the marks in the stream of messages say, one every `step_ms`: however slowly a machine
    plays a storm, no message is late for it."""

    marked_ms: int
    step_ms: int

    def now_ms(self) -> int:
        return self.marked_ms


def wall_ms() -> float:
    return time.time() * 1000.0


def ms_of(when: datetime, zone: tzinfo) -> int:
    """A time as ms UTC; one without a zone is in `zone`."""
    return round((when if when.tzinfo else when.replace(tzinfo=zone)).timestamp() * 1000)
