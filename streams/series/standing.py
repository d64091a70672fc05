"""A Standing determines how a city stands at one moment of log time: what is above none, where, and what cannot be
seen. A pure function of the transitions up to then, the registry, and the store's open incidents and tickets."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod

from city.city import City
from city.levels import LEVELS, Level
from city.registry import PARENT_KINDS, Area, Device, ParentKind
from city.series import NONE, Measurement
from city.transitions import Nature, SubjectKind, Transition
from streams.series.lines import Point, Value

OFFLINE = frozenset({"offline", "no-beat"})
"""Causes of a device's alert that mean that it does not live. Of any other it lives, and is not well."""
WEIGHTS = {Level.NONE: 0.0, Level.BLUE: 0.05, Level.YELLOW: 0.15, Level.ORANGE: 0.35, Level.RED: 0.7}
"""What an area of a level adds to the risk index. Operator default."""
DUE_SHARE = 0.8
"""Of a deadline's time, after which a ticket is soon overdue: 督办 begins there (DESIGN section 6)."""


@dataclass(frozen=True)
class OpenTicket:
    """A ticket that is open. `due_ms`: the deadline its state waits for, None where no clock runs."""

    unit: str
    level: Level
    admin: tuple[str, ...]
    reported_ms: int
    due_ms: int | None

    def overdue(self, at_ms: int) -> bool:
        return self.due_ms is not None and at_ms > self.due_ms

    def due_soon(self, at_ms: int) -> bool:
        """Whether DUE_SHARE of its time is gone, and not all."""
        if self.due_ms is None or self.overdue(at_ms):
            return False
        return at_ms - self.reported_ms >= DUE_SHARE * (self.due_ms - self.reported_ms)


@dataclass(frozen=True)
class OpenIncident:
    nature: str
    risk_class: str | None
    level: Level


@dataclass(frozen=True)
class Paper:
    """What people work on at a moment."""

    tickets: tuple[OpenTicket, ...] = ()
    incidents: tuple[OpenIncident, ...] = ()


class Census:
    """The registry, counted once: who is in service, and in which places."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._places: dict[str, tuple[str, ...]] = {}
        self.in_service = [device for device in city.devices.values() if device.in_service]
        self.area_of = {device.id: city.area_of(device) for device in self.in_service}
        self.devices_of_area = Counter(area.id for area in self.area_of.values())
        self.devices_of_kind = Counter(self.kind_of(device) for device in self.in_service)
        self.devices_of_place = Counter(p for device in self.in_service for p in self.places_of_site(device.site))
        self.domain_of_class = {c.slug: c.domain for c in city.catalogue.classes}
        self.below: dict[str, list[str]] = {}
        for device in self.in_service:
            for kind in PARENT_KINDS:
                if parent := device.parent(kind):
                    self.below.setdefault(parent, []).append(device.id)

    def kind_of(self, device: Device) -> tuple[str, str, str, str]:
        """Class, type, street, platform."""
        area = self.area_of[device.id]
        return area.risk_class, device.type, area.admin, device.parent(ParentKind.PLATFORM) or NONE

    def places_of_site(self, site: str) -> tuple[str, ...]:
        """Codes of the administrative units a site lies in, from the lowest up."""
        if site not in self._places:
            record = self.city.sites[site]
            self._places[site] = self._path(record.grid) or self._path(self.city.areas[record.area].admin)
        return self._places[site]

    def _path(self, code: str) -> tuple[str, ...]:
        return tuple(unit.code for unit in self.city.ancestors(code))

    def places_of(self, transition: Transition) -> tuple[str, ...]:
        """Where an alert is: by its device, its site, else by the unit it names."""
        device = self.city.devices.get(transition.subject)
        site = device.site if device is not None else transition.site
        if site is not None and site in self.city.sites:
            return self.places_of_site(site)
        return self._path(transition.admin) if transition.admin else ()


@dataclass
class Standing:
    """Alerts above none, by id; in the order they were taken."""

    open: dict[str, Transition] = field(default_factory=dict)

    def take(self, transition: Transition) -> None:
        if transition.level_to is Level.NONE:
            self.open.pop(transition.alert, None)
        else:
            self.open[transition.alert] = transition

    def of(self, nature: Nature) -> Iterator[Transition]:
        return (t for t in self.open.values() if t.nature is nature)

    @property
    def blind(self) -> bool:
        """Whether an ingest process is away: then nobody can say anything about any area."""
        return any(True for _ in self.of(Nature.BLIND))

    def offline(self, census: Census) -> set[str]:
        """Devices that do not live: silent themselves, or below a failed parent."""
        alone = {t.subject for t in self.of(Nature.DEVICE) if t.cause in OFFLINE}
        failed = (t.subject for t in self.of(Nature.PARENT))
        return (alone | {device for parent in failed for device in census.below.get(parent, ())}) & set(census.area_of)

    def faulty(self, census: Census) -> set[str]:
        """Devices that live and are not well."""
        return {t.subject for t in self.of(Nature.DEVICE)} & set(census.area_of)


def points(standing: Standing, census: Census, paper: Paper, at_ms: int) -> Iterator[Point]:
    """Everything that is said of a moment. What there is of areas, places and devices is always said; parents,
    incidents and tickets only where there are any (`ended` says the rest)."""
    offline = standing.offline(census)
    faulty = standing.faulty(census) - offline
    areas = list(_area_points(standing, census, offline))
    yield _city_point(standing, census, paper, areas, offline, faulty, at_ms)
    yield from areas
    yield from _place_points(standing, census, paper, offline, faulty, at_ms)
    yield from _health_points(census, offline, faulty)
    yield from _parent_points(standing, census)
    yield from _incident_points(paper)
    yield from _ticket_points(paper, at_ms)


def ended(before: Iterable[Point], now: Iterable[Point]) -> Iterator[Point]:
    """Zeros for what was said before and is not any more: nothing may seem to last because nobody speaks of it."""
    still = {point.series for point in now}
    for point in before:
        if point.series not in still:
            numbers = {n: type(v)(0) for n, v in point.fields.items() if not isinstance(v, str)}
            yield Point(point.measurement, point.tags, numbers)


def risk_index(levels: Iterable[Level]) -> float:
    """0 to 100: one red area is 70, ten blue ones are 40; more, and worse, is always higher.

    1 - product of (1 - weight) over the areas. Operator default.
    """
    return 100.0 * (1.0 - prod(1.0 - WEIGHTS[level] for level in levels))


def _area_points(standing: Standing, census: Census, offline: set[str]) -> Iterator[Point]:
    hazards: dict[str, list[Transition]] = {}
    for transition in standing.of(Nature.HAZARD):
        hazards.setdefault(transition.area or "", []).append(transition)
    silent = Counter(census.area_of[device].id for device in offline)
    for area in census.city.areas.values():
        here, devices = hazards.get(area.id, []), census.devices_of_area[area.id]
        worst = max((t.level_to for t in here), default=Level.NONE)
        sure = max((t.level_to for t in here if not t.suspected), default=Level.NONE)
        tags = _area_tags(area, census)
        yield Point(
            Measurement.AREA,
            tags,
            {
                "level": int(worst),
                "suspected": int(worst > sure),
                "alerts": len(here),
                "devices": devices,
                "offline": silent[area.id],
                "blind": int(standing.blind or (devices > 0 and silent[area.id] == devices)),
                "name": area.name,
                "lat": float(area.lat),
                "lon": float(area.lon),
            },
        )


def _area_tags(area: Area, census: Census) -> dict[str, str]:
    domain = census.domain_of_class.get(area.risk_class, NONE)
    return {"area": area.id, "class": area.risk_class, "domain": domain, "street": area.admin}


def _city_point(
    standing: Standing,
    census: Census,
    paper: Paper,
    areas: list[Point],
    offline: set[str],
    faulty: set[str],
    at_ms: int,
) -> Point:
    levels = [Level(int(point.fields["level"])) for point in areas]
    fields: dict[str, Value] = {level.slug: levels.count(level) for level in LEVELS}
    fields |= {
        "index": risk_index(levels),
        "blind": int(standing.blind),
        "blind_areas": sum(int(point.fields["blind"]) for point in areas),
        "areas": len(areas),
        "alerts": sum(1 for _ in standing.of(Nature.HAZARD)),
        "devices": len(census.in_service),
        "offline": len(offline),
        "faulty": len(faulty),
        "parents_down": len({t.subject for t in standing.of(Nature.PARENT)}),
        "rules_disabled": len({t.subject for t in standing.of(Nature.RULE)}),
        "incidents": len(paper.incidents),
    }
    return Point(Measurement.CITY, {}, fields | _ticket_counts(paper.tickets, at_ms))


def _place_points(
    standing: Standing, census: Census, paper: Paper, offline: set[str], faulty: set[str], at_ms: int
) -> Iterator[Point]:
    levels: dict[str, list[Level]] = {}
    for transition in standing.of(Nature.HAZARD):
        for place in census.places_of(transition):
            levels.setdefault(place, []).append(transition.level_to)
    tickets: dict[str, list[OpenTicket]] = {}
    for ticket in paper.tickets:
        for place in ticket.admin:
            tickets.setdefault(place, []).append(ticket)
    devices = census.city.devices
    silent = Counter(p for device in offline for p in census.places_of_site(devices[device].site))
    unwell = Counter(p for device in faulty for p in census.places_of_site(devices[device].site))
    for unit in census.city.admin.values():
        here = levels.get(unit.code, [])
        fields: dict[str, Value] = {
            "name": unit.name,
            "level": int(max(here, default=Level.NONE)),
            "alerts": len(here),
            "devices": census.devices_of_place[unit.code],
            "offline": silent[unit.code],
            "faulty": unwell[unit.code],
        }
        tags = {"place": unit.code, "kind": unit.kind, "above": unit.parent or NONE}
        yield Point(Measurement.PLACE, tags, fields | _ticket_counts(tickets.get(unit.code, ()), at_ms))


def _health_points(census: Census, offline: set[str], faulty: set[str]) -> Iterator[Point]:
    devices = census.city.devices
    silent = Counter(census.kind_of(devices[device]) for device in offline)
    unwell = Counter(census.kind_of(devices[device]) for device in faulty)
    for kind, count in census.devices_of_kind.items():
        tags = dict(zip(("class", "type", "street", "platform"), kind, strict=True))
        fields: dict[str, Value] = {"devices": count, "offline": silent[kind], "faulty": unwell[kind]}
        yield Point(Measurement.HEALTH, tags, fields)


def _parent_points(standing: Standing, census: Census) -> Iterator[Point]:
    for transition in standing.of(Nature.PARENT):
        parent = census.city.parents.get(transition.subject)
        if parent is not None and transition.subject_kind is SubjectKind.PARENT:
            fields: dict[str, Value] = {
                "down": 1,
                "devices": len(census.below.get(parent.id, ())),
                "since_ms": transition.since_ms,
                "name": parent.name,
            }
            tags = {"parent": parent.id, "kind": parent.kind.value, "street": parent.admin}
            yield Point(Measurement.PARENT, tags, fields)


def _incident_points(paper: Paper) -> Iterator[Point]:
    counts = Counter((i.nature, i.risk_class or NONE, i.level.slug) for i in paper.incidents)
    for (nature, risk_class, level), count in counts.items():
        yield Point(Measurement.INCIDENTS, {"nature": nature, "class": risk_class, "level": level}, {"open": count})


def _ticket_points(paper: Paper, at_ms: int) -> Iterator[Point]:
    groups: dict[tuple[str, str], list[OpenTicket]] = {}
    for ticket in paper.tickets:
        groups.setdefault((ticket.unit, ticket.level.slug), []).append(ticket)
    for (unit, level), tickets in groups.items():
        yield Point(Measurement.TICKETS, {"unit": unit, "level": level}, _ticket_counts(tickets, at_ms))


def _ticket_counts(tickets: Iterable[OpenTicket], at_ms: int) -> dict[str, Value]:
    these = list(tickets)
    return {
        "tickets": len(these),
        "due_soon": sum(ticket.due_soon(at_ms) for ticket in these),
        "overdue": sum(ticket.overdue(at_ms) for ticket in these),
    }
