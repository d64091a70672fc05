"""Fleets: sites in the areas, and the devices that stand there."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from city.city import City, by_id
from city.errors import ConfigError
from city.generate.contacts import ContactBook
from city.generate.ground import REQUEST, ground_of
from city.generate.hanging import Hanger, Standing, Wiring
from city.generate.names import Names
from city.generate.request import FleetRequest
from city.generate.sites import DEPTH, UNDERPASS, WATERLOGGING, SiteMaker
from city.generate.telemetry import Stations
from city.registry import Area, Device, Parent, ParentKind

CHECKPOINT, VIDEO = "community-checkpoint", "video-coverage"
GAUGES = {"electronic-water-gauge": 0.6, "buried-pressure-level": 0.25, "radar-level": 0.15}
UNDERPASS_GAUGES = {"radar-level": 60, "pressure-level": None}
"""The two at one site, each the other's witness. A radar reports faster here than its type does on a road."""
RAIN_GAUGE, SENTRY = "rain-gauge-tipping", "electronic-sentry"
PLATFORM = "video-platform"
CAMERAS = ("ipc-class1", "ipc-class2")
LANES_A_GATE, CAMERAS_A_POLE = 2, 4
SOURCES = {
    "weather-source": ("QX", "气象预警"),
    "water-source": ("SW", "水情潮位"),
    "platform-source": ("PT", "其他平台预警"),
    "report-source": ("SP", "群众上报"),
}
"""Types of upstream sources: how their ids go on, and what they are called."""
SIGNAL_POINT, REPORT_SOURCE = "signal-point", "report-source"
WATER_FEED, BATTERY = "waterlogging", "battery_voltage"


def generate_fleet(city: City, wanted: FleetRequest, seed: int) -> City:
    """The city with a fleet added: sites, parents, devices, and four contacts for each site with water gauges.

    Same city, request and seed: the same result, byte for byte when written. Ids and registry numbers go on after
    the highest there are, so fleets can be added one after another. Raises ConfigError when the request cannot be
    met: an unknown street or area, no area of a class, a device type that the catalogue lacks or that is no telemetry.
    """
    builder = _Builder(city, wanted, seed)
    builder.water()
    builder.sentries()
    builder.cameras()
    builder.stations()
    if wanted.upstream:
        builder.upstream()
    return builder.city_with_fleet()


class _Builder:
    """Builds one fleet street by street; all that it makes is gathered in its lists."""

    def __init__(self, city: City, wanted: FleetRequest, seed: int) -> None:
        self.city, self.wanted = city, wanted
        self.rng = np.random.default_rng(seed)
        self.ground = ground_of(city, wanted)
        self.prefix = wanted.prefix or next((area.split("-")[0] for area in city.areas), city.id)
        self.names = Names((*city.sites, *city.parents, *city.devices))
        number = 1 + max((device.number for device in city.devices.values()), default=0)
        self.types = {device_type.slug: device_type for device_type in city.catalogue.device_types}
        addressed = self.types if wanted.addresses else {}
        self.hanger = Hanger(self.prefix, self.names, number, set(city.parents), city.devices, addressed)
        self.sites = SiteMaker(self.ground, self.names, ContactBook(city), self.rng)

    def city_with_fleet(self) -> City:
        """The city with all that was made. Raises ConfigError when the catalogue lacks a type that was used."""
        missing = {device.type for device in self.hanger.devices} - self.types.keys()
        if missing:
            message = f"the catalogue has no device type {', '.join(sorted(missing))}"
            raise ConfigError(REQUEST, 0, 0, message, "add it to catalogue.yaml")
        return replace(
            self.city,
            sites={**self.city.sites, **by_id(self.sites.made)},
            parents={**self.city.parents, **by_id(self.hanger.parents)},
            devices={**self.city.devices, **by_id(self.hanger.devices)},
            contacts={**self.city.contacts, **{(c.site, c.slot): c for c in self.sites.contacts}},
        )

    def water(self) -> None:
        """Gauges on roads and in underpasses, and rain gauges beside those on roads."""
        wanted = self.wanted
        on_roads = self.ground.spread(wanted.water_gauges, WATERLOGGING)
        rain = self.ground.spread(wanted.rain_gauges, WATERLOGGING)
        below = self.ground.spread(wanted.underpass_gauges, UNDERPASS)
        widths = {stem: self._width(stem, n, 4) for stem, n in self._water_counts().items()}
        wiring = Wiring(
            "water", "积水", per_gateway=wanted.gauges_per_gateway, per_network=wanted.devices_per_network_zone
        )
        for street in dict.fromkeys((*on_roads, *rain, *below)):
            standing: list[Standing] = []
            for area in dict.fromkeys((*on_roads.get(street, {}), *rain.get(street, {}))):
                counts = on_roads.get(street, {}).get(area, 0), rain.get(street, {}).get(area, 0)
                standing += self._road(self.city.areas[area], *counts, widths)
            for area, count in below.get(street, {}).items():
                standing += self._underpass(self.city.areas[area], count, widths["UP"])
            self.hanger.hang(self.city.admin[street], wiring, standing)

    def _water_counts(self) -> dict[str, int]:
        return {
            "WL": self.wanted.water_gauges,
            "RG": self.wanted.rain_gauges,
            "UP": self.wanted.underpass_gauges,
        }

    def _road(self, area: Area, gauges: int, rain_gauges: int, widths: dict[str, int]) -> Iterator[Standing]:
        """A site for each gauge; rain gauges stand at the same sites, or at their own where there are no others."""
        sites = self.sites.scattered(area, gauges or rain_gauges)
        kinds = self.rng.choice(list(GAUGES), size=gauges, p=list(GAUGES.values())).tolist()
        for id_, kind, site in zip(self._ids("WL", gauges, widths["WL"]), kinds, sites, strict=False):
            yield Standing(id_, kind, site)
        for i, id_ in enumerate(self._ids("RG", rain_gauges, widths["RG"])):
            yield Standing(id_, RAIN_GAUGE, sites[i % len(sites)])

    def _underpass(self, area: Area, gauges: int, width: int) -> Iterator[Standing]:
        kinds = list(UNDERPASS_GAUGES.items())
        sites = self.sites.scattered(area, -(-gauges // len(kinds)))
        for i, id_ in enumerate(self._ids("UP", gauges, width)):
            kind, interval_s = kinds[i % len(kinds)]
            yield Standing(id_, kind, sites[i // len(kinds)], interval_s)

    def sentries(self) -> None:
        """Lanes of electronic sentries, those of a gate at one site."""
        wanted = self.wanted
        width = self._width("ES", wanted.sentries, 4)
        wiring = Wiring(
            "verify",
            "核验",
            per_power=wanted.devices_per_power_zone,
            per_network=wanted.devices_per_network_zone,
            platform=True,
        )
        for street, counts in self.ground.spread(wanted.sentries, CHECKPOINT).items():
            standing = [
                Standing(id_, SENTRY, site)
                for area, count in counts.items()
                for id_, site in self._shared(self.city.areas[area], "ES", count, width, LANES_A_GATE)
            ]
            self.hanger.hang(self.city.admin[street], wiring, standing)

    def cameras(self) -> None:
        """Video points of both classes, a few on a pole, on NVRs."""
        wanted = self.wanted
        total = wanted.cameras_class1 + wanted.cameras_class2
        width = self._width("VC", total, 6)
        wiring = Wiring(
            "video",
            "视频",
            gateway=("nvr", "NVR", "录像机"),
            per_gateway=wanted.channels_per_nvr,
            per_power=wanted.devices_per_power_zone,
            per_network=wanted.devices_per_network_zone,
            platform=True,
            spokesman=PLATFORM,
        )
        first, second = (self.ground.spread(n, VIDEO) for n in (wanted.cameras_class1, wanted.cameras_class2))
        for street in dict.fromkeys((*first, *second)):
            standing = [
                Standing(id_, kind, site)
                for kind, spread in zip(CAMERAS, (first, second), strict=True)
                for area, count in spread.get(street, {}).items()
                for id_, site in self._shared(self.city.areas[area], "VC", count, width, CAMERAS_A_POLE)
            ]
            self.hanger.hang(self.city.admin[street], wiring, standing)

    def stations(self) -> None:
        """Devices of the feed telemetry, in groups. Those on batteries hang on no power zone."""
        wanted = self.wanted
        wiring = Wiring(
            "telemetry",
            "物联",
            per_gateway=wanted.telemetry_per_gateway,
            per_power=wanted.devices_per_power_zone,
            per_network=wanted.devices_per_network_zone,
        )
        stations = Stations(self.city, self.sites, self.prefix, self._depth_sites())
        for street, standing in stations.place(wanted.telemetry).items():
            unit = self.city.admin[street]
            on_battery = [s for s in standing if BATTERY in (self.types[s.type].measures or ())]
            on_mains = [s for s in standing if BATTERY not in (self.types[s.type].measures or ())]
            self.hanger.hang(unit, wiring, on_mains)
            self.hanger.hang(unit, replace(wiring, per_power=0), on_battery)

    def upstream(self) -> None:
        """One source of each type. Those that speak of streets have a point in every street, all at one site of it."""
        sites: dict[tuple[str, str], str] = {}
        for area in self.ground.areas:
            if (area.admin, area.zone) not in sites:
                sites[area.admin, area.zone] = self.sites.scattered(area, 1)[0]
        street, home = next((street, site) for (street, _), site in sites.items())
        for type_, (stem, zh) in SOURCES.items():
            (id_,) = self._ids(stem, 1, 4)
            parent = Parent(id=id_, kind=ParentKind.GATEWAY, name=f"{zh}接入", admin=street)
            there = [] if type_ == REPORT_SOURCE else list(sites.values())
            names = self._ids(f"{stem}-P", len(there), self._width(f"{stem}-P", len(there), 3))
            points = [Standing(name, SIGNAL_POINT, site) for name, site in zip(names, there, strict=True)]
            self.hanger.hang_source(parent, Standing(id_, type_, home), points)

    def _depth_sites(self) -> dict[str, list[str]]:
        """Ids of the sites with water gauges, those of before and the new ones, by area."""
        area_of = {site.id: site.area for site in (*self.city.sites.values(), *self.sites.made)}
        devices: Iterator[Device] = chain(self.city.devices.values(), self.hanger.devices)
        gauged = dict.fromkeys(d.site for d in devices if d.valid_to is None and self._measures_depth(d.type))
        found: dict[str, list[str]] = {}
        for site in gauged:
            found.setdefault(area_of[site], []).append(site)
        return found

    def _measures_depth(self, slug: str) -> bool:
        device_type = self.types.get(slug)
        return bool(device_type and device_type.feed == WATER_FEED and DEPTH in (device_type.measures or [DEPTH]))

    def _shared(self, area: Area, stem: str, count: int, width: int, a_site: int) -> Iterator[tuple[str, str]]:
        """Ids of `count` devices of an area, `a_site` of them at each of its new sites, with the site of each."""
        sites = self.sites.scattered(area, -(-count // a_site))
        for i, id_ in enumerate(self._ids(stem, count, width)):
            yield id_, sites[i // a_site]

    def _ids(self, stem: str, count: int, width: int) -> list[str]:
        return self.names.take(f"{self.prefix}-{stem}-", count, width)

    def _width(self, stem: str, count: int, least: int) -> int:
        return self.names.width(f"{self.prefix}-{stem}-", count, least)
