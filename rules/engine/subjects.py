"""Whom the rules of a shard judge: its devices by registry number, then the places that they stand in."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from city.city import City
from city.errors import ConfigError
from city.fleet import Fleet
from rules.engine.plans import PLACES, Kind, place_kinds
from rules.engine.state import NOBODY
from rules.language.pack import Pack

PLACE_INTERVAL_MS = 10_000  # judged at every beat


@dataclass(frozen=True)
class Subjects:
    """d subjects. kind: (d,) int16 into `kinds`. places: (d, 4) int32, rows of their site, area, street and zone in
    `place_ids`, NOBODY where there is none: a street is in no site. ids: of the d. interval_ms: (d,) int64."""

    fleet: Fleet
    kinds: tuple[Kind, ...]
    kind: npt.NDArray[np.int16]
    places: npt.NDArray[np.int32]
    place_ids: tuple[list[str], ...]
    ids: list[str]
    interval_ms: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def per(self, row: int) -> str:
        """What a subject is: a device, or which kind of place."""
        return self.kinds[self.kind[row]].per


def subjects_of(fleet: Fleet, pack: Pack, city: City) -> Subjects:
    """The devices of a fleet, and the places in which devices of a class stand that the pack judges by place."""
    around, place_ids = _places_of(fleet, city)
    kinds = [Kind(risk_class, device_type) for risk_class, device_type in fleet.kinds]
    of_class = np.array([kind.risk_class for kind in kinds])[fleet.kind] if len(fleet) else np.zeros(0, str)
    ids, kind, places = list(fleet.ids), [fleet.kind], [around]
    wanted = {k: i for i, k in enumerate(place_kinds(pack, [c.slug for c in city.catalogue.classes]))}
    rows: list[tuple[int, int, int]] = []
    for what in wanted:
        level = PLACES.index(what.per)
        rows += [(level, int(p), wanted[what]) for p in np.unique(around[of_class == what.risk_class, level])]
    first_at = [dict(zip(*map(np.ndarray.tolist, np.unique(at, return_index=True)), strict=True)) for at in around.T]
    for level, place, which in sorted(rows):
        first = first_at[level][place]
        ids.append(place_ids[level][place])
        kind.append(np.array([len(kinds) + which], np.int16))
        places.append(np.where(np.arange(4) < level, NOBODY, around[first])[None].astype(np.int32))
    interval_ms = np.concatenate([fleet.interval_ms, np.full(len(ids) - len(fleet), PLACE_INTERVAL_MS, np.int64)])
    return Subjects(fleet, (*kinds, *wanted), np.concatenate(kind), np.concatenate(places), place_ids, ids, interval_ms)


def zone_ms_of(city: City) -> int:
    """Local time less UTC, ms. ConfigError for a zone that changes its clocks: hours would be ambiguous."""
    zone = ZoneInfo(city.time_zone)
    offsets = {datetime(2024, month, 1, tzinfo=zone).utcoffset() for month in range(1, 13)}
    if len(offsets) > 1:
        raise ConfigError(Path("city.yaml"), 0, 0, f"{city.time_zone} changes its clocks", "a zone that does not")
    (offset,) = offsets
    return int(offset.total_seconds() * 1000) if offset else 0


def _places_of(fleet: Fleet, city: City) -> tuple[npt.NDArray[np.int32], tuple[list[str], ...]]:
    """Site, area, street and zone of each device, and their ids. A street whose areas lie in several zones is one place
    in each."""
    streets: dict[tuple[str, int], int] = {}
    zone_row = {zone: row for row, zone in enumerate(fleet.zone_ids)}
    street_of_area = np.array(
        [streets.setdefault((city.areas[a].admin, zone_row[city.areas[a].zone]), len(streets)) for a in fleet.area_ids],
        np.int32,
    )
    names = [admin if _alone(admin, streets) else f"{admin}/{fleet.zone_ids[zone]}" for admin, zone in streets]
    street = street_of_area[fleet.area] if len(fleet) else np.zeros(0, np.int32)
    around = np.stack([fleet.site, fleet.area, street, fleet.zone], axis=1).astype(np.int32)
    return around, (fleet.site_ids, fleet.area_ids, names, fleet.zone_ids)


def _alone(admin: str, streets: dict[tuple[str, int], int]) -> bool:
    return sum(code == admin for code, _ in streets) == 1
