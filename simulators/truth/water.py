"""Which flooding is really there: true depths against the thresholds and holds of the scenario, not those of any rule.

Every depth is looked at three times: as it is, and by the tolerance deeper and shallower. What even the shallower view
sees must be told; what only the deeper view sees may be.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from city.city import City
from city.levels import LEVELS, Level
from city.transitions import Nature
from simulators.faults.plan import Plan
from simulators.fleets.types import RAIN_GAUGES
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS, Storm
from simulators.truth.expected import Demand, Expected
from simulators.truth.plan import Water
from simulators.words import Span, ms_of

Mask = npt.NDArray[np.bool_]
EARLY_MS = 5 * 60_000


@dataclass(frozen=True)
class _Site:
    """One site: what any of its gauges may be thought to show (cm), what sound gauges certainly show, and when one of
    them is sound. All (steps,)."""

    id: str
    depth_cm: Floats
    most_cm: Floats
    seen: Mask


def water_truth(city: City, storm: Storm, plan: Plan, waters: dict[str, Water]) -> Iterator[Expected]:
    """One expected incident for each area that floods, or may be thought to."""
    by_area: dict[str, list[_Site]] = {}
    for site in _sites(city, storm, plan):
        area = city.areas[city.sites[site.id].area]
        if area.risk_class in waters:
            by_area.setdefault(area.id, []).append(site)
    for area_id, sites in by_area.items():
        expected = _of_area(city, area_id, sites, storm.start_ms, waters[city.areas[area_id].risk_class])
        if expected is not None:
            yield expected


def peaks(city: City, storm: Storm, waters: dict[str, Water]) -> dict[str, tuple[str, Level]]:
    """Class and true peak level of every site of the classes that flood."""
    found = {}
    for site, row in storm.sites.items():
        risk_class = city.areas[city.sites[site].area].risk_class
        if risk_class in waters:
            level, _ = reached(storm.depth_cm[row], waters[risk_class], 0.0, 0)
            found[site] = (risk_class, level)
    return found


def reached(depth_cm: Floats, water: Water, shift_cm: float, grace_ms: int) -> tuple[Level, dict[Level, int]]:
    """Highest level that a series of depths (steps,), one a minute, reaches and holds; and for each such level the step
    at which its condition first came to hold. shift_cm is added to the thresholds, grace_ms taken off the holds."""
    began: dict[Level, int] = {}
    for level in LEVELS:
        threshold = water.levels.get(level.slug)  # type: ignore[call-overload]
        if threshold is None:
            continue
        hold_ms = max(0, ms_of(water.hold.get(level.slug, "0s")) - grace_ms)  # type: ignore[call-overload]
        start = _first_run(depth_cm >= threshold + shift_cm, 1 + -(-hold_ms // STEP_MS))
        if start is not None:
            began[level] = start
    return max(began, default=Level.NONE), began


def _first_run(holds: Mask, length: int) -> int | None:
    """Where the first run of at least `length` true values begins."""
    edges = np.diff(np.concatenate([[0], holds.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = starts[ends - starts >= length]
    return int(long[0]) if len(long) else None


def _of_area(city: City, area_id: str, sites: list[_Site], start_ms: int, water: Water) -> Expected | None:
    tolerance = water.tolerance_cm
    most = [reached(site.most_cm, water, -tolerance, STEP_MS) for site in sites]
    sure = [reached(np.where(site.seen, site.depth_cm, 0.0), water, tolerance, 0) for site in sites]
    highest, lowest = max(level for level, _ in most), max(level for level, _ in sure)
    if highest is Level.NONE:
        return None
    true = [reached(site.depth_cm, water, 0.0, 0) for site in sites]
    first_maybe = min(step for _, began in most for step in began.values())
    first_sure = min((step + _held(water, level) for _, began in sure for level, step in began.items()), default=None)
    onset = min((step for _, began in true for step in began.values()), default=first_maybe)
    area, end_ms = city.areas[area_id], start_ms + len(sites[0].depth_cm) * STEP_MS
    deepest = max(float(site.depth_cm.max()) for site in sites)
    return Expected(
        demand=Demand.MAY if first_sure is None else Demand.MUST,
        nature=Nature.HAZARD,
        risk_class=area.risk_class,
        admin=area.admin,
        area=area_id,
        subjects=(area_id,),
        causes=(water.cause,),
        lowest=max(lowest, Level.BLUE),
        highest=highest,
        onset_ms=_time(start_ms, onset),
        earliest_ms=_time(start_ms, first_maybe) - EARLY_MS,
        latest_ms=end_ms if first_sure is None else _time(start_ms, first_sure) + ms_of(water.within),
        why=f"{area.name}真实水深最高 {deepest:.1f} cm",
    )


def _held(water: Water, level: Level) -> int:
    """Steps for which a level's condition must have held."""
    return -(-ms_of(water.hold.get(level.slug, "0s")) // STEP_MS)  # type: ignore[call-overload]


def _time(start_ms: int, step: int) -> int:
    """When a step's depth is there: its end."""
    return start_ms + (step + 1) * STEP_MS


def _sites(city: City, storm: Storm, plan: Plan) -> Iterator[_Site]:
    gauges: dict[str, list[str]] = {}
    feeds = {t.slug: t.feed for t in city.catalogue.device_types}
    for device in city.devices.values():
        measures_depth = feeds[device.type] == "waterlogging" and device.type not in RAIN_GAUGES
        if device.in_service and measures_depth and device.site in storm.sites:
            gauges.setdefault(device.site, []).append(device.id)
    times = storm.start_ms + (1 + np.arange(storm.steps)) * STEP_MS
    for site, row in storm.sites.items():
        seen, added = np.zeros(storm.steps, bool), np.zeros(storm.steps)
        for gauge in gauges.get(site, []):
            unsound, adds = _unsound(plan, gauge, times)
            seen |= ~unsound
            added = np.maximum(added, adds)
        depth = storm.depth_cm[row]
        yield _Site(site, depth, depth + added, seen)


def _unsound(plan: Plan, device_id: str, times: npt.NDArray[np.int64]) -> tuple[Mask, Floats]:
    """When a gauge does not tell the truth in time, and by how much it may exaggerate, cm: (steps,) each."""
    unsound, adds = np.zeros(len(times), bool), np.zeros(len(times))
    for injection in plan.of_device.get(device_id, ()):
        fault = injection.fault
        if fault.distorts or fault.mutes:
            unsound |= _within(times, injection.span)
            more = fault.adds_cm(injection.span)
            adds = np.where(_within(times, injection.span), np.maximum(adds, more), adds)
    for _, span in plan.dark(device_id):
        unsound |= _within(times, span)
    return unsound, adds


def _within(times: npt.NDArray[np.int64], span: Span) -> Mask:
    return np.asarray((times >= span.start_ms) & (times < span.end_ms))
