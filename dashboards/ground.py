"""The ground under the map: the streets' outlines and names as GeoJSON, in the board itself, since a wall may have no
map server; and where the areas are marked on it, clear of each other."""

import base64
import json
from dataclasses import dataclass
from math import cos, log2, radians
from typing import Any

import numpy as np

from city.city import City
from city.geometry import Floats, Projection, outlines
from city.placing import place_names
from city.registry import AdminUnit
from city.sketch import Sketch, marks_of, sketch_of

DIGITS = 5
"""Of a degree: a metre."""
METRES_PER_PIXEL = 156_543.03
"""At zoom 0 and the equator, of the web's usual tiles."""
METRES_PER_DEGREE = 111_320.0
Place = tuple[float, float]
"""Latitude and longitude, WGS-84."""


@dataclass(frozen=True)
class Ground:
    """`geojson`: a feature a street, and a point for its name. `marks`: where each area is marked, by its id."""

    geojson: dict[str, Any]
    marks: dict[str, Place]
    middle: Place = (0.0, 0.0)
    height_m: float = 1.0
    width_m: float = 1.0

    @property
    def address(self) -> str:
        """The document as an address that a browser can open."""
        text = json.dumps(self.geojson, ensure_ascii=False, separators=(",", ":"))
        return "data:application/geo+json;base64," + base64.b64encode(text.encode()).decode()

    def zoom(self, width_px: int, height_px: int) -> float:
        """At which all of it fits into so many pixels."""
        per_pixel = max(self.width_m / width_px, self.height_m / height_px)
        return round(log2(METRES_PER_PIXEL * cos(radians(self.middle[0])) / per_pixel), 2)


def ground_of(city: City) -> Ground:
    """The ground of a city; an empty one where nothing has a place."""
    sketch = sketch_of(city)
    if sketch is None:
        return Ground({"type": "FeatureCollection", "features": []}, {})
    rings = outlines(sketch.ground)
    marks = marks_of(city, sketch)
    names = place_names(
        [unit.short for unit in sketch.streets], sketch.ground, np.array([[mark.x, mark.y] for mark in marks])
    )
    features = [
        *(_outline(unit, of, sketch) for unit, of in zip(sketch.streets, rings, strict=True)),
        *(_name(unit, np.array(at), sketch) for unit, at in zip(sketch.streets, names, strict=True)),
    ]
    places = {mark.area.id: _place(np.array([mark.x, mark.y]), sketch.projection) for mark in marks}
    return _fitted({"type": "FeatureCollection", "features": features}, places, [r for of in rings for r in of], sketch)


def _fitted(geojson: dict[str, Any], places: dict[str, Place], rings: list[Floats], sketch: Sketch) -> Ground:
    lon, lat = sketch.projection.degrees(np.concatenate(rings)).T
    middle = (float(lat.min() + lat.max()) / 2, float(lon.min() + lon.max()) / 2)
    shrink = cos(radians(middle[0]))
    return Ground(
        geojson,
        places,
        middle,
        height_m=float(np.ptp(lat)) * METRES_PER_DEGREE,
        width_m=float(np.ptp(lon)) * METRES_PER_DEGREE * shrink,
    )


def _outline(unit: AdminUnit, rings: list[Floats], sketch: Sketch) -> dict[str, Any]:
    closed = [np.concatenate([ring, ring[:1]]) for ring in rings]
    polygons = [[np.round(sketch.projection.degrees(ring), DIGITS).tolist()] for ring in closed]
    return _feature({"kind": "street", "code": unit.code}, {"type": "MultiPolygon", "coordinates": polygons})


def _name(unit: AdminUnit, at: Floats, sketch: Sketch) -> dict[str, Any]:
    where = np.round(sketch.projection.degrees(at), DIGITS).tolist()
    return _feature({"kind": "name", "name": unit.short}, {"type": "Point", "coordinates": where})


def _feature(properties: dict[str, str], geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _place(point: Floats, drawing: Projection) -> Place:
    lon, lat = np.round(drawing.degrees(point), DIGITS).tolist()
    return lat, lon
