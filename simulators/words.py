"""Durations and shares as scenario authors write them: `90s`, `1h30m`, `3%`."""

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec

Duration = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$", description="e.g. 90s, 5m, 1h30m, 2d")
]
SignedDuration = Annotated[
    str, msgspec.Meta(pattern=r"^[-+]?([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$", description="e.g. 8h, -120s")
]
Share = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)?%$", description="e.g. 3%")]
DurationRange = tuple[Duration, Duration]
"""Least and most."""

_PART = re.compile(r"([0-9.]+)(ms|s|m|h|d)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def ms_of(duration: str) -> int:
    """Milliseconds of a Duration or SignedDuration."""
    total = sum(float(number) * _MS[unit] for number, unit in _PART.findall(duration))
    return round(-total if duration.startswith("-") else total)


def share_of(share: str) -> float:
    """0.03 of `3%`."""
    return float(share.rstrip("%")) / 100


@dataclass(frozen=True, slots=True)
class Span:
    """A time from its start to before its end, ms UTC."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms

    def holds(self, ms: int) -> bool:
        return self.start_ms <= ms < self.end_ms
