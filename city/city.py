"""A city: every table of the registry with its catalogue, and the ways to walk between them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from city.catalogue import COMMON, Catalogue, DeviceType
from city.registry import (
    PARENT_KINDS,
    AdminUnit,
    Area,
    Contact,
    Device,
    Grid,
    Officer,
    Parent,
    Record,
    Site,
    Unit,
    Zone,
)
from city.signals import NO_SIGNALS, SignalTable
from city.waters import circles


@dataclass(frozen=True)
class Problem:
    """A record that does not fit the others. `table` and `key` name it."""

    table: str
    key: str
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class City:
    """A consistent picture of a city. Tables are keyed by the record's own id or code.

    `admin_kinds` are the words of the administrative tree from the top down, e.g. 区, 街道, 社区 or 市, 镇, 村;
    grids hang below the last of them. `grid_pattern` is the regular expression of a grid code. `notes` say where
    the data are from, `signals` what upstream sources' words mean.
    """

    id: str
    name: str
    time_zone: str
    admin_kinds: tuple[str, ...]
    grid_pattern: str
    catalogue: Catalogue
    admin: Mapping[str, AdminUnit]
    grids: Mapping[str, Grid]
    zones: Mapping[str, Zone]
    areas: Mapping[str, Area]
    sites: Mapping[str, Site]
    parents: Mapping[str, Parent]
    devices: Mapping[str, Device]
    units: Mapping[str, Unit]
    officers: Mapping[str, Officer]
    contacts: Mapping[tuple[str, int], Contact]
    notes: tuple[str, ...] = ()
    signals: SignalTable = NO_SIGNALS

    def on(self, day: date) -> "City":
        """The city as it was, or will be, on a day."""
        kept: dict[str, Any] = {
            f.name: {key: record for key, record in getattr(self, f.name).items() if record.valid_on(day)}
            for f in fields(self)
            if isinstance(getattr(self, f.name), dict)
        }
        catalogue = Catalogue(
            domains=[d for d in self.catalogue.domains if d.valid_on(day)],
            classes=[c for c in self.catalogue.classes if c.valid_on(day)],
            device_types=[t for t in self.catalogue.device_types if t.valid_on(day)],
            indicators=[i for i in self.catalogue.indicators if i.valid_on(day)],
        )
        return replace(self, catalogue=catalogue, **kept)

    def area_of(self, device: Device) -> Area:
        return self.areas[self.sites[device.site].area]

    def ancestors(self, code: str) -> Iterator[AdminUnit]:
        """The administrative unit of this code, or the one above this grid, then each unit above it."""
        grid = self.grids.get(code)
        unit = self.admin.get(grid.parent if grid else code)
        while unit is not None:
            yield unit
            unit = self.admin.get(unit.parent) if unit.parent else None

    @property
    def street_kind(self) -> str:
        """The word for what stands right below the top: 街道, or 镇街 where there are no districts."""
        return self.admin_kinds[min(1, len(self.admin_kinds) - 1)]

    @property
    def streets(self) -> list[AdminUnit]:
        return [unit for unit in self.admin.values() if unit.kind == self.street_kind]

    def street_of(self, code: str | None) -> AdminUnit | None:
        """The street (or town) of an administrative code or grid; None for what lies above the streets, or nowhere."""
        return next((unit for unit in self.ancestors(code or "") if unit.kind == self.street_kind), None)

    def problems(self) -> list[Problem]:
        """Everything that does not fit together, in table order. Empty: the city is consistent."""
        return [
            *self._admin_problems(),
            *self._reference_problems(),
            *self._upstream_problems(),
            *self._number_problems(),
        ]

    def _admin_problems(self) -> Iterator[Problem]:
        depth = {kind: i for i, kind in enumerate(self.admin_kinds)}
        for code, unit in self.admin.items():
            if unit.kind not in depth:
                yield Problem("admin", code, f"unknown kind {unit.kind!r}", f"one of {', '.join(self.admin_kinds)}")
                continue
            above = self.admin.get(unit.parent) if unit.parent else None
            if depth[unit.kind] == 0:
                if unit.parent is not None:
                    yield Problem("admin", code, f"a {unit.kind} is the top and has no parent", "leave parent empty")
            elif above is None:
                yield Problem("admin", code, f"parent {unit.parent!r} is not in admin", "add it, or correct the code")
            elif depth.get(above.kind) != depth[unit.kind] - 1:
                wanted = self.admin_kinds[depth[unit.kind] - 1]
                yield Problem("admin", code, f"a {unit.kind} belongs to a {wanted}, not to a {above.kind}")
        pattern = re.compile(self.grid_pattern)
        for code, grid in self.grids.items():
            above = self.admin.get(grid.parent)
            if not pattern.fullmatch(code):
                yield Problem("grids", code, f"does not match the pack's grid_pattern {self.grid_pattern}")
            if above is None or above.kind != self.admin_kinds[-1]:
                yield Problem("grids", code, f"parent {grid.parent!r} is not a {self.admin_kinds[-1]}")

    def _reference_problems(self) -> Iterator[Problem]:
        classes = {c.slug for c in self.catalogue.classes}
        types = {t.slug: t for t in self.catalogue.device_types}
        for area in self.areas.values():
            yield from _missing("areas", area.id, "risk_class", area.risk_class, classes)
            yield from _missing("areas", area.id, "admin", area.admin, self.admin)
            yield from _missing("areas", area.id, "zone", area.zone, self.zones)
        for site in self.sites.values():
            yield from _missing("sites", site.id, "area", site.area, self.areas)
            yield from _missing("sites", site.id, "grid", site.grid, self.grids)
        for parent in self.parents.values():
            yield from _missing("parents", parent.id, "admin", parent.admin, self.admin)
        for device in self.devices.values():
            yield from _missing("devices", device.id, "type", device.type, types)
            yield from _missing("devices", device.id, "site", device.site, self.sites)
            yield from self._class_problems(device, types.get(device.type))
            yield from self._parent_problems(device)
            if device.interval_s is not None and not 1 <= device.interval_s <= 86_400:
                remedy = "leave it empty for the interval of its type"
                yield Problem("devices", device.id, f"interval_s {device.interval_s} is not within 1..86400", remedy)
        for unit in self.units.values():
            yield from _missing("units", unit.id, "scope", unit.scope, self.admin)
            for slug in unit.classes:
                yield from _missing("units", unit.id, "classes", slug, classes)
        for officer in self.officers.values():
            yield from _missing("officers", officer.id, "grid", officer.grid, self.grids)
            yield from _missing("officers", officer.id, "unit", officer.unit, self.units)
        for (site_id, slot), contact in self.contacts.items():
            key = f"{site_id}/{slot}"
            yield from _missing("contacts", key, "site", site_id, self.sites)
            yield from _missing("contacts", key, "unit", contact.unit, self.units)
            if not 1 <= slot <= 4:
                yield Problem("contacts", key, f"slot {slot} is not 1, 2, 3 or 4")

    def _class_problems(self, device: Device, device_type: DeviceType | None) -> Iterator[Problem]:
        site = self.sites.get(device.site)
        area = self.areas.get(site.area) if site else None
        if area and device_type and device_type.classes and area.risk_class not in device_type.classes:
            message = f"a {device.type} stands in area {area.id} of class {area.risk_class}"
            remedy = f"it belongs to {', '.join(device_type.classes)}: move it, or add the class to its type"
            yield Problem("devices", device.id, message, remedy)

    def _upstream_problems(self) -> Iterator[Problem]:
        above = {site.id: site.upstream for site in self.sites.values() if site.upstream}
        for id_, sites in above.items():
            for other in sites:
                if other == id_:
                    yield Problem("sites", id_, "is upstream of itself", "name the sites above it, or leave it empty")
                elif other not in self.sites:
                    yield from _missing("sites", id_, "upstream", other, self.sites)
                elif (here := self._zone_of(id_)) != (there := self._zone_of(other)) and here and there:
                    message = f"upstream site {other} lies in zone {there}, and this one in {here}"
                    why = "a zone never spans two shards, so nobody compares sites of two"
                    yield Problem("sites", id_, message, f"{why}: join the zones in areas, or leave the site out")
        for circle in circles(above):
            way = " → ".join((*circle, circle[0]))
            yield Problem("sites", circle[0], f"upstream goes in a circle: {way}", "leave out one of these steps")

    def _zone_of(self, site: str) -> str | None:
        """None where its area is missing, which is told by itself."""
        area = self.areas.get(self.sites[site].area)
        return area.zone if area else None

    def _parent_problems(self, device: Device) -> Iterator[Problem]:
        for kind in PARENT_KINDS:
            parent_id = device.parent(kind)
            if parent_id is None:
                continue
            parent = self.parents.get(parent_id)
            if parent is None:
                yield from _missing("devices", device.id, kind.value, parent_id, self.parents)
            elif parent.kind is not kind:
                yield Problem("devices", device.id, f"{parent_id} is a {parent.kind.value}, not a {kind.value}")

    def _number_problems(self) -> Iterator[Problem]:
        classes = {c.slug for c in self.catalogue.classes} | {COMMON}
        domains = {d.slug for d in self.catalogue.domains}
        for risk_class in self.catalogue.classes:
            yield from _missing("classes", risk_class.slug, "domain", risk_class.domain, domains)
        for indicator in self.catalogue.indicators:
            key = f"{indicator.risk_class}/{indicator.id}"
            yield from _missing("indicators", key, "risk_class", indicator.risk_class, classes)
            if not indicator.valid_min < indicator.valid_max:
                yield Problem("indicators", key, "valid_min is not below valid_max")
        ids = {indicator.id for indicator in self.catalogue.indicators}
        for device_type in self.catalogue.device_types:
            for name in device_type.measures or []:
                yield from _missing("device_types", device_type.slug, "measures", name, ids)
            for slug in device_type.classes:
                yield from _missing("device_types", device_type.slug, "classes", slug, classes - {COMMON})
        yield from _repeated("indicators", ((f"{i.risk_class}/{i.id}", i.number) for i in self.catalogue.indicators))
        yield from _repeated("devices", ((d.id, d.number) for d in self.devices.values()))
        yield from self._address_problems()

    def _address_problems(self) -> Iterator[Problem]:
        """Devices share the address of a telemetry unit as long as no value could be of two of them."""
        common = {i.id for i in self.catalogue.indicators if i.risk_class == COMMON}
        own = {t.slug: set(t.measures or ()) - common for t in self.catalogue.device_types}
        taken: dict[tuple[str, str], str] = {}
        for device in self.devices.values():
            if device.address is None or not device.in_service:
                continue
            for name in sorted(own.get(device.type, set())) or [device.type]:
                other = taken.setdefault((device.address, name), device.id)
                if other != device.id:
                    message = f"address {device.address!r} already belongs to {other}, which has {name}, too"
                    remedy = "an address is one unit's: correct it, or take the other device out of service"
                    yield Problem("devices", device.id, message, remedy)
                    break


def _missing(table: str, key: str, column: str, value: str, known: Any) -> Iterator[Problem]:
    if value not in known:
        yield Problem(table, key, f"{column} {value!r} is not registered", "add it first, or correct the spelling")


def _repeated(table: str, numbers: Iterator[tuple[str, int]]) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for key, number in numbers:
        if number in seen:
            yield Problem(table, key, f"number {number} already belongs to {seen[number]}", "numbers are never reused")
        seen.setdefault(number, key)


def by_id(records: list[Any], key: str = "id") -> dict[str, Any]:
    """Records keyed by one of their fields."""
    return {getattr(record, key): record for record in records}


__all__ = ["City", "Problem", "Record", "by_id"]
