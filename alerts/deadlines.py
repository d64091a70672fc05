"""Deadlines determine by when a ticket must have come how far. Minutes by level, from the city's ticketing policy."""

from pathlib import Path

import msgspec

from alerts.tickets import Deadlines
from city.levels import Level
from city.transitions import Nature
from city.yamlfile import load_yaml

POLICY_FILE = "ticketing.yaml"
MINUTE_MS = 60_000


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Minutes from the report to each step's end; to verify: from the end of disposal."""

    accept_min: int
    dispatch_min: int
    arrive_min: int
    first_feedback_min: int
    dispose_min: int
    verify_min: int


class TicketPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a city wants its tickets handled. `key_device_types` are those whose faults are of the first class."""

    red: Limits
    orange: Limits
    yellow: Limits
    blue: Limits
    device_fault_class1: Limits
    device_fault_class2: Limits
    key_device_types: list[str]
    source: str

    def limits(self, nature: Nature, level: Level, device_type: str | None) -> Limits:
        """Limits of a ticket. A device's fault goes by the class of the device, anything else by level."""
        if nature is Nature.DEVICE:
            return self.device_fault_class1 if device_type in self.key_device_types else self.device_fault_class2
        by_level = (self.blue, self.blue, self.yellow, self.orange, self.red)
        return by_level[level]


def load_policy(city_folder: Path) -> TicketPolicy:
    """The ticketing policy of a city's folder. Raises ConfigErrors."""
    return load_yaml(city_folder / POLICY_FILE, TicketPolicy).value


def deadlines(limits: Limits, from_ms: int) -> Deadlines:
    """Deadlines of a report made at `from_ms`, in clock time."""

    def after(minutes: int) -> int:
        return from_ms + minutes * MINUTE_MS

    return Deadlines(
        accept_ms=after(limits.accept_min),
        dispatch_ms=after(limits.dispatch_min),
        arrive_ms=after(limits.arrive_min),
        feedback_ms=after(limits.first_feedback_min),
        dispose_ms=after(limits.dispose_min),
        verify_ms=after(limits.dispose_min + limits.verify_min),
    )


def sooner(one: Deadlines, other: Deadlines) -> Deadlines:
    """The earlier of each: a level that rises shortens deadlines and never lengthens one."""
    return Deadlines(*(min(a, b) for a, b in zip(_all(one), _all(other), strict=True)))


def _all(d: Deadlines) -> tuple[int, ...]:
    return (d.accept_ms, d.dispatch_ms, d.arrive_ms, d.feedback_ms, d.dispose_ms, d.verify_ms)
