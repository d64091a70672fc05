"""What any other indicator really comes to: true series of stations and rain gauges, against the scenario's scales."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from city.levels import Level
from city.registry import Device
from simulators.faults.plan import Plan
from simulators.fleets.surroundings import Surroundings
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS
from simulators.truth.expected import Expected
from simulators.truth.judging import About, Track, judged
from simulators.truth.plan import Values
from simulators.truth.water import dark_times
from simulators.words import ms_of, share_of


def value_truth(around: Surroundings, plan: Plan, truths: Sequence[Values]) -> Iterator[Expected]:
    """One expected incident for each place in which an indicator comes to a level, or may be thought to."""
    for truth in truths:
        by_place: dict[str, list[Device]] = {}
        for device in _measuring(around, truth):
            by_place.setdefault(_place(around, device, truth), []).append(device)
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


def _place(around: Surroundings, device: Device, truth: Values) -> str:
    area = around.city.area_of(device)
    return {"area": area.id, "zone": area.zone, "street": area.admin}[truth.per]


def _about(around: Surroundings, place: str, truth: Values) -> About:
    if truth.per != "area":  # one cause there is one incident, whichever classes it shows in
        return About(place, None, None, None, f"{place} {truth.indicator}")
    area = around.city.areas[place]
    return About(place, area.risk_class, area.admin, place, f"{area.name} {truth.indicator}")


def _track(around: Surroundings, plan: Plan, device: Device, truth: Values) -> Track:
    series = around.world.series(device, truth.indicator)
    mark = around.city.sites[device.site].reference_levels.get(truth.over, 0.0) if truth.over else 0.0
    times = around.span.start_ms + (1 + np.arange(len(series))) * STEP_MS
    views = [_view(series - mark, truth, shift) for shift in (0.0, truth.tolerance, -truth.tolerance)]
    error = share_of(truth.error)
    best = np.where(dark_times(plan, device.id, times), -np.inf, views[2] - error * np.abs(views[2]))
    return Track(views[0], views[1] + error * np.abs(views[1]), best)


def _view(series: Floats, truth: Values, shift: float) -> Floats:
    """What is judged of a series, higher being worse, if it is measured by `shift` too bad."""
    signed = (-series if truth.low else series) + shift
    if truth.lasting is not None:
        return _minutes(signed >= (-truth.lasting if truth.low else truth.lasting))
    if truth.change is None:
        return np.asarray(signed)
    steps = ms_of(truth.change) // STEP_MS
    exact = -series if truth.low else series
    before = np.concatenate([np.full(steps, exact[0]), exact])[: len(series)]
    risen = exact - before + shift
    return np.where(signed >= truth.least, risen, -np.inf) if truth.least is not None else np.asarray(risen)


def _minutes(holds: npt.NDArray[np.bool_]) -> Floats:
    """For how many minutes something has held without a break, at each step."""
    steps = np.arange(len(holds))
    last_not = np.maximum.accumulate(np.where(holds, -1, steps))
    return np.asarray(np.where(holds, steps - last_not, 0), float)


def _upwards(truth: Values) -> dict[Level, float]:
    """The thresholds with higher being worse, as `_view` has it."""
    if not truth.low or truth.lasting is not None:
        return truth.thresholds
    return {level: -value for level, value in truth.thresholds.items()}
