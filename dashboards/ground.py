"""The ground under the map: the streets' outlines as GeoJSON, in the board itself: a wall needs no map server."""

import base64
import json
from typing import Any

import numpy as np

from city.city import City
from city.geometry import MARGIN, Floats, Projection, outlines
from city.registry import AdminUnit
from city.sketch import Sketch, sketch_of

DIGITS = 5
"""Of a degree: a metre."""


def ground(city: City) -> dict[str, Any]:
    """A feature a street, with its name; without features where nothing has a place. WGS-84."""
    sketch = sketch_of(city)
    streets = zip(sketch.streets, outlines(sketch.ground), strict=True) if sketch else ()
    return {
        "type": "FeatureCollection",
        "features": [_feature(unit, rings, sketch) for unit, rings in streets if sketch],
    }


def as_address(geojson: dict[str, Any]) -> str:
    """The document as an address that a browser can open."""
    text = json.dumps(geojson, ensure_ascii=False, separators=(",", ":"))
    return "data:application/geo+json;base64," + base64.b64encode(text.encode()).decode()


def middle(city: City) -> tuple[float, float]:
    """Latitude and longitude of the middle of all areas."""
    lat, lon = ([getattr(area, name) for area in city.areas.values()] for name in ("lat", "lon"))
    return (min(lat) + max(lat)) / 2, (min(lon) + max(lon)) / 2


def _feature(unit: AdminUnit, rings: list[Floats], sketch: Sketch) -> dict[str, Any]:
    polygons = [[_degrees(ring, sketch.projection)] for ring in rings]
    return {
        "type": "Feature",
        "properties": {"name": unit.name, "code": unit.code},
        "geometry": {"type": "MultiPolygon", "coordinates": polygons},
    }


def _degrees(ring: Floats, drawing: Projection) -> list[list[float]]:
    """A closed ring of [longitude, latitude], of one (n, 2) in drawing units."""
    lon = drawing.west + (ring[:, 0] - MARGIN) / drawing.x_per_degree
    lat = drawing.north - (ring[:, 1] - MARGIN) / drawing.y_per_degree
    points: list[list[float]] = np.round(np.stack([lon, lat], axis=-1), DIGITS).tolist()
    return [*points, points[0]]
