"""How rivers answer a storm: what falls on a street's catchment arrives after a lag, stands and runs off.

    upper    rain, through a linear reservoir of the lag        mm over the catchment
    stored   what has arrived and not run off                   mm over the catchment
    rise     stored x m_per_mm                                  m above the stage without the storm

The catchment of a station is the street it lies in; all numbers are operator defaults.
"""

from typing import Annotated

import msgspec
import numpy as np

from simulators.seeds import rng_of
from simulators.storms.rain import Floats, Positive
from simulators.words import Duration, DurationRange, ms_of


class RiverPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranges from which each site draws. recession: in which time what stands has gone down to a third."""

    m_per_mm: tuple[Positive, Positive]
    lag: DurationRange = ("30m", "90m")
    recession: Duration = "5h"
    runoff: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.7


def swell(rain: Floats, sites: list[str], plan: RiverPlan, seed: int) -> Floats:
    """Rise in m at the end of each minute, (n, steps), of rain over the catchments, mm a minute, (n, steps)."""
    drawn = np.array([_draw(site, plan, seed) for site in sites]).reshape(len(sites), 2).T
    m_per_mm, lag = drawn
    arriving, leaving = 1 - np.exp(-1 / lag), 1 - np.exp(-60_000 / ms_of(plan.recession))
    upper, stored = np.zeros(len(sites)), np.zeros(len(sites))
    rise = np.empty_like(rain)
    for step in range(rain.shape[1]):
        upper += rain[:, step] * plan.runoff
        passed = upper * arriving
        upper -= passed
        stored += passed - stored * leaving
        rise[:, step] = stored * m_per_mm
    return rise


def _draw(site: str, plan: RiverPlan, seed: int) -> tuple[float, float]:
    rng = rng_of(seed, "river", site)
    least, most = (ms_of(d) / 60_000 for d in plan.lag)
    return rng.uniform(*plan.m_per_mm), rng.uniform(least, most)
