"""Every indicator at every device, minute by minute: calm, moved by the storm, then by the scenario's courses."""

from collections.abc import Callable, Sequence

import numpy as np

from city.city import City
from city.registry import Device
from simulators.storms.rain import Floats
from simulators.storms.storm import STEP_MS, Storm
from simulators.words import Span
from simulators.world.calm import CALM, Calm
from simulators.world.courses import Course

DAY_MIN, TIDE_MIN, WARMEST_MIN = 1440.0, 745.2, 900.0
"""Minutes of a day, from one high tide to the next, and from midnight to the warmest time of the day."""

Moved = Callable[[Storm, int], Floats]
"""By how much a storm moves an indicator at one of its sites, by row: (steps of the storm,)."""


def _filled(storm: Storm, row: int) -> Floats:
    """How full the pipes below a place are, 0 to 1."""
    return np.asarray(np.minimum(storm.load[row], 1.0))


def _pumped(storm: Storm, row: int) -> Floats:
    return np.asarray(storm.depth_cm[row] >= 2.0, float)


WEATHER: dict[str, Moved] = {
    "water_depth": lambda storm, row: storm.depth_cm[row],
    "rain_total": lambda storm, row: storm.fallen_mm(row),
    "manhole_headroom": lambda storm, row: -CALM["manhole_headroom"].value * _filled(storm, row) - storm.depth_cm[row],
    "pump_expected": _pumped,
    "pump_running": _pumped,
    "sump_level": lambda storm, row: np.asarray(20.0 * _filled(storm, row)),
    "stage": lambda storm, row: storm.swell_m[row],
    "reservoir_stage": lambda storm, row: 0.2 * storm.swell_m[row],
    "soil_moisture": lambda storm, row: np.asarray(np.minimum(6.0, 0.03 * storm.fallen_mm(row))),
}


class World:
    """What is truly there. span: of the play; midnight_ms: a local midnight before it, by the scenario's hours."""

    def __init__(
        self, city: City, span: Span, midnight_ms: int, storm: Storm | None, courses: Sequence[Course] = ()
    ) -> None:
        self.span, self._city, self._storm = span, city, storm
        self._minutes = (span.start_ms - midnight_ms) / STEP_MS + 1 + np.arange(-(-span.length_ms // STEP_MS))
        self._courses: dict[tuple[str, str], list[Course]] = {}
        for course in courses:
            for device in course.devices:
                self._courses.setdefault((device, course.plan.indicator), []).append(course)

    def series(self, device: Device, indicator: str) -> Floats:
        """The true values of an indicator where a device stands, (steps,), at the end of each minute of the play.

        KeyError: nobody knows how the indicator behaves, or the site lacks the mark that it is told from.
        """
        marks = self._city.sites[device.site].reference_levels
        values = self._calm(CALM[indicator], marks) + self._weather(device, indicator)
        for course in self._courses.get((device.id, indicator), ()):
            values = course.on(values, marks)
        return values

    def moves(self, device: Device, indicator: str) -> bool:
        """Whether anything but the hour of the day moves an indicator there."""
        return (device.id, indicator) in self._courses or self._row(device, indicator) is not None

    def _calm(self, calm: Calm, marks: dict[str, float]) -> Floats:
        base = calm.value + (marks[calm.mark] if calm.mark else 0.0)
        day = calm.day * np.cos(2 * np.pi * (self._minutes - WARMEST_MIN) / DAY_MIN)
        tide = calm.tidal * np.sin(2 * np.pi * self._minutes / TIDE_MIN)
        return np.asarray(base + day + tide)

    def _weather(self, device: Device, indicator: str) -> Floats | float:
        row = self._row(device, indicator)
        if row is None or self._storm is None:
            return 0.0
        moved = WEATHER[indicator](self._storm, row)
        steps = len(self._minutes)
        return np.concatenate([moved[:steps], np.full(max(0, steps - len(moved)), moved[-1])])

    def _row(self, device: Device, indicator: str) -> int | None:
        """Row of the device's site in the storm, if the storm moves the indicator there."""
        if self._storm is None or indicator not in WEATHER:
            return None
        return self._storm.sites.get(device.site)


def value_at(series: Sequence[float], span: Span, ms: float, whole: bool = False) -> float:
    """A series of World at a time, between minutes on a straight line; as at the minute's end before, if `whole`."""
    place = (ms - span.start_ms) / STEP_MS - 1
    if place <= 0:
        return series[0]
    before = min(int(place), len(series) - 1)
    if whole or before == len(series) - 1:
        return series[before]
    return series[before] + (series[before + 1] - series[before]) * (place - before)
