"""A storm over a city: rain and true water depth at every site with gauges."""

from dataclasses import dataclass

import msgspec
import numpy as np

from city.city import City
from city.registry import Site
from simulators.storms.ponding import PondingPlan, catchments, depths
from simulators.storms.rain import Floats, RainPlan, rain_over

STEP_MS = 60_000


class StormPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """rain: what falls. ponding: how sites flood, by risk class; sites of other classes stay dry."""

    rain: RainPlan
    ponding: dict[str, PondingPlan]


@dataclass(frozen=True)
class Storm:
    """What really happens, before any device has measured it. Rows are sites, columns minutes from `start_ms`.

    rain_mm: (n, steps), in each minute. depth_cm: (n, steps), at the end of each minute.
    """

    start_ms: int
    sites: dict[str, int]
    rain_mm: Floats
    depth_cm: Floats

    @property
    def steps(self) -> int:
        return int(self.rain_mm.shape[1])

    def depth_at(self, row: int, ms: float) -> float:
        """True depth at a time, cm, between minutes on a straight line; 0 before the storm, its last after it."""
        place = (ms - self.start_ms) / STEP_MS - 1  # column 0 is the end of the first minute
        if place <= -1:
            return 0.0
        column = self.depth_cm[row]
        if place >= self.steps - 1:
            return float(column[-1])
        before = int(place // 1)
        left = float(column[before]) if before >= 0 else 0.0
        return left + (float(column[before + 1]) - left) * (place - before)

    def fallen_mm(self, row: int) -> Floats:
        """Rain since the start by the end of each minute, mm: (steps,)."""
        return np.cumsum(self.rain_mm[row])

    def heaviest_mm(self, hours: int) -> Floats:
        """Most rain in any so many hours at each site, mm: (n,)."""
        steps = min(hours * 60, self.steps)
        total = np.concatenate([np.zeros((len(self.rain_mm), 1)), np.cumsum(self.rain_mm, axis=1)], axis=1)
        return np.asarray((total[:, steps:] - total[:, :-steps]).max(axis=1))


def storm_over(city: City, plan: StormPlan, seed: int, start_ms: int) -> Storm:
    """The storm of a plan at the sites where devices of the city's flooding classes and rain gauges stand."""
    field = rain_over(city, plan.rain, seed)
    wanted = {device.site for device in city.devices.values() if device.in_service}
    sites = [site for site in city.sites.values() if site.id in wanted and _class_of(city, site) in plan.ponding]
    lat, lon = (np.array([getattr(site, axis) for site in sites], float) for axis in ("lat", "lon"))
    rain = field.at(field.places(lat, lon, [city.areas[site.area].admin for site in sites]))
    ground = catchments([(site.id, plan.ponding[_class_of(city, site)]) for site in sites], seed)
    rows = {site.id: row for row, site in enumerate(sites)}
    return Storm(start_ms, rows, rain, depths(rain, ground))


def _class_of(city: City, site: Site) -> str:
    return city.areas[site.area].risk_class
