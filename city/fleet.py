"""The devices in service as columns: what ingest and the engine look things up in."""

from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from city.city import City
from city.registry import PARENT_KINDS

NOWHERE = -1


@dataclass(frozen=True)
class Fleet:
    """n devices in service, by rising registry number. A *kind* is a pair of risk class and device type: the rules
    that judge a device depend on nothing else of it.

    number: (n,) uint32. ids: n device ids. kind: (n,) int16 into `kinds`. site, area, zone: (n,) int32 into the
    lists of those names. parents: (n, 4) int32 into `parent_ids`, one column a ParentKind, NOWHERE where it has
    none. interval_ms: (n,) int64, between two signs of life.
    """

    number: npt.NDArray[np.uint32]
    ids: list[str]
    kind: npt.NDArray[np.int16]
    site: npt.NDArray[np.int32]
    area: npt.NDArray[np.int32]
    zone: npt.NDArray[np.int32]
    parents: npt.NDArray[np.int32]
    interval_ms: npt.NDArray[np.int64]
    kinds: list[tuple[str, str]]
    site_ids: list[str]
    area_ids: list[str]
    zone_ids: list[str]
    parent_ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row by device id."""
        return {device_id: row for row, device_id in enumerate(self.ids)}

    def where(self, rows: npt.NDArray[np.bool_]) -> "Fleet":
        """The fleet of some rows; the lists that its columns point into stay whole."""
        return Fleet(
            self.number[rows],
            [device_id for device_id, keep in zip(self.ids, rows, strict=True) if keep],
            self.kind[rows],
            self.site[rows],
            self.area[rows],
            self.zone[rows],
            self.parents[rows],
            self.interval_ms[rows],
            self.kinds,
            self.site_ids,
            self.area_ids,
            self.zone_ids,
            self.parent_ids,
        )


def fleet_of(city: City) -> Fleet:
    """Every device of the city that is in service. The city must be consistent (`City.problems` is empty)."""
    devices = sorted((d for d in city.devices.values() if d.in_service), key=lambda d: d.number)
    types = {t.slug: t for t in city.catalogue.device_types}
    site_row = {site: row for row, site in enumerate(city.sites)}
    area_row = {area: row for row, area in enumerate(city.areas)}
    zone_row = {zone: row for row, zone in enumerate(city.zones)}
    parent_row: dict[str | None, int] = {parent: row for row, parent in enumerate(city.parents)}
    parent_row[None] = NOWHERE
    areas = [city.area_of(d) for d in devices]
    kinds: dict[tuple[str, str], int] = {}
    kind = [kinds.setdefault((a.risk_class, d.type), len(kinds)) for a, d in zip(areas, devices, strict=True)]
    above = attrgetter(*(kind.value for kind in PARENT_KINDS))
    parents = [[parent_row[parent] for parent in above(d)] for d in devices]
    return Fleet(
        number=np.array([d.number for d in devices], np.uint32),
        ids=[d.id for d in devices],
        kind=np.array(kind, np.int16),
        site=np.array([site_row[d.site] for d in devices], np.int32),
        area=np.array([area_row[a.id] for a in areas], np.int32),
        zone=np.array([zone_row[a.zone] for a in areas], np.int32),
        parents=np.array(parents, np.int32).reshape(len(devices), len(PARENT_KINDS)),
        interval_ms=np.array([(d.interval_s or types[d.type].interval_s) * 1000 for d in devices], np.int64),
        kinds=list(kinds),
        site_ids=list(city.sites),
        area_ids=list(city.areas),
        zone_ids=list(city.zones),
        parent_ids=list(city.parents),
    )
