"""A Moment determines what is said of a city as it stands: of the whole, of each area, place and kind of device, and of
what people work on."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Any, TypeVar

from city.levels import LEVELS, Level
from city.registry import Area
from city.series import NONE, Measurement
from city.transitions import Nature, SubjectKind, Transition
from streams.series.census import Census
from streams.series.lines import Point, Value
from streams.series.paper import Paper, TicketRecord
from streams.series.standing import Standing

WEIGHTS = {Level.NONE: 0.0, Level.BLUE: 0.1, Level.YELLOW: 0.2, Level.ORANGE: 0.5, Level.RED: 1.0}
"""What an area of a level adds to the risk index, in red areas. Operator default."""
SATURATION = 5.0
"""Red areas at which the risk index is 63. Operator default."""
T = TypeVar("T")


def points(standing: Standing, census: Census, paper: Paper, at_ms: int) -> list[Point]:
    """Everything that is said of a moment. What there is of areas, places and devices is always said; parents,
    incidents and tickets only where there are any (`ended` says the rest)."""
    moment = _Moment(standing, census, paper, at_ms)
    areas = list(moment.areas())
    beside = (moment.places(), moment.health(), moment.parents(), moment.incidents(), moment.tickets())
    return [moment.city(areas), *areas, *(point for kind in beside for point in kind)]


def changed(before: Iterable[Point], now: Iterable[Point]) -> list[Point]:
    """What is said otherwise than before, with `ended`."""
    then = {point.series: point.fields for point in before}
    return [*(point for point in now if then.get(point.series) != point.fields), *ended(before, now)]


def ended(before: Iterable[Point], now: Iterable[Point]) -> Iterator[Point]:
    """Zeros for what was said before and is not any more: nothing may seem to last because nobody speaks of it."""
    still = {point.series for point in now}
    for point in before:
        if point.series not in still:
            numbers = {n: type(v)(0) for n, v in point.fields.items() if not isinstance(v, str)}
            yield Point(point.measurement, point.tags, numbers)


def risk_index(levels: Iterable[Level]) -> float:
    """0 to 100: one red area is 18, five are 63, ten are 86; more, and worse, is always higher.

    100 (1 - exp(-sum of weights / SATURATION)). Operator default.
    """
    return 100.0 * (1.0 - exp(-sum(WEIGHTS[level] for level in levels) / SATURATION))


@dataclass(frozen=True)
class _Moment:
    standing: Standing
    census: Census
    paper: Paper
    at_ms: int

    @cached_property
    def offline(self) -> set[str]:
        return self.standing.offline(self.census)

    @cached_property
    def faulty(self) -> set[str]:
        return self.standing.faulty(self.census) - self.offline

    def city(self, areas: list[Point]) -> Point:
        levels = [Level(int(point.fields["level"])) for point in areas]
        fields: dict[str, Value] = {level.slug: levels.count(level) for level in LEVELS}
        fields |= {
            "index": risk_index(levels),
            "blind": int(self.standing.blind),
            "blind_areas": sum(int(point.fields["blind"]) for point in areas),
            "areas": len(areas),
            "alerts": sum(1 for _ in self.standing.of(Nature.HAZARD)),
            "devices": len(self.census.in_service),
            "offline": len(self.offline),
            "faulty": len(self.faulty),
            "parents_down": len({t.subject for t in self.standing.of(Nature.PARENT)}),
            "rules_disabled": len({t.subject for t in self.standing.of(Nature.RULE)}),
            "incidents": len(self.paper.incidents),
        }
        by_level = Counter(ticket.level for ticket in self.paper.tickets)
        fields |= {f"tickets_{level.slug}": by_level[level] for level in LEVELS}
        return Point(Measurement.CITY, {}, fields | self._counts(self.paper.tickets))

    def areas(self) -> Iterator[Point]:
        hazards = _by(self.standing.of(Nature.HAZARD), lambda t: [t.area or ""])
        silent = Counter(self.census.area_of[device].id for device in self.offline)
        for area in self.census.city.areas.values():
            yield self._area(area, hazards.get(area.id, []), silent[area.id])

    def _area(self, area: Area, hazards: list[Transition], silent: int) -> Point:
        devices = self.census.devices_of_area[area.id]
        worst = _worst(hazards)
        fields: dict[str, Value] = {
            "level": int(worst),
            "suspected": int(worst > _worst(t for t in hazards if not t.suspected)),
            "alerts": len(hazards),
            "devices": devices,
            "offline": silent,
            "blind": int(self.standing.blind or (devices > 0 and silent == devices)),
            "name": area.name,
            "lat": float(area.lat),
            "lon": float(area.lon),
        }
        domain = self.census.domain_of_class.get(area.risk_class, NONE)
        tags = {"area": area.id, "class": area.risk_class, "domain": domain, "street": area.admin}
        return Point(Measurement.AREA, tags, fields)

    def places(self) -> Iterator[Point]:
        census, devices = self.census, self.census.city.devices
        hazards = _by(self.standing.of(Nature.HAZARD), census.places_of)
        tickets = _by(self.paper.tickets, lambda ticket: ticket.admin)
        silent = Counter(place for d in self.offline for place in census.places_of_site(devices[d].site))
        unwell = Counter(place for d in self.faulty for place in census.places_of_site(devices[d].site))
        for unit in census.city.admin.values():
            here = hazards.get(unit.code, [])
            fields: dict[str, Value] = {
                "name": unit.name,
                "level": int(_worst(here)),
                "alerts": len(here),
                "devices": census.devices_of_place[unit.code],
                "offline": silent[unit.code],
                "faulty": unwell[unit.code],
            }
            tags = {"place": unit.code, "kind": unit.kind, "above": unit.parent or NONE}
            yield Point(Measurement.PLACE, tags, fields | self._counts(tickets.get(unit.code, ())))

    def health(self) -> Iterator[Point]:
        devices = self.census.city.devices
        silent = Counter(self.census.kind_of(devices[device]) for device in self.offline)
        unwell = Counter(self.census.kind_of(devices[device]) for device in self.faulty)
        for kind, count in self.census.devices_of_kind.items():
            tags = dict(zip(("class", "type", "street", "platform"), kind, strict=True))
            yield Point(Measurement.HEALTH, tags, {"devices": count, "offline": silent[kind], "faulty": unwell[kind]})

    def parents(self) -> Iterator[Point]:
        for transition in self.standing.of(Nature.PARENT):
            parent = self.census.city.parents.get(transition.subject)
            if parent is not None and transition.subject_kind is SubjectKind.PARENT:
                below = len(self.census.below.get(parent.id, ()))
                tags = {"parent": parent.id, "kind": parent.kind.value, "street": parent.admin}
                fields: dict[str, Value] = {"down": 1, "devices": below, "since_ms": transition.since_ms}
                yield Point(Measurement.PARENT, tags, fields | {"name": parent.name})

    def incidents(self) -> Iterator[Point]:
        counts = Counter((i.nature, i.risk_class or NONE, (i.level or i.peak_level).slug) for i in self.paper.incidents)
        for (nature, risk_class, level), count in counts.items():
            tags = {"nature": nature, "class": risk_class, "level": level}
            yield Point(Measurement.INCIDENTS, tags, {"open": count})

    def tickets(self) -> Iterator[Point]:
        groups = _by(self.paper.tickets, lambda ticket: [(ticket.unit, ticket.level.slug)])
        for (unit, level), tickets in groups.items():
            yield Point(Measurement.TICKETS, {"unit": unit, "level": level}, self._counts(tickets))

    def _counts(self, tickets: Iterable[TicketRecord]) -> dict[str, Value]:
        these = list(tickets)
        return {
            "tickets": len(these),
            "due_soon": sum(ticket.due_soon(self.at_ms) for ticket in these),
            "overdue": sum(ticket.overdue(self.at_ms) for ticket in these),
        }


def _worst(transitions: Iterable[Transition]) -> Level:
    return max((t.level_to for t in transitions), default=Level.NONE)


def _by(items: Iterable[T], keys: Callable[[T], Iterable[Any]]) -> dict[Any, list[T]]:
    groups: dict[Any, list[T]] = {}
    for item in items:
        for key in keys(item):
            groups.setdefault(key, []).append(item)
    return groups
