"""Rain in space and time: the hourly totals that a scenario gives for a district, shared out over its streets, and
within each street and hour moved about by rain cells that drift over the city.

The mean over a street's monitored areas of what falls in an hour is exactly what the scenario says, whatever the
cells do; a single place gets more or less. One minute is one step.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from city.city import City
from simulators.seeds import rng_of
from simulators.words import DurationRange, Share, ms_of, share_of

Floats = npt.NDArray[np.float64]
KM_A_DEGREE = 111.32
STEPS_AN_HOUR = 60
DRIFT_KM_H = (10.0, 30.0)
"""Speed of cells; what is usual for rain bands of a dying typhoon. Operator default."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class CellsPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rain cells. `share`: how much of the rain is theirs; the rest is even. Radii are of one standard deviation."""

    count: Annotated[int, msgspec.Meta(ge=0)] = 24
    radius_km: tuple[Positive, Positive] = (2.0, 5.0)
    life: DurationRange = ("25m", "70m")
    share: Share = "60%"


class RainPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """hourly_mm: mean over the streets, hour by hour from the start. streets: by slug or code, how much of that mean a
    street gets, as a factor (1 where not given); factors are made to average 1."""

    hourly_mm: Annotated[list[NotNegative], msgspec.Meta(min_length=1)]
    streets: dict[str, NotNegative] = {}
    cells: CellsPlan = CellsPlan()


@dataclass(frozen=True)
class Places:
    """n places. x_km, y_km: (n,) east and north. street: (n,) int, row of their street."""

    x_km: Floats
    y_km: Floats
    street: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """k cells, each (k,): where one is born, how it moves, how wide it is, when it lives (in minutes)."""

    x_km: Floats
    y_km: Floats
    dx: Floats
    dy: Floats
    radius_km: Floats
    born: Floats
    life: Floats


@dataclass(frozen=True)
class RainField:
    """Rain anywhere in a city. mm_a_step: (streets, hours) mean rain of a minute over the street's areas. norm: of the
    same shape, mean of the cells' pattern there."""

    streets: list[str]
    mm_a_step: Floats
    norm: Floats
    cells: Cells
    share: float
    origin: tuple[float, float]

    @property
    def steps(self) -> int:
        return int(self.mm_a_step.shape[1]) * STEPS_AN_HOUR

    def places(self, lat: Floats, lon: Floats, street: list[str]) -> Places:
        """Places of (n,) latitudes and longitudes in these streets."""
        x, y = _project(lat, lon, self.origin)
        row = {code: i for i, code in enumerate(self.streets)}
        return Places(x, y, np.array([row[code] for code in street], np.int64))

    def at(self, places: Places) -> Floats:
        """Rain at n places, mm in each minute: (n, steps)."""
        hours = [self._hour(places, hour) for hour in range(self.mm_a_step.shape[1])]
        return np.concatenate(hours, axis=1)

    def _hour(self, places: Places, hour: int) -> Floats:
        scale = self.mm_a_step[places.street, hour] / self.norm[places.street, hour]
        return np.asarray(pattern(self.cells, self.share, places, hour) * scale[:, None])


def rain_over(city: City, plan: RainPlan, seed: int) -> RainField:
    """The rain of a plan over a city's streets. KeyError names a street of the plan that the city does not have."""
    areas = list(city.areas.values())
    streets = sorted({area.admin for area in areas})
    factors = street_factors(city, plan, streets)
    lat, lon = (np.array([getattr(area, axis) for area in areas]) for axis in ("lat", "lon"))
    origin = float(lat.mean()), float(lon.mean())
    x, y = _project(lat, lon, origin)
    reference = Places(x, y, np.array([streets.index(area.admin) for area in areas], np.int64))
    cells = _cells(plan, reference, rng_of(seed, "rain"))
    share = share_of(plan.cells.share) if plan.cells.count else 0.0
    norm = np.empty((len(streets), len(plan.hourly_mm)))
    for hour in range(len(plan.hourly_mm)):
        mean = pattern(cells, share, reference, hour).mean(axis=1)
        norm[:, hour] = np.bincount(reference.street, mean) / np.bincount(reference.street)
    mm_a_step = factors[:, None] * np.array(plan.hourly_mm)[None, :] / STEPS_AN_HOUR
    return RainField(streets, mm_a_step, norm, cells, share, origin)


def street_factors(city: City, plan: RainPlan, streets: list[str]) -> Floats:
    """How many times the mean each street gets: (streets,), averaging 1."""
    code_of = {name: unit.code for unit in city.admin.values() for name in (unit.code, unit.slug) if name}
    given = {code_of[name]: factor for name, factor in plan.streets.items()}
    factors = np.array([given.get(code, 1.0) for code in streets])
    return np.asarray(factors / factors.mean())


def pattern(cells: Cells, share: float, places: Places, hour: int) -> Floats:
    """Pattern of the rain in the minutes of an hour, without unit: (n, 60); around 1 where cells are about."""
    minute = hour * STEPS_AN_HOUR + np.arange(STEPS_AN_HOUR)[None, :] + 0.5
    total = np.zeros((len(places.street), STEPS_AN_HOUR))
    for k in range(len(cells.born)):
        age = minute - cells.born[k]
        alive = np.where((age > 0) & (age < cells.life[k]), np.sin(np.pi * age / cells.life[k]), 0.0)
        if not alive.any():
            continue
        east = places.x_km[:, None] - cells.x_km[k] - cells.dx[k] * age
        north = places.y_km[:, None] - cells.y_km[k] - cells.dy[k] * age
        total += alive * np.exp(-(east**2 + north**2) / (2 * cells.radius_km[k] ** 2))
    return (1 - share) + share * total


def _cells(plan: RainPlan, over: Places, rng: np.random.Generator) -> Cells:
    """Cells born over the city and upwind of it, at any time of the storm. They drift one way, more or less."""
    n, steps = plan.cells.count, len(plan.hourly_mm) * STEPS_AN_HOUR
    shortest, longest = (ms_of(d) / 60_000 for d in plan.cells.life)
    life = rng.uniform(shortest, longest, n)
    bearing = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.3, n)
    speed = rng.uniform(*DRIFT_KM_H, n) / 60
    dx, dy = speed * np.cos(bearing), speed * np.sin(bearing)
    return Cells(
        x_km=rng.uniform(over.x_km.min() - 3, over.x_km.max() + 3, n) - dx * life / 2,
        y_km=rng.uniform(over.y_km.min() - 3, over.y_km.max() + 3, n) - dy * life / 2,
        dx=dx,
        dy=dy,
        radius_km=rng.uniform(*plan.cells.radius_km, n),
        born=rng.uniform(-life / 2, steps - life / 2),
        life=life,
    )


def _project(lat: Floats, lon: Floats, origin: tuple[float, float]) -> tuple[Floats, Floats]:
    shrink = np.cos(np.radians(origin[0]))
    return (lon - origin[1]) * KM_A_DEGREE * shrink, (lat - origin[0]) * KM_A_DEGREE
