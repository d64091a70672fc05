"""An Atlas determines where everything of a city is drawn: streets, their names, a mark for each monitored area. Made
once, when the page's process starts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alerts.console.words import glyph_of_class
from city.city import City
from city.geometry import CELL, NOBODY, Floats, Ground, Ints, Projection, outlines, path
from city.registry import AdminUnit, Area
from city.sketch import sketch_of

APART = 46.0  # between marks, drawing units
ROUNDS = 400
NAME_GLYPH = 30.0  # of a street's name and the line below it, drawing units
NAME_LINES = 32.0
NAME_LEAST = 84.0  # as wide as what may stand below it
CLEAR_ENOUGH = 34.0
SEA_WORTH = 0.7  # of a place off the land, to one on it


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
    drawn, drawing, ground = sketch.streets, sketch.projection, sketch.ground
    marks = _marks(city, drawn, drawing, ground)
    names = place_names([unit.short for unit in drawn], ground, _points(marks))
    drawings = {
        unit.code: StreetDrawing(unit.code, unit.name, unit.short, path(rings), *name)
        for unit, rings, name in zip(drawn, outlines(ground), names, strict=True)
    }
    return Atlas(drawing.width, drawing.height, drawings, marks)


def _placed(city: City) -> list[tuple[Area, AdminUnit]]:
    """Areas that lie in a street, with it."""
    return [(area, street) for area in city.areas.values() if (street := city.street_of(area.admin)) is not None]


def _marks(city: City, drawn: list[AdminUnit], drawing: Projection, ground: Ground) -> dict[str, AreaDrawing]:
    placed = _placed(city)
    number = {unit.code: i for i, unit in enumerate(drawn)}
    home = drawing(np.array([a.lat for a, _ in placed]), np.array([a.lon for a, _ in placed]))
    where = apart(home, np.array([number[street.code] for _, street in placed], np.int64), ground)
    devices = Counter(city.area_of(device).id for device in city.devices.values() if device.in_service)
    classes = {c.slug: c.name for c in city.catalogue.classes}
    return {
        area.id: AreaDrawing(
            id=area.id,
            name=area.name,
            glyph=glyph_of_class(area.risk_class, classes[area.risk_class]),
            class_name=classes[area.risk_class],
            street=street.code,
            x=round(float(x), 1),
            y=round(float(y), 1),
            devices=devices[area.id],
        )
        for (area, street), (x, y) in zip(placed, where, strict=True)
    }


def _points(marks: Mapping[str, AreaDrawing]) -> Floats:
    return np.array([[mark.x, mark.y] for mark in marks.values()], np.float64).reshape(-1, 2)


def apart(home: Floats, street: Ints, ground: Ground) -> Floats:
    """Places (n, 2) near `home` (n, 2), APART from each other as far as there is room, each in its `street` (n,)."""
    turn = np.arange(len(home)) * 2.4
    at: Floats = home + np.stack([np.cos(turn), np.sin(turn)], axis=-1)  # so that no two are at one place
    for _ in range(ROUNDS):
        between = at[:, None] - at[None]
        distance = np.hypot(between[..., 0], between[..., 1])
        np.fill_diagonal(distance, np.inf)
        push = between * (np.maximum(APART - distance, 0) / np.maximum(distance, 1e-6))[..., None]
        moved = at + push.sum(axis=1) * 0.3 + (home - at) * 0.01
        at = np.where((ground.at(moved) == street)[:, None], moved, at)
    return at


def place_names(names: list[str], ground: Ground, marks: Floats) -> list[tuple[float, float]]:
    """Where each street's name goes, two lines high. marks: (n, 2), what it keeps clear of."""
    cells = ground.cells()
    away = np.full(len(cells), CLEAR_ENOUGH)
    for mark in marks:
        away = np.minimum(away, np.hypot(*(cells - mark).T))
    clear = away.reshape(ground.owner.shape)
    return [_place_name(name, street, ground, clear) for street, name in enumerate(names)]


def _place_name(name: str, street: int, ground: Ground, clear: Floats) -> tuple[float, float]:
    """Best of all places: one's own ground, then the sea, never a neighbour's; clear of marks; near the middle.

    clear: (rows, columns) of the ground, how far the nearest mark is.
    """
    own = ground.cells(street)
    half = max(len(name) * NAME_GLYPH, NAME_LEAST) / 2
    box = np.array([[x * half, y * NAME_LINES] for x in (-1, -0.5, 0, 0.5, 1) for y in (-0.8, 0.2, 1.2)])
    middles = np.concatenate([own, ground.cells(NOBODY)])
    middles = middles[((middles[:, None] + box > 0) & (middles[:, None] + box < ground.size)).all(axis=(1, 2))]
    column, row = np.moveaxis(((middles[:, None] + box) / CELL).astype(np.int64), -1, 0)
    owner, room = ground.owner[row, column], clear[row, column].min(axis=1)
    home = (owner == street).mean(axis=1) + SEA_WORTH * (owner == NOBODY).mean(axis=1)
    from_middle = np.hypot(*(middles - own.mean(axis=0)).T)
    best = int(np.argmax(home * 700 + room * 20 - from_middle * 0.5))
    return round(float(middles[best, 0]), 1), round(float(middles[best, 1]), 1)
