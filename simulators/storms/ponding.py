"""The water a storm leaves at a low point: a water balance of its catchment, minute by minute.

    inflow    rain x runoff, delayed by two linear reservoirs of lag/2 each       mm/h over the catchment
    drained   up to the drain's capacity                                          mm/h over the catchment
    stored    what comes in and is not drained                                    mm over the catchment
    depth     stored x ratio / 10; ratio = catchment's area / area that floods    cm at the low point

Each site draws its own capacity, ratio (how badly it floods, 受涝程度) and lag from ranges of the scenario. The lag of
15 to 40 min is the catalogue's for scenario S01; capacities around the storms of one to three years that Shenzhen's
old drains are built for; ratios are operator defaults, chosen so that S01's bands are met.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from simulators.seeds import rng_of
from simulators.storms.rain import STEPS_AN_HOUR, Floats, Positive
from simulators.words import DurationRange, ms_of


class PondingPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranges from which each site of a risk class draws. Ratios are drawn evenly on a logarithmic scale."""

    capacity_mm_h: tuple[Positive, Positive]
    ratio: tuple[Positive, Positive]
    lag: DurationRange = ("15m", "40m")
    runoff: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.85


@dataclass(frozen=True)
class Catchments:
    """n sites, each field (n,). capacity in mm/h, lag in minutes, ratio and runoff without unit."""

    capacity: Floats
    ratio: Floats
    lag: Floats
    runoff: Floats


def catchments(sites: list[tuple[str, PondingPlan]], seed: int) -> Catchments:
    """What sites, given by id with the plan of their class, are like. A site's draw depends on its id alone."""
    rows = [_draw(site, plan, seed) for site, plan in sites]
    columns = np.array(rows, np.float64).reshape(len(rows), 4).T
    return Catchments(*columns)


def _draw(site: str, plan: PondingPlan, seed: int) -> tuple[float, float, float, float]:
    rng = rng_of(seed, "site", site)
    least, most = (ms_of(d) / 60_000 for d in plan.lag)
    ratio = np.exp(rng.uniform(*np.log(plan.ratio)))
    return rng.uniform(*plan.capacity_mm_h), float(ratio), rng.uniform(least, most), plan.runoff


def depths(rain: Floats, ground: Catchments) -> tuple[Floats, Floats]:
    """Of rain in mm a minute, (n, steps): depth in cm at the end of each minute, and inflow as part of what the drain
    takes away; (n, steps) both."""
    upper, lower, stored = (np.zeros(len(ground.lag)) for _ in range(3))
    outflow = 1 - np.exp(-2 / ground.lag)  # share that leaves a reservoir in a minute
    drained = ground.capacity / STEPS_AN_HOUR
    depth, load = np.empty_like(rain), np.empty_like(rain)
    for step in range(rain.shape[1]):
        upper += rain[:, step] * ground.runoff
        passed = upper * outflow
        upper -= passed
        lower += passed
        inflow = lower * outflow
        lower -= inflow
        stored = np.maximum(0.0, stored + inflow - drained)
        depth[:, step] = stored * ground.ratio / 10
        load[:, step] = inflow / drained
    return depth, load
