"""A Sketch determines where the streets of a city lie on a drawing, from where their grids and areas are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from city.city import City
from city.geometry import Ground, Projection, projection, survey
from city.placing import apart
from city.registry import AdminUnit, Area

AREA_WEIGHT = 10.0  # an area's place is surer than a grid's: it is somebody's choice


@dataclass(frozen=True)
class Sketch:
    """`streets`: those in which something has a place; the owners of the `ground` are counted in their order."""

    streets: list[AdminUnit]
    projection: Projection
    ground: Ground


def sketch_of(city: City) -> Sketch | None:
    """The sketch of a city; None where nothing has a place."""
    places = list(_places(city, {unit.code: i for i, unit in enumerate(city.streets)}))
    if not places:
        return None
    lat, lon, weight, number = (np.array(column) for column in zip(*places, strict=True))
    with_places, street = np.unique(number, return_inverse=True)
    drawing = projection(lat, lon)
    return Sketch([city.streets[i] for i in with_places], drawing, survey(drawing(lat, lon), street, weight, drawing))


@dataclass(frozen=True)
class Mark:
    """Where an area is marked on a drawing: near its place, and clear of the others."""

    area: Area
    street: AdminUnit
    x: float
    y: float


def marks_of(city: City, sketch: Sketch) -> list[Mark]:
    """A mark for each area that lies in a street."""
    placed = [(area, street) for area in city.areas.values() if (street := city.street_of(area.admin)) is not None]
    number = {unit.code: i for i, unit in enumerate(sketch.streets)}
    home = sketch.projection(np.array([a.lat for a, _ in placed]), np.array([a.lon for a, _ in placed]))
    where = apart(home, np.array([number[street.code] for _, street in placed], np.int64), sketch.ground)
    return [Mark(area, street, float(x), float(y)) for (area, street), (x, y) in zip(placed, where, strict=True)]


def _places(city: City, number: Mapping[str, int]) -> Iterator[tuple[float, float, float, int]]:
    """Latitude, longitude, weight and number of the street of every grid and area that has a place."""
    for grid in city.grids.values():
        street = city.street_of(grid.parent)
        if street is not None and grid.lat is not None and grid.lon is not None:
            yield grid.lat, grid.lon, 1.0, number[street.code]
    for area in city.areas.values():
        street = city.street_of(area.admin)
        if street is not None:
            yield area.lat, area.lon, AREA_WEIGHT, number[street.code]
