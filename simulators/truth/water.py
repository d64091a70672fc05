"""Which flooding is really there: true depths at the sites of gauges, as deep or as shallow as those may tell them."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from city.city import City
from city.levels import Level
from simulators.faults.plan import Plan
from simulators.fleets.surroundings import Surroundings
from simulators.fleets.types import RAIN_GAUGES
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS, Storm
from simulators.truth.expected import Expected
from simulators.truth.judging import About, Mask, Track, judged, reached
from simulators.truth.plan import Rise, Water
from simulators.words import Span, ms_of

DEPTH = "water_depth"


def water_truth(around: Surroundings, plan: Plan, waters: Mapping[str, Water]) -> Iterator[Expected]:
    """One expected incident for each area that floods, or may be thought to."""
    city = around.city
    by_area: dict[str, list[tuple[Track, float]]] = {}
    for site, gauges in _gauges(city, waters).items():
        area = city.areas[city.sites[site].area]
        by_area.setdefault(area.id, []).append(_track(around, plan, gauges, waters[area.risk_class]))
    for area_id, tracks in by_area.items():
        area = city.areas[area_id]
        deepest = max(depth for _, depth in tracks)
        about = About(area_id, area.risk_class, area.admin, area_id, f"{area.name}真实水深最高 {deepest:.1f} cm")
        water = waters[area.risk_class]
        scale = water.scale({level: float(level) for level in water.thresholds})
        expected = judged([track for track, _ in tracks], scale, about, around.span)
        if expected is not None:
            yield expected


def peaks(city: City, storm: Storm, waters: Mapping[str, Water]) -> dict[str, tuple[str, Level]]:
    """Class and peak level by true depth of every site of the classes that flood."""
    found = {}
    for site, row in storm.sites.items():
        risk_class = city.areas[city.sites[site].area].risk_class
        if risk_class in waters:
            level, _ = reached(storm.depth_cm[row], waters[risk_class].scale(waters[risk_class].thresholds), 0)
            found[site] = (risk_class, level)
    return found


def _gauges(city: City, waters: Mapping[str, Water]) -> dict[str, list[str]]:
    """Ids of the gauges in service by their site, of the classes that are looked at."""
    feeds = {t.slug: t.feed for t in city.catalogue.device_types}
    found: dict[str, list[str]] = {}
    for device in city.devices.values():
        measures_depth = feeds[device.type] == "waterlogging" and device.type not in RAIN_GAUGES
        if device.in_service and measures_depth and city.area_of(device).risk_class in waters:
            found.setdefault(device.site, []).append(device.id)
    return found


def _track(around: Surroundings, plan: Plan, gauges: list[str], water: Water) -> tuple[Track, float]:
    """Levels that a site is at, as numbers, and its deepest water in cm. A gauge that lies or is dark proves
    nothing."""
    depth = np.max([around.world.series(around.city.devices[gauge], DEPTH) for gauge in gauges], axis=0)
    times = around.span.start_ms + (1 + np.arange(len(depth))) * STEP_MS
    seen, added = np.zeros(len(depth), bool), np.zeros(len(depth))
    for gauge in gauges:
        unsound, adds = _unsound(plan, gauge, times)
        seen |= ~unsound
        added = np.maximum(added, adds)
    worst = level_of(depth + added, water, -water.tolerance_cm)
    site = around.city.sites[around.city.devices[gauges[0]].site]
    if water.linked in site.reference_levels:
        worst = np.where(worst > 0, np.minimum(worst + 1, 4.0), 0.0)
    track = Track(
        level_of(depth, water, 0.0),
        worst,
        np.where(seen, level_of(depth, water, water.tolerance_cm), 0.0),
    )
    return track, float(depth.max())


def level_of(depth: Floats, water: Water, shift_cm: float) -> Floats:
    """The level of each depth, 0 to 4; one higher while it rises fast. shift_cm is added to what it takes."""
    level = np.zeros(len(depth))
    for of, cm in sorted(water.thresholds.items()):
        level = np.where(depth >= cm + shift_cm, float(of), level)
    if water.rise is None:
        return level
    return np.where(_rises(depth, water.rise, shift_cm) & (level > 0), np.minimum(level + 1, 4.0), level)


def _rises(depth: Floats, rise: Rise, shift_cm: float) -> Mask:
    """When the water has risen by so much, and stands so high."""
    steps = ms_of(rise.within) // STEP_MS
    before = np.concatenate([np.full(steps, depth[0]), depth])[: len(depth)]
    return np.asarray((depth - before >= rise.cm + shift_cm) & (depth >= rise.from_cm + shift_cm))


def _unsound(plan: Plan, device_id: str, times: npt.NDArray[np.int64]) -> tuple[Mask, Floats]:
    """When a gauge does not tell the truth in time, and by how much it may exaggerate, cm: (steps,) each."""
    unsound, adds = np.zeros(len(times), bool), np.zeros(len(times))
    for injection in plan.of_device.get(device_id, ()):
        fault = injection.fault
        if fault.distorts or fault.mutes:
            unsound |= _within(times, injection.span)
            more = fault.adds_cm(injection.span)
            adds = np.where(_within(times, injection.span), np.maximum(adds, more), adds)
    return unsound | dark_times(plan, device_id, times), adds


def dark_times(plan: Plan, device_id: str, times: npt.NDArray[np.int64]) -> Mask:
    """When nothing of a device is published: (steps,)."""
    dark = np.zeros(len(times), bool)
    for _, span in plan.dark(device_id):
        dark |= _within(times, span)
    return dark


def _within(times: npt.NDArray[np.int64], span: Span) -> Mask:
    return np.asarray((times >= span.start_ms) & (times < span.end_ms))
