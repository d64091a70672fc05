"""What any other indicator really comes to: true series of stations and rain gauges, against the scenario's scales."""

from collections.abc import Iterator, Sequence

import numpy as np

from city.levels import Level
from city.registry import Device
from simulators.faults.plan import Plan
from simulators.fleets.surroundings import Surroundings
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS
from simulators.truth.expected import Expected
from simulators.truth.judging import About, Mask, Track, judged
from simulators.truth.plan import Values
from simulators.truth.water import dark_times
from simulators.words import ms_of, share_of

NEVER = -1e12
"""Less than any threshold."""


def value_truth(around: Surroundings, plan: Plan, truths: Sequence[Values]) -> Iterator[Expected]:
    """One expected incident for each place in which an indicator comes to a level, or may be thought to."""
    for truth in truths:
        by_place: dict[str, list[Device]] = {}
        for device in _measuring(around, truth):
            for place in _places(around, device, truth):
                by_place.setdefault(place, []).append(device)
        for place, devices in by_place.items():
            tracks = [_track(around, plan, device, truth) for device in devices]
            expected = judged(tracks, truth.scale(_upwards(truth)), _about(around, place, truth), around.span)
            if expected is not None:
                yield expected


def _measuring(around: Surroundings, truth: Values) -> Iterator[Device]:
    types = {t.slug for t in around.city.catalogue.device_types if truth.indicator in (t.measures or ())}
    for device in around.city.devices.values():
        of_class = around.city.area_of(device).risk_class in truth.classes
        if device.in_service and of_class and device.type in (set(truth.types) or types) & types:
            yield device


def _places(around: Surroundings, device: Device, truth: Values) -> list[str]:
    """Where it is told what a device measures."""
    city, area = around.city, around.city.area_of(device)
    if truth.shown_in:
        stand = {city.area_of(d) for d in city.devices.values() if d.in_service}
        return sorted(a.id for a in stand if a.zone == area.zone and a.risk_class in truth.shown_in)
    return [{"area": area.id, "zone": area.zone, "street": area.admin}[truth.per]]


def _about(around: Surroundings, place: str, truth: Values) -> About:
    if truth.per != "area":  # one cause there is one incident, whichever classes it shows in
        return About(place, None, None, None, f"{place} {truth.indicator}")
    area = around.city.areas[place]
    return About(place, area.risk_class, area.admin, place, f"{area.name} {truth.indicator}")


def _track(around: Surroundings, plan: Plan, device: Device, truth: Values) -> Track:
    series = around.world.series(device, truth.indicator)
    mark = around.city.sites[device.site].reference_levels.get(truth.over, 0.0) if truth.over else 0.0
    times = around.span.start_ms + (1 + np.arange(len(series))) * STEP_MS
    dark = dark_times(plan, device.id, times)
    true, worst, best = (
        _view(series - mark, truth, shift, unseen)
        for shift, unseen in ((0.0, None), (truth.tolerance, None), (-truth.tolerance, dark))
    )
    error = share_of(truth.error)
    return Track(true, _off(worst, error), np.where(dark, NEVER, _off(best, -error)))


def _off(view: Floats, error: float) -> Floats:
    """Values that are off by a share of themselves."""
    return np.asarray(view + error * np.abs(view))


def _view(series: Floats, truth: Values, shift: float, unseen: Mask | None) -> Floats:
    """What is judged of a series, higher being worse, if it is measured by `shift` too bad. unseen: when it is not."""
    signed = (-series if truth.low else series) + shift
    if truth.lasting is not None:
        holds = signed >= (-truth.lasting if truth.low else truth.lasting)
        return _minutes(holds if unseen is None else holds & ~unseen)
    if truth.change is None:
        return np.asarray(signed)
    steps = ms_of(truth.change) // STEP_MS
    exact = -series if truth.low else series
    before = np.concatenate([np.full(steps, exact[0]), exact])[: len(series)]
    risen = exact - before + shift
    return np.where(signed >= truth.least, risen, NEVER) if truth.least is not None else np.asarray(risen)


def _minutes(holds: Mask) -> Floats:
    """For how many minutes something has held without a break, at each step."""
    steps = np.arange(len(holds))
    last_not = np.maximum.accumulate(np.where(holds, -1, steps))
    return np.asarray(np.where(holds, steps - last_not, 0), float)


def _upwards(truth: Values) -> dict[Level, float]:
    """The thresholds with higher being worse, as `_view` has it."""
    if not truth.low or truth.lasting is not None or truth.change is not None:
        return truth.thresholds
    return {level: -value for level, value in truth.thresholds.items()}
