"""Where: areas in the colours of their levels on the outlines of the streets, and what nobody can see."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build

from dashboards import palette
from dashboards.flux import Flux, text
from dashboards.ground import Ground
from dashboards.panels.dress import dressed

BLANK_TILE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""In place of a basemap: Grafana's own would be asked for on the internet."""
COORDINATES = {"mode": "coords", "latitude": "lat", "longitude": "lon"}
DOT, CROSS = "img/icons/marker/circle.svg", "img/icons/marker/x-mark.svg"


AREAS = "监测区域"
COLUMN_PX, ROW_PX, FRAME_PX = 78, 38, (40, 60)
"""Of the board, on a screen of 1,920 points; and of a panel what is no map."""


def level_map(
    title: str,
    areas: Flux,
    blind: Flux,
    ground: Ground,
    size: tuple[int, int] | None,
    links: Sequence[tuple[str, str]] = (),
    description: str = "",
) -> build.Panel:
    """`areas`: rows with area, name and level, the worst last; `blind`: those of them that nobody sees. `size`: of the
    panel, in columns and rows of the board, to see all of the ground; without it the view is of the marks. `links`: of
    an area, title and address."""
    panel = dressed(build.Panel().type("geomap"), title, [marked(areas, ground), marked(blind, ground)], description)
    panel.thresholds(palette.level_steps()).color_scheme(palette.by_steps()).mappings(palette.level_mappings())
    panel.data_links([build.DashboardLink(name).url(address) for name, address in links])
    return panel.options(
        {
            "view": _of_marks() if size is None else _of_all(ground, size),
            "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": False},
            "basemap": {"type": "xyz", "name": "空白", "config": {"url": BLANK_TILE, "attribution": ""}},
            "layers": [
                _streets(ground),
                _dots(AREAS, "A", DOT, size=10),
                _dots("盲区", "B", CROSS, 16, palette.BLIND),
            ],
            "tooltip": {"mode": "details"},
        }
    )


def _of_all(ground: Ground, size: tuple[int, int]) -> dict[str, Any]:
    lat, lon = ground.middle
    zoom = ground.zoom(size[0] * COLUMN_PX - FRAME_PX[0], size[1] * ROW_PX - FRAME_PX[1])
    return {"id": "coords", "lat": lat, "lon": lon, "zoom": zoom, "allLayers": True}


def _of_marks() -> dict[str, Any]:
    return {"id": "fit", "allLayers": False, "layer": AREAS, "padding": 40, "lat": 0, "lon": 0, "zoom": 13}


def marked(areas: Flux, ground: Ground) -> Flux:
    """Areas with the places of their marks."""
    found = areas
    for name, index in (("lat", 0), ("lon", 1)):
        pairs = ", ".join(f"{{key: {text(area)}, value: {place[index]}}}" for area, place in ground.marks.items())
        known = f"dict.get(dict: {name}_of, key: r.area, default: 0.0)"
        found = found.using("dict", before=[f"{name}_of = dict.fromList(pairs: [{pairs}])"]).map(**{name: known})
    return found


def _streets(ground: Ground) -> dict[str, Any]:
    outline = {
        "color": {"fixed": "#7d8fa3"},
        "opacity": 0.14,
        "lineWidth": 1,
        "size": {"fixed": 5, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": DOT},
    }
    name = outline | {
        "color": {"fixed": "#aebdcc"},
        "opacity": 1,
        "size": {"fixed": 0, "min": 0, "max": 1},
        "text": {"mode": "field", "field": "name", "fixed": ""},
        "textConfig": {"fontSize": 15, "textAlign": "center", "textBaseline": "middle", "offsetX": 0, "offsetY": 0},
    }
    rules = [{"check": {"property": "kind", "operation": "eq", "value": "name"}, "style": name}]
    config = {"src": ground.address, "rules": rules, "style": outline}
    return {"type": "geojson", "name": "街道", "config": config, "tooltip": False}


def _dots(name: str, ref: str, symbol: str, size: int, colour: str = "") -> dict[str, Any]:
    """A mark for each row of a question: of one colour, or of its level's."""
    style = {
        "color": {"fixed": colour} if colour else {"field": "level", "fixed": palette.QUIET},
        "opacity": 0.95,
        "size": {"fixed": size, "min": 2, "max": 20},
        "symbol": {"mode": "fixed", "fixed": symbol},
        "symbolAlign": {"horizontal": "center", "vertical": "center"},
    }
    return {
        "type": "markers",
        "name": name,
        "config": {"style": style, "showLegend": False},
        "location": COORDINATES,
        "filterData": {"id": "byRefId", "options": ref},
        "tooltip": True,
    }
