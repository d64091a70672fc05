"""The notation for readings over time in tests of rules: `2 cm at 0m, then 30 cm every 1m x 10`.

    VALUE at TIME                  one reading
    VALUE every STEP x N           N readings, STEP apart
    VALUE to VALUE every STEP x N  N readings on a straight line

Parts are joined by `then`. A part with `every` begins a STEP after the reading before it, the first one at 0; a time
counts from the test's beginning. Values have units, or are true, false, counts.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from rules.language.quantities import parse_duration_ms, parse_quantity

MOST = 100_000
"""Readings of one series."""
_AT = re.compile(r"(?P<value>.+?)\s+at\s+(?P<time>\S+)")
_EVERY = re.compile(r"(?P<value>.+?)(?:\s+to\s+(?P<last>.+?))?\s+every\s+(?P<step>\S+)\s+x\s*(?P<count>\d+)")
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Sample:
    at_ms: int
    value: float


def parse_series(text: str, unit: str) -> list[Sample]:
    """The readings of a series in an indicator's unit, in order of time. ValueError says what is wrong with it."""
    samples: list[Sample] = []
    for part in re.split(r"\s*,?\s*\bthen\b\s*|\s*,\s*", text.strip()):
        samples += _part(part, unit, samples[-1].at_ms if samples else None)
        if len(samples) > MOST:
            raise ValueError(f"more than {MOST} readings")
        if any(earlier.at_ms >= later.at_ms for earlier, later in pairwise(samples)):
            raise ValueError(f"{part!r} does not come after what stands before it")
    return samples


def _part(part: str, unit: str, before_ms: int | None) -> list[Sample]:
    if match := _EVERY.fullmatch(part):
        step_ms, count = parse_duration_ms(match["step"]), int(match["count"])
        if not step_ms or not count:
            raise ValueError(f"{part!r} has no step or no readings")
        first, start_ms = _value(match["value"], unit), 0 if before_ms is None else before_ms + step_ms
        last = _value(match["last"], unit) if match["last"] else first
        rise = (last - first) / max(1, count - 1)
        return [Sample(start_ms + i * step_ms, first + i * rise) for i in range(min(count, MOST + 1))]
    if match := _AT.fullmatch(part):
        return [Sample(parse_duration_ms(match["time"]), _value(match["value"], unit))]
    raise ValueError(f"{part!r} is neither VALUE at TIME nor VALUE every STEP x N")


def _value(text: str, unit: str) -> float:
    return _TRUTH[text] if text in _TRUTH else parse_quantity(text, unit)
