"""A storm over a city: rain wherever gauges and stations stand, the water it leaves there, and how rivers rise."""

from dataclasses import dataclass

import msgspec
import numpy as np

from city.city import City
from city.registry import Site
from simulators.storms.ponding import PondingPlan, catchments, depths
from simulators.storms.rain import Floats, RainField, RainPlan, rain_over
from simulators.storms.rivers import RiverPlan, swell

STEP_MS = 60_000
FEEDS = ("waterlogging", "telemetry")
"""Whose devices feel the weather."""


class StormPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """rain: what falls. ponding: how sites flood, by risk class; sites of other classes stay dry. rivers: how they
    rise; without it they do not."""

    rain: RainPlan
    ponding: dict[str, PondingPlan]
    rivers: RiverPlan | None = None

    def scaled(self, factor: float) -> "StormPlan":
        """The same storm with so many times the rain."""
        rain = msgspec.structs.replace(self.rain, hourly_mm=[factor * mm for mm in self.rain.hourly_mm])
        return msgspec.structs.replace(self, rain=rain)


@dataclass(frozen=True)
class Storm:
    """What really happens, before any device has measured it. Rows are sites, columns minutes from `start_ms`.

    All (n, steps). rain_mm: in each minute. depth_cm: at the end of each minute, 0 where nothing floods. load: water in
    the drains, as part of what they carry away, 0 where nothing floods. swell_m: by how much a river has risen there.
    """

    start_ms: int
    sites: dict[str, int]
    rain_mm: Floats
    depth_cm: Floats
    load: Floats
    swell_m: Floats

    @property
    def steps(self) -> int:
        return int(self.rain_mm.shape[1])

    def fallen_mm(self, row: int) -> Floats:
        """Rain since the start by the end of each minute, mm: (steps,)."""
        return np.cumsum(self.rain_mm[row])

    def heaviest_mm(self, minutes: int) -> Floats:
        """Most rain in any so many minutes at each site, mm: (n,)."""
        steps = min(minutes, self.steps)
        total = np.concatenate([np.zeros((len(self.rain_mm), 1)), np.cumsum(self.rain_mm, axis=1)], axis=1)
        return np.asarray((total[:, steps:] - total[:, :-steps]).max(axis=1))


def storm_over(city: City, plan: StormPlan, seed: int, start_ms: int) -> Storm:
    """The storm of a plan at the sites where gauges and stations of a city stand."""
    field = rain_over(city, plan.rain, seed)
    feeds = {t.slug: t.feed for t in city.catalogue.device_types}
    wanted = {d.site for d in city.devices.values() if d.in_service and feeds[d.type] in FEEDS}
    sites = [site for site in city.sites.values() if site.id in wanted]
    streets = [city.areas[site.area].admin for site in sites]
    lat, lon = (np.array([getattr(site, axis) for site in sites], float) for axis in ("lat", "lon"))
    rain = field.at(field.places(lat, lon, streets))
    depth, load = _ponding(city, plan, sites, rain, seed)
    rows = {site.id: row for row, site in enumerate(sites)}
    return Storm(start_ms, rows, rain, depth, load, _swell(plan, sites, streets, field, seed))


def _ponding(city: City, plan: StormPlan, sites: list[Site], rain: Floats, seed: int) -> tuple[Floats, Floats]:
    """Depth and load at all sites, nothing where the plan lets nothing flood."""
    low = [row for row, site in enumerate(sites) if _class_of(city, site) in plan.ponding]
    ground = catchments([(sites[row].id, plan.ponding[_class_of(city, sites[row])]) for row in low], seed)
    depth, load = np.zeros_like(rain), np.zeros_like(rain)
    depth[low], load[low] = depths(rain[low], ground)
    return depth, load


def _swell(plan: StormPlan, sites: list[Site], streets: list[str], field: RainField, seed: int) -> Floats:
    if plan.rivers is None:
        return np.zeros((len(sites), field.steps))
    rows = [field.streets.index(street) for street in streets]
    over_catchment = np.repeat(field.mm_a_step, field.steps // field.mm_a_step.shape[1], axis=1)[rows]
    return swell(over_catchment, [site.id for site in sites], plan.rivers, seed)


def _class_of(city: City, site: Site) -> str:
    return city.areas[site.area].risk_class
