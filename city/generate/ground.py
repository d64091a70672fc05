"""The ground a fleet is put on: areas by class and street, and the grids near them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from city.city import City
from city.errors import ConfigError
from city.generate.places import Floats, level, nearest
from city.generate.request import FleetRequest
from city.misfits import nearest as nearest_word
from city.registry import Area, Grid

REQUEST = Path("fleet request")
_GRIDS_NEAR = 32


@dataclass(frozen=True)
class Ground:
    """areas: those the request allows. grids: those below each administrative unit that an area lies in, by code."""

    city: City
    areas: list[Area]
    grids: dict[str, list[Grid]]

    def of_classes(self, classes: Sequence[str], what: str) -> list[Area]:
        """Areas of some classes, those of the first class first; of any when none is named. Raises ConfigError when
        there are none for `what`."""
        ranks = {slug: rank for rank, slug in enumerate(classes)}
        found = [area for area in self.areas if not classes or area.risk_class in ranks]
        found.sort(key=lambda area: ranks.get(area.risk_class, 0))
        if not found:
            lacking = f"no area of class {' or '.join(classes)}" if classes else "no area"
            message = f"{what} are wanted, and {lacking} lies there"
            raise ConfigError(REQUEST, 0, 0, message, "allow more streets or areas, add such an area, or ask for none")
        return found

    def spread(self, count: int, risk_class: str) -> dict[str, dict[str, int]]:
        """How many of `count` devices go to each area of a class: counts by area id, by code of their street.

        Raises ConfigError when there are devices and no area.
        """
        return self.spread_over(self.of_classes([risk_class], f"{count} devices"), count) if count else {}

    def spread_over(self, areas: list[Area], count: int) -> dict[str, dict[str, int]]:
        """The same, over these areas: streets get equal shares, and so do the areas of one street; every area gets
        one before any gets more than its share."""
        by_street: dict[str, list[str]] = {}
        for area in areas:
            by_street.setdefault(area.admin, []).append(area.id)
        floors = [len(ids) for ids in by_street.values()]
        shares = level(count, floors if sum(floors) <= count else [0] * len(floors))
        return {
            street: dict(zip(ids, level(share, [0] * len(ids)), strict=True))
            for (street, ids), share in zip(by_street.items(), shares, strict=True)
        }

    def grids_of(self, area: Area, lats: Floats, lons: Floats, whole_street: bool = False) -> list[str]:
        """Code of the grid nearest to each place, among those of the area's street that are near the area, or among
        all of the street."""
        grids = self.grids[area.admin]
        placed = [grid for grid in grids if grid.lat is not None and grid.lon is not None]
        if not placed:
            return [grids[i % len(grids)].code for i in range(len(lats))]
        grid_lats, grid_lons = (np.array([getattr(grid, axis) for grid in placed], float) for axis in ("lat", "lon"))
        near = _closest(area, grid_lats, grid_lons, len(placed) if whole_street else _GRIDS_NEAR)
        return [placed[near[i]].code for i in nearest(lats, lons, grid_lats[near], grid_lons[near])]


def _closest(area: Area, lats: Floats, lons: Floats, most: int) -> npt.NDArray[np.int64]:
    """Indices of the places closest to an area's centre, at most so many of them."""
    far = (lats - area.lat) ** 2 + ((lons - area.lon) * np.cos(np.radians(area.lat))) ** 2
    return np.argsort(far, kind="stable")[:most]


def ground_of(city: City, wanted: FleetRequest) -> Ground:
    """The ground a request allows: areas and grids whose validity has no end, so that the fleet can stay.

    Raises ConfigError when it names a street or area that is not there, or when an allowed area's street has no grids.
    """
    _check_names("area", wanted.areas, list(city.areas))
    names = {name for area in city.areas.values() for name in _names_above(city, area)}
    _check_names("street", wanted.streets, sorted(names))
    areas = [area for area in city.areas.values() if _allowed(city, area, wanted)]
    grids: dict[str, list[Grid]] = {area.admin: [] for area in areas}
    for grid in (grid for grid in city.grids.values() if grid.valid_to is None):
        for unit in city.ancestors(grid.code):
            if unit.code in grids:
                grids[unit.code].append(grid)
    for code, below in grids.items():
        if not below:
            raise ConfigError(REQUEST, 0, 0, f"{city.admin[code].name} ({code}) has no grids", "add grids below it")
    return Ground(city, areas, grids)


def _allowed(city: City, area: Area, wanted: FleetRequest) -> bool:
    if area.valid_to is not None:
        return False
    in_street = not wanted.streets or not _names_above(city, area).isdisjoint(wanted.streets)
    return in_street and (not wanted.areas or area.id in wanted.areas)


def _names_above(city: City, area: Area) -> set[str]:
    """Codes and slugs of the units that an area lies in."""
    return {name for unit in city.ancestors(area.admin) for name in (unit.code, unit.slug) if name}


def _check_names(what: str, given: list[str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(REQUEST, 0, 0, f"no {what} {name!r} has areas", nearest_word(name, known))
