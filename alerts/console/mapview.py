"""The map determines what is seen of a district at a glance: what is wrong where, and where nobody can tell."""

from collections.abc import Iterable, Mapping

from alerts.console.atlas import AreaDrawing, Atlas, StreetDrawing
from alerts.console.board import MapView, Mark, StreetMark
from alerts.console.queries import Spot
from alerts.console.words import moment
from city.city import City
from city.levels import Level
from city.transitions import Nature


def map_view(city: City, atlas: Atlas, spots: Iterable[Spot], dark: Mapping[str, str], now_ms: int) -> MapView:
    """Marks of all areas, the worst last so that they lie on top, and streets. `dark`: areas nobody sees, and why.

    What is wrong with what devices hang on, and what has no area, is its street's.
    """
    of_area: dict[str, list[Spot]] = {}
    of_street: dict[str, list[Spot]] = {}
    for spot in spots:
        street = city.street_of(spot.admin)
        if spot.area in atlas.areas and not spot.at_parent and spot.nature != Nature.PARENT.value:
            of_area.setdefault(str(spot.area), []).append(spot)
        elif street is not None:
            of_street.setdefault(street.code, []).append(spot)
    marks = [
        _mark(drawing, of_area.get(area, []), dark.get(area), now_ms, city.time_zone)
        for area, drawing in atlas.areas.items()
    ]
    streets = [
        _street_mark(drawing, of_street.get(code, []), [mark for mark in marks if mark.drawing.street == code])
        for code, drawing in atlas.streets.items()
    ]
    return MapView(tuple(streets), tuple(sorted(marks, key=lambda mark: mark.level)))


def _mark(drawing: AreaDrawing, spots: list[Spot], dark: str | None, now_ms: int, zone: str) -> Mark:
    hazards, faults = _split(spots)
    level, suspected = _worst(hazards), _suspected(hazards)
    said = [drawing.class_name]
    if level:
        since_ms = min(spot.since_ms for spot in hazards if spot.level == level)
        doubt = " 存疑, 待核实" if suspected else ""
        since = moment(since_ms, now_ms, zone)
        said.append(f"{Level(level).zh}{doubt} {since}起, {_incidents(hazards)} 起事件")
    elif drawing.devices and dark is None:
        said.append("正常")
    said += [f"盲区: {dark}"] if dark else []
    said += [] if drawing.devices else ["未接入设备, 不在监测中"]
    said += [f"设备故障 {_incidents(faults)} 起"] if faults else []
    sight = "blind" if dark else "seen" if drawing.devices else "unwired"
    return Mark(drawing, level, suspected, sight, _incidents(faults), " · ".join(said))


def _street_mark(drawing: StreetDrawing, spots: list[Spot], marks: list[Mark]) -> StreetMark:
    hazards, links = _split(spots)
    wired = [mark for mark in marks if mark.drawing.devices]
    blind = bool(wired) and all(mark.sight == "blind" for mark in wired)
    own_level = _worst(hazards)
    doubt = " (存疑)" if _suspected(hazards) else ""
    said = [f"全街道 {Level(own_level).zh}{doubt} {_incidents(hazards)} 起"] if hazards else []
    said += [f"链路故障 {_incidents(links)} 起"] if links else []
    said += ["盲区"] if blind else []
    return StreetMark(
        drawing=drawing,
        level=max((own_level, *(mark.level for mark in marks))),
        blind=blind,
        own_level=own_level,
        own_suspected=_suspected(hazards),
        own=_incidents(hazards),
        links=_incidents(links),
        line=" · ".join(said) or "无全街道事件",
    )


def _split(spots: list[Spot]) -> tuple[list[Spot], list[Spot]]:
    """Those of hazards, and the others."""
    hazard = Nature.HAZARD.value
    return [spot for spot in spots if spot.nature == hazard], [spot for spot in spots if spot.nature != hazard]


def _worst(spots: list[Spot]) -> int:
    return max((spot.level for spot in spots), default=0)


def _suspected(spots: list[Spot]) -> bool:
    """Whether nothing at the worst level is confirmed."""
    worst = _worst(spots)
    return worst > 0 and all(spot.suspected for spot in spots if spot.level == worst)


def _incidents(spots: list[Spot]) -> int:
    return sum(spot.incidents for spot in spots)
