"""Stations of the feed telemetry: which groups go to which area, and the sites and devices of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from city.catalogue import DeviceType
from city.city import City, by_id
from city.errors import ConfigError
from city.generate.ground import REQUEST
from city.generate.hanging import Standing
from city.generate.places import distance_m, level
from city.generate.sites import WATERLOGGING, Marks, SiteMaker
from city.generate.stands import MARKS, STANDS, TIDE_GAUGE, TIDE_LINKED, TIDE_REACH_M, Lie, Stand
from city.misfits import nearest
from city.registry import Area, Site

FEED = "telemetry"


@dataclass(frozen=True)
class Group:
    """One group to be made. devices: ids of each type's devices in it; no list is empty."""

    area: Area
    devices: Mapping[str, list[str]]


@dataclass
class Stations:
    """Places stations. depth_sites: ids of sites with water gauges, by area."""

    city: City
    sites: SiteMaker
    prefix: str
    depth_sites: Mapping[str, list[str]]

    def place(self, wanted: Mapping[str, int]) -> dict[str, list[Standing]]:
        """Stations in so many devices by type: those that stand in each street, by its code, neighbours together.

        Whatever the order of `wanted`, the result is the same. Raises ConfigError when it names a type that the
        catalogue lacks or one of another feed, or when no area of a type's classes lies there.
        """
        types: dict[str, DeviceType] = by_id(self.city.catalogue.device_types, "slug")
        for slug in wanted:
            _check(slug, types)
        counts = {slug: wanted[slug] for slug in sorted(wanted) if wanted[slug]}
        by_area: dict[str, list[Standing]] = {area.id: [] for area in self.sites.ground.areas}
        for stand, classes in _stands_of(counts, types):
            for group in self._groups(stand, classes, {slug: counts[slug] for slug in stand.types}):
                by_area[group.area.id] += self._stand(stand, group)
        self._link_to_tide({s.site for there in by_area.values() for s in there if s.type == TIDE_GAUGE})
        by_street: dict[str, list[Standing]] = {}
        for area, there in by_area.items():
            by_street.setdefault(self.city.areas[area].admin, []).extend(there)
        return by_street

    def _groups(self, stand: Stand, classes: list[str], counts: Mapping[str, int]) -> Iterator[Group]:
        """Groups, dealt to the areas in turn. Each type is in as many of them as it can fill, the first ones."""
        areas = self._areas(stand, classes, counts)
        if stand.lie is Lie.GAUGES:
            for slug, count in counts.items():
                for area, n in _flat(self.sites.ground.spread_over(areas, count)).items():
                    yield Group(self.city.areas[area], {slug: self._ids(slug, n)})
            return
        most = len(areas) if stand.single else max(counts.values())
        groups = {slug: max(1, min(most, n // stand.types[slug])) for slug, n in counts.items()}
        shares = {slug: level(n, [0] * groups[slug]) for slug, n in counts.items()}
        number = max(len(share) for share in shares.values())
        spread = _flat(self.sites.ground.spread_over(areas, number))
        deal = sorted((turn, rank, area) for rank, (area, n) in enumerate(spread.items()) for turn in range(n))
        for i, (_, _, area) in enumerate(deal):
            devices = {slug: self._ids(slug, share[i]) for slug, share in shares.items() if i < len(share)}
            yield Group(self.city.areas[area], devices)

    def _areas(self, stand: Stand, classes: list[str], counts: Mapping[str, int]) -> list[Area]:
        """Where the groups may go: areas of the classes, of these those with gauges or a fitting name if any has."""
        what = ", ".join(f"{n} {slug}" for slug, n in counts.items())
        areas = self.sites.ground.of_classes(classes, what)
        if stand.lie is Lie.GAUGES:
            fitting = [area for area in areas if area.id in self.depth_sites]
        else:
            fitting = [area for area in areas if any(word in area.name for word in stand.where)]
        return fitting or areas

    def _ids(self, slug: str, count: int) -> list[str]:
        stem = f"{self.prefix}-{slug.upper()}-"
        return self.sites.names.take(stem, count, self.sites.names.width(stem, count, 4))

    def _stand(self, stand: Stand, group: Group) -> list[Standing]:
        """The devices of a group, site by site."""
        sites = self._sites(stand, group)
        most = max(len(ids) for ids in group.devices.values())
        return [
            Standing(ids[i], slug, sites[i % len(sites)])
            for i in range(most)
            for slug, ids in group.devices.items()
            if i < len(ids)
        ]

    def _sites(self, stand: Stand, group: Group) -> list[str]:
        """Ids of the sites that the devices of each type take in turn: new ones, or those of gauges."""
        if stand.lie is Lie.GAUGES and group.area.id in self.depth_sites:
            return self.depth_sites[group.area.id]
        count = 1 if stand.lie is Lie.ONE else max(len(ids) for ids in group.devices.values())
        marks = self._marks(group, count)
        if stand.lie is Lie.CHAIN:
            return self.sites.chain(group.area, count, stand.step_m, marks)
        return self.sites.scattered(group.area, count, marks)

    def _marks(self, group: Group, count: int) -> list[Marks]:
        """Reference levels of the `count` sites of a group: those of the types that stand there."""
        marks: list[Marks] = [{} for _ in range(count)]
        for mark, ids in [(MARKS[slug], ids) for slug, ids in group.devices.items() if slug in MARKS]:
            drawn = self.sites.rng.uniform(mark.least, mark.most, count).round(mark.decimals).tolist()
            for i in range(min(count, len(ids))):
                marks[i][mark.name] = drawn[0 if mark.shared else i]
        return marks

    def _link_to_tide(self, gauges: set[str]) -> None:
        """Marks half of the made-up waterlogging sites that lie near one of these new sites with tide gauges."""
        sites: dict[str, Site] = {**self.city.sites, **by_id(self.sites.made)}
        linked = [
            site
            for site in sites.values()
            if site.illustrative
            and self.city.areas[site.area].risk_class == WATERLOGGING
            and any(self._tide_reaches(site, sites[gauge]) for gauge in sorted(gauges))
        ]
        for place in sorted(self.sites.rng.permutation(len(linked))[: -(-len(linked) // 2)].tolist()):
            levels = {**linked[place].reference_levels, TIDE_LINKED: 1.0}
            changed = msgspec.structs.replace(linked[place], reference_levels=levels)
            sites[changed.id] = changed
        new = {site.id for site in self.sites.made} | {site.id for site in linked}
        self.sites.made = [site for site in sites.values() if site.id in new]

    def _tide_reaches(self, site: Site, gauge: Site) -> bool:
        in_zone = self.city.areas[site.area].zone == self.city.areas[gauge.area].zone
        return in_zone and distance_m(site.lat, site.lon, gauge.lat, gauge.lon) <= TIDE_REACH_M


def _check(slug: str, types: Mapping[str, DeviceType]) -> None:
    """Raises ConfigError when a type cannot be asked for as telemetry."""
    if slug not in types:
        known = [t.slug for t in types.values() if t.feed == FEED]
        message = f"telemetry.{slug}: the catalogue has no device type {slug!r}"
        raise ConfigError(REQUEST, 0, 0, message, nearest(slug, known))
    if types[slug].feed != FEED:
        message = f"telemetry.{slug}: {slug} speaks the feed {types[slug].feed}, not {FEED}"
        raise ConfigError(REQUEST, 0, 0, message, "ask for it by its own sort, e.g. water_gauges or cameras_class1")


def _stands_of(counts: Mapping[str, int], types: Mapping[str, DeviceType]) -> Iterator[tuple[Stand, list[str]]]:
    """What stands together of the types asked for, and the classes that they have in common; types of which we know
    nothing stand alone."""
    known = {slug for stand in STANDS for slug in stand.types}
    for stand in (*STANDS, *(Stand({slug: 1}) for slug in counts if slug not in known)):
        for classes in dict.fromkeys(tuple(types[slug].classes) for slug in stand.types if slug in counts):
            together = {t: n for t, n in stand.types.items() if t in counts and tuple(types[t].classes) == classes}
            yield replace(stand, types=together), list(classes)


def _flat(spread: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Counts by area, of `Ground.spread_over`; none is 0."""
    return {area: n for counts in spread.values() for area, n in counts.items() if n}
