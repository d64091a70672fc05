"""Choosing devices: those to which everything that a scenario gives applies, or so many of them by lot."""

from collections.abc import Collection, Iterator
from typing import Annotated

import msgspec

from city.city import City
from city.errors import ConfigError
from city.misfits import Place, nearest
from city.registry import Device
from city.yamlfile import YamlFile
from simulators.seeds import score_of
from simulators.words import Share, share_of


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices: those to which everything given applies. streets: slugs or codes.

    count, share: so many of them, picked by lot, each of which nothing further up has been picked for.
    """

    ids: list[str] = []
    types: list[str] = []
    classes: list[str] = []
    streets: list[str] = []
    areas: list[str] = []
    count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    share: Share | None = None


class Chooser:
    """Finds devices for one thing after the other; what was picked by lot is not picked again. Gathers `errors`."""

    def __init__(self, city: City, seed: int, file: YamlFile[object]) -> None:
        self.city, self.seed, self.file = city, seed, file
        self.errors: list[ConfigError] = []
        self.picked: set[str] = set()
        self.codes = {name: unit.code for unit in city.admin.values() for name in (unit.code, unit.slug) if name}

    def devices(self, at: Place, title: str, wanted: Selector, types: Collection[str] = ()) -> list[Device]:
        """Devices for what is called `title`, of these types only if any are given; what is wrong is at `at`."""
        self._check_names(at, wanted)
        fits = [device for device in self._fitting(wanted) if not types or device.type in types]
        if wanted.count is None and wanted.share is None:
            if not fits:
                self.error(at, "no device of the city fits")
            return fits
        free = [device for device in fits if device.id not in self.picked]
        count = wanted.count if wanted.count is not None else round(len(fits) * share_of(wanted.share or "0%"))
        if len(free) < count:
            self.error(at, f"{len(free)} devices fit and are not picked further up, and {count} are wanted")
        picked = sorted(free, key=lambda device: score_of(self.seed, "pick", title, device.id))[:count]
        self.picked.update(device.id for device in picked)
        return picked

    def check(self, at: Place, key: str, names: list[str], known: Collection[str]) -> None:
        """Notes each name that the city does not know, with the nearest that it does."""
        for i, name in enumerate(names):
            if name not in known:
                hint = nearest(name, list(known)[:2000])
                self.errors.append(self.file.error((*at, key, i), f"the city has no {key} {name!r}", hint))

    def error(self, at: Place, message: str) -> None:
        self.errors.append(self.file.error(at, message, "give the fleet more of them, or want fewer"))

    def _fitting(self, wanted: Selector) -> Iterator[Device]:
        codes = {self.codes.get(name) for name in wanted.streets}
        for device in self.city.devices.values():
            area = self.city.area_of(device)
            if (
                device.in_service
                and (not wanted.ids or device.id in wanted.ids)
                and (not wanted.types or device.type in wanted.types)
                and (not wanted.classes or area.risk_class in wanted.classes)
                and (not wanted.areas or area.id in wanted.areas)
                and (not codes or area.admin in codes)
            ):
                yield device

    def _check_names(self, at: Place, wanted: Selector) -> None:
        catalogue = self.city.catalogue
        self.check(at, "ids", wanted.ids, self.city.devices)
        self.check(at, "types", wanted.types, [t.slug for t in catalogue.device_types])
        self.check(at, "classes", wanted.classes, [c.slug for c in catalogue.classes])
        self.check(at, "areas", wanted.areas, self.city.areas)
        self.check(at, "streets", wanted.streets, self.codes)
