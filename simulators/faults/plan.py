"""A Plan determines which faults befall which devices, and when: the same for the same scenario and city."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from city.city import City
from city.errors import ConfigError, ConfigErrors
from city.misfits import Place, nearest
from city.registry import Device, Parent
from city.yamlfile import YamlFile
from simulators.faults.fault import Fault, Selector, Target, Transform
from simulators.faults.parents import Cut, ParentSelector, VerifyOutage, children_of, choose_parents
from simulators.fleets import Outage
from simulators.message import Stamper
from simulators.seeds import rng_of, score_of
from simulators.words import Span, share_of


@dataclass(frozen=True)
class Injection:
    """One fault and whom it befalls. parents: those cut off or down, with the ids of what hangs on them."""

    fault: Fault
    span: Span
    devices: list[str]
    parents: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """All faults of a play, and by device."""

    city: City
    seed: int
    injections: list[Injection]
    of_device: dict[str, list[Injection]]
    intervals_ms: dict[str, int]

    def target(self, injection: Injection, device_id: str, stamper: Stamper) -> Target:
        """A device as a fault meets it, with the fault's own chance for it, from the beginning."""
        device = self.city.devices[device_id]
        rng = rng_of(self.seed, "fault", injection.fault.title, device_id)
        return Target(device, injection.span, rng, stamper, self.interval_ms(device_id))

    def transforms(self, device_id: str, stamper: Stamper) -> list[Transform]:
        """What happens to a device's messages: first to what is measured, last on the way."""
        injections = sorted(self.of_device.get(device_id, ()), key=lambda injection: injection.fault.phase)
        return [i.fault.transform(self.target(i, device_id, stamper)) for i in injections]

    def dark(self, device_id: str) -> list[tuple[Injection, Span]]:
        """When nothing of a device is published, and by which fault."""
        stamper = Stamper(self.city.time_zone)
        return [
            (injection, span)
            for injection in self.of_device.get(device_id, ())
            for span in injection.fault.dark(self.target(injection, device_id, stamper))
        ]

    def dark_channels(self) -> dict[str, list[tuple[str, list[Span]]]]:
        """Devices that hang on a gateway and are dark at times, with those times, by gateway."""
        found: dict[str, list[tuple[str, list[Span]]]] = {}
        for device_id in self.of_device:
            gateway = self.city.devices[device_id].gateway
            spans = [span for _, span in self.dark(device_id)]
            if spans and gateway is not None and gateway != device_id:
                found.setdefault(gateway, []).append((device_id, spans))
        return found

    def outages(self) -> dict[str, list[Outage]]:
        """Verify back ends that are down, by platform."""
        found: dict[str, list[Outage]] = {}
        for injection in self.injections:
            if isinstance(injection.fault, VerifyOutage):
                for parent in injection.parents:
                    found.setdefault(parent, []).append(injection.fault.outage(injection.span))
        return found

    def interval_ms(self, device_id: str) -> int:
        device = self.city.devices[device_id]
        return 1000 * device.interval_s if device.interval_s else self.intervals_ms[device.type]


def plan_of(city: City, faults: list[Fault], seed: int, play: Span, file: YamlFile[object]) -> Plan:
    """The plan of a scenario's faults, in the order of its file.

    Raises ConfigErrors, at their places in the file, when a fault names what the city does not have, or fits nothing.
    """
    chooser = _Chooser(city, seed, file)
    injections = [chooser.injection(i, fault, fault.within(play)) for i, fault in enumerate(faults)]
    if chooser.errors:
        raise ConfigErrors(chooser.errors)
    of_device: dict[str, list[Injection]] = {}
    for injection in injections:
        for device_id in injection.devices:
            of_device.setdefault(device_id, []).append(injection)
    intervals_ms = {t.slug: 1000 * t.interval_s for t in city.catalogue.device_types}
    return Plan(city, seed, injections, of_device, intervals_ms)


class _Chooser:
    """Finds devices and parents for one fault after the other; what was picked by lot is not picked again."""

    def __init__(self, city: City, seed: int, file: YamlFile[object]) -> None:
        self.city, self.seed, self.file = city, seed, file
        self.errors: list[ConfigError] = []
        self._picked: set[str] = set()
        self._children = children_of(city)
        self._codes = {name: unit.code for unit in city.admin.values() for name in (unit.code, unit.slug) if name}

    def injection(self, i: int, fault: Fault, span: Span) -> Injection:
        at: Place = ("faults", i)
        if isinstance(fault, (Cut, VerifyOutage)):
            return self._of_parents((*at, "parents"), fault, fault.parents, span)
        devices = [device.id for device in self._devices((*at, "devices"), fault)]
        return Injection(fault, span, devices)

    def _of_parents(self, at: Place, fault: Fault, wanted: ParentSelector, span: Span) -> Injection:
        self._check(at, "ids", wanted.ids, self.city.parents)
        self._check(at, "streets", wanted.streets, self._codes)
        codes = {self._codes[name] for name in wanted.streets if name in self._codes}
        parents = choose_parents(self.city, wanted, codes, self._children, self.seed, fault.title)
        if len(parents) < (wanted.count or 1):
            self._error(at, f"{len(parents)} parents fit, and {wanted.count or 1} are wanted")
        hanging = {parent.id: self._hanging(parent) for parent in parents}
        dark = [child for children in hanging.values() for child in children] if isinstance(fault, Cut) else []
        self._picked.update(dark)
        return Injection(fault, span, dark, hanging)

    def _hanging(self, parent: Parent) -> list[str]:
        return self._children.get(parent.id, [])

    def _devices(self, at: Place, fault: Fault) -> list[Device]:
        wanted = fault.devices
        self._check_names(at, wanted)
        fits = [device for device in self._fitting(wanted) if not fault.types or device.type in fault.types]
        if wanted.count is None and wanted.share is None:
            if not fits:
                self._error(at, "no device of the city fits")
            return fits
        free = [device for device in fits if device.id not in self._picked]
        count = wanted.count if wanted.count is not None else round(len(fits) * share_of(wanted.share or "0%"))
        if len(free) < count:
            self._error(at, f"{len(free)} devices fit and are free of other faults, and {count} are wanted")
        picked = sorted(free, key=lambda device: score_of(self.seed, "pick", fault.title, device.id))[:count]
        self._picked.update(device.id for device in picked)
        return picked

    def _fitting(self, wanted: Selector) -> Iterator[Device]:
        codes = {self._codes.get(name) for name in wanted.streets}
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
        self._check(at, "ids", wanted.ids, self.city.devices)
        self._check(at, "types", wanted.types, {t.slug: t for t in catalogue.device_types})
        self._check(at, "classes", wanted.classes, {c.slug: c for c in catalogue.classes})
        self._check(at, "areas", wanted.areas, self.city.areas)
        self._check(at, "streets", wanted.streets, self._codes)

    def _check(self, at: Place, key: str, names: list[str], known: object) -> None:
        words = list(known)  # type: ignore[call-overload]
        for i, name in enumerate(names):
            if name not in words:
                self.errors.append(
                    self.file.error((*at, key, i), f"the city has no {key} {name!r}", nearest(name, words[:2000]))
                )

    def _error(self, at: Place, message: str) -> None:
        self.errors.append(self.file.error(at, message, "give the fleet more of them, or want fewer"))
