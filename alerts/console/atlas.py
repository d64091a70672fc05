"""An Atlas determines where everything of a city is drawn: streets, their names, a mark for each monitored area. Made
once, when the page's process starts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alerts.console.words import glyph_of_class
from city.city import City
from city.geometry import Floats, outlines, path
from city.placing import place_names
from city.sketch import Sketch, marks_of, sketch_of


@dataclass(frozen=True)
class StreetDrawing:
    """A street as it is drawn: `path` of its outline, and the middle of its name."""

    code: str
    name: str
    short: str
    path: str
    x: float
    y: float


@dataclass(frozen=True)
class AreaDrawing:
    """A monitored area as it is drawn. `glyph`: one character for its class; `devices`: in service there."""

    id: str
    name: str
    glyph: str
    class_name: str
    street: str
    x: float
    y: float
    devices: int


@dataclass(frozen=True)
class Atlas:
    """`streets` by code, `areas` by id; width and height of the drawing in its own units."""

    width: float
    height: float
    streets: Mapping[str, StreetDrawing]
    areas: Mapping[str, AreaDrawing]


def atlas_of(city: City) -> Atlas:
    """The atlas of a city: of every street of it in which something has a place."""
    sketch = sketch_of(city)
    if sketch is None:
        return Atlas(1.0, 1.0, {}, {})
    marks = _marks(city, sketch)
    names = place_names([unit.short for unit in sketch.streets], sketch.ground, _points(marks))
    drawings = {
        unit.code: StreetDrawing(unit.code, unit.name, unit.short, path(rings), *name)
        for unit, rings, name in zip(sketch.streets, outlines(sketch.ground), names, strict=True)
    }
    return Atlas(sketch.projection.width, sketch.projection.height, drawings, marks)


def _marks(city: City, sketch: Sketch) -> dict[str, AreaDrawing]:
    devices = Counter(city.area_of(device).id for device in city.devices.values() if device.in_service)
    classes = {c.slug: c.name for c in city.catalogue.classes}
    return {
        mark.area.id: AreaDrawing(
            id=mark.area.id,
            name=mark.area.name,
            glyph=glyph_of_class(mark.area.risk_class, classes[mark.area.risk_class]),
            class_name=classes[mark.area.risk_class],
            street=mark.street.code,
            x=round(mark.x, 1),
            y=round(mark.y, 1),
            devices=devices[mark.area.id],
        )
        for mark in marks_of(city, sketch)
    }


def _points(marks: Mapping[str, AreaDrawing]) -> Floats:
    return np.array([[mark.x, mark.y] for mark in marks.values()], np.float64).reshape(-1, 2)
