"""What is really there against the thresholds and holds of a scenario, not those of any rule.

Every series is looked at three times: as it is, and by the tolerance worse and better. What even the better view
reaches must be told; what only the worse view reaches may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from city.levels import LEVELS, Level
from city.transitions import Nature
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS
from simulators.truth.expected import Demand, Expected
from simulators.words import Span

Mask = npt.NDArray[np.bool_]
EARLY_MS = 5 * 60_000


@dataclass(frozen=True)
class Scale:
    """From which value on, held for how long, something is at a level; how soon after that the incident of its cause
    must be open."""

    threshold: Mapping[Level, float]
    hold_ms: Mapping[Level, int]
    within_ms: int
    cause: str


@dataclass(frozen=True)
class Track:
    """One series as it is, as the worst and as the best that may be thought of it: (steps,) each, higher is worse."""

    true: Floats
    worst: Floats
    best: Floats


@dataclass(frozen=True)
class About:
    """Whose incident it is, and what people should be told."""

    subject: str
    risk_class: str | None
    admin: str | None
    area: str | None
    why: str


def judged(tracks: Sequence[Track], scale: Scale, about: About, span: Span) -> Expected | None:
    """The one incident that the worst of several series is; None if none of them may be thought to reach a level."""
    worst = [reached(track.worst, scale, STEP_MS) for track in tracks]
    sure = [reached(track.best, scale, 0) for track in tracks]
    highest, lowest = max(level for level, _ in worst), max(level for level, _ in sure)
    if highest is Level.NONE:
        return None
    true = [reached(track.true, scale, 0) for track in tracks]
    first_maybe = min(step for _, began in worst for step in began.values())
    first_sure = min((step + _held(scale, level) for _, began in sure for level, step in began.items()), default=None)
    onset = min((step for _, began in true for step in began.values()), default=first_maybe)
    return Expected(
        demand=Demand.MAY if first_sure is None else Demand.MUST,
        nature=Nature.HAZARD,
        risk_class=about.risk_class,
        admin=about.admin,
        area=about.area,
        subjects=(about.subject,),
        causes=(scale.cause,),
        lowest=max(lowest, Level.BLUE),
        highest=highest,
        onset_ms=_time(span, onset),
        earliest_ms=_time(span, first_maybe) - EARLY_MS,
        latest_ms=span.end_ms if first_sure is None else _time(span, first_sure) + scale.within_ms,
        why=about.why,
    )


def reached(series: Floats, scale: Scale, grace_ms: int) -> tuple[Level, dict[Level, int]]:
    """Highest level that a series (steps,), a value a minute, reaches and holds; and for each such level the step at
    which its condition first came to hold. grace_ms is taken off the holds."""
    began: dict[Level, int] = {}
    for level in LEVELS:
        threshold = scale.threshold.get(level)
        if threshold is None:
            continue
        hold_ms = max(0, scale.hold_ms.get(level, 0) - grace_ms)
        start = _first_run(series >= threshold, 1 + -(-hold_ms // STEP_MS))
        if start is not None:
            began[level] = start
    return max(began, default=Level.NONE), began


def _first_run(holds: Mask, length: int) -> int | None:
    """Where the first run of at least `length` true values begins."""
    edges = np.diff(np.concatenate([[0], holds.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = starts[ends - starts >= length]
    return int(long[0]) if len(long) else None


def _held(scale: Scale, level: Level) -> int:
    """Steps for which a level's condition must have held."""
    return -(-scale.hold_ms.get(level, 0) // STEP_MS)


def _time(span: Span, step: int) -> int:
    """When a step's value is there: its end."""
    return span.start_ms + (step + 1) * STEP_MS
