"""The registry, counted once: who is in service, and in which places."""

from collections import Counter

from city.city import City
from city.registry import PARENT_KINDS, Device, ParentKind
from city.series import NONE
from city.transitions import Transition


class Census:
    """The registry, counted once: who is in service, and in which places."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._places: dict[str, tuple[str, ...]] = {}
        self.in_service = [device for device in city.devices.values() if device.in_service]
        self.area_of = {device.id: city.area_of(device) for device in self.in_service}
        self.devices_of_area = Counter(area.id for area in self.area_of.values())
        self.devices_of_site = Counter(device.site for device in self.in_service)
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
