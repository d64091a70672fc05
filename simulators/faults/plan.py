"""A Plan determines which faults befall which devices, and when: the same for the same scenario and city."""

from dataclasses import dataclass, field

from city.city import City
from city.errors import ConfigErrors
from city.misfits import Place
from city.yamlfile import YamlFile
from simulators.choosing import Chooser
from simulators.faults.fault import Fault, Target, Transform
from simulators.faults.parents import Cut, ParentSelector, VerifyOutage, children_of, choose_parents
from simulators.fleets import Outage
from simulators.message import Stamper
from simulators.seeds import rng_of
from simulators.words import Span


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
    chooser = Chooser(city, seed, file)
    victims = _Victims(chooser)
    injections = [victims.injection(i, fault, fault.within(play)) for i, fault in enumerate(faults)]
    if chooser.errors:
        raise ConfigErrors(chooser.errors)
    of_device: dict[str, list[Injection]] = {}
    for injection in injections:
        for device_id in injection.devices:
            of_device.setdefault(device_id, []).append(injection)
    intervals_ms = {t.slug: 1000 * t.interval_s for t in city.catalogue.device_types}
    return Plan(city, seed, injections, of_device, intervals_ms)


class _Victims:
    """Finds devices and parents for one fault after the other."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser, self._city = chooser, chooser.city
        self._children = children_of(chooser.city)

    def injection(self, i: int, fault: Fault, span: Span) -> Injection:
        at: Place = ("faults", i)
        if isinstance(fault, (Cut, VerifyOutage)):
            return self._of_parents((*at, "parents"), fault, fault.parents, span)
        devices = self._chooser.devices((*at, "devices"), fault.title, fault.devices, fault.types)
        return Injection(fault, span, [device.id for device in devices])

    def _of_parents(self, at: Place, fault: Fault, wanted: ParentSelector, span: Span) -> Injection:
        chooser = self._chooser
        chooser.check(at, "ids", wanted.ids, self._city.parents)
        chooser.check(at, "streets", wanted.streets, chooser.codes)
        codes = {chooser.codes[name] for name in wanted.streets if name in chooser.codes}
        parents = choose_parents(self._city, wanted, codes, self._children, chooser.seed, fault.title)
        if len(parents) < (wanted.count or 1):
            chooser.error(at, f"{len(parents)} parents fit, and {wanted.count or 1} are wanted")
        hanging = {parent.id: self._children.get(parent.id, []) for parent in parents}
        dark = [child for children in hanging.values() for child in children] if isinstance(fault, Cut) else []
        chooser.picked.update(dark)
        return Injection(fault, span, dark, hanging)
