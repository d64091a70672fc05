"""Where: areas in the colours of their levels on the outlines of the streets, and what nobody can see."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build

from dashboards import palette
from dashboards.flux import Flux
from dashboards.panels.dress import dressed

BLANK_TILE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""In place of a basemap: Grafana's own would be asked for on the internet."""
COORDINATES = {"mode": "coords", "latitude": "lat", "longitude": "lon"}
DOT, CROSS = "img/icons/marker/circle.svg", "img/icons/marker/x-mark.svg"


def level_map(
    title: str,
    areas: Flux,
    blind: Flux,
    ground: str,
    links: Sequence[tuple[str, str]] = (),
    description: str = "",
) -> build.Panel:
    """`areas`: rows with lat, lon, name and level, the worst last; `blind`: those of them that nobody sees. `ground`:
    address of a GeoJSON document. `links`: of an area, title and address."""
    panel = dressed(build.Panel().type("geomap"), title, [areas, blind], description)
    panel.thresholds(palette.level_steps()).color_scheme(palette.by_steps()).mappings(palette.level_mappings())
    panel.data_links([build.DashboardLink(name).url(address) for name, address in links])
    layers = [_outlines(ground), _dots("监测区域", "A", DOT, size=11), _dots("盲区", "B", CROSS, 17, palette.BLIND)]
    return panel.options(
        {
            "view": {"id": "fit", "allLayers": True, "padding": 4, "lat": 0, "lon": 0, "zoom": 11},
            "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": False},
            "basemap": {"type": "xyz", "name": "空白", "config": {"url": BLANK_TILE, "attribution": ""}},
            "layers": layers,
            "tooltip": {"mode": "details"},
        }
    )


def _outlines(ground: str) -> dict[str, Any]:
    text = {"mode": "field", "field": "name", "fixed": ""}
    style = {
        "color": {"fixed": "#7d8fa3"},
        "opacity": 0.12,
        "lineWidth": 1,
        "size": {"fixed": 5, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": DOT},
        "text": text,
        "textConfig": {"fontSize": 13, "textAlign": "center", "textBaseline": "middle", "offsetX": 0, "offsetY": 0},
    }
    return {"type": "geojson", "name": "街道", "config": {"src": ground, "rules": [], "style": style}, "tooltip": False}


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
