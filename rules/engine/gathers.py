"""Who stands around whom: the members of each gathering, settled once for a fleet. docs/rules.md, clause 9."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from city.city import City
from rules.engine.assemble import Gathering, sample_ms
from rules.engine.codes import OF_SERIES, OF_SILENCE, OF_TRACKS, OF_WATCHES
from rules.engine.machine import CURRENT_SAMPLES, LEAST_CURRENT_MS
from rules.engine.plans import PLACES
from rules.engine.program import Compiled
from rules.engine.state import Array
from rules.engine.subjects import Subjects
from rules.language.expressions import LevelOf, Online, Place, Reading

EARTH_M = 6_371_000.0
NEAREST = 32
"""Sites at most that are asked around a site: the bound on what a sentence about neighbours costs."""
SITE, ZONE = PLACES.index("site"), PLACES.index("zone")


def gather_all(city: City, subjects: Subjects, compiled: Compiled, devices: Any) -> tuple[Array, Array, Array]:
    """State.gather_start, members and member_current; fills in Program.gatherings."""
    starts: list[Array] = [np.zeros(1, np.int64)]
    members: list[Array] = [np.zeros(0, np.int32)]
    currents: list[Array] = [np.zeros(0, np.int64)]
    total = groups_before = 0
    rows = zip(compiled.program.gatherings, compiled.gatherings, compiled.asked_by, strict=True)
    for row, gathering, asking in rows:
        asked = _asked(gathering, subjects, compiled, devices)
        group = _group(gathering)
        askers = np.isin(subjects.kind, [kind for kind, plan in enumerate(compiled.kinds) if plan.kind in asking])
        counts, order = _by_place(gathering, group, asked, askers, subjects, city)
        row["first"], row["group"], row["source"] = groups_before, group, asked.source
        row["others"] = gathering.place in (Place.WITHIN, Place.UPSTREAM)
        starts.append(total + np.cumsum(counts))
        members.append(asked.rows[order].astype(np.int32))
        currents.append(asked.current[order])
        total, groups_before = total + int(counts.sum()), groups_before + len(counts)
    return np.concatenate(starts), np.concatenate(members), np.concatenate(currents)


class _Asked:
    """n members: the subject of each, its row of series, tracks or watches, and for how long a value is current (or,
    for levels and silence, the subject again)."""

    def __init__(self, source: int, subject: list[Any], rows: list[Any], current: list[Any]) -> None:
        self.source = source
        self.subject, self.rows, self.current = (
            np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64) for parts in (subject, rows, current)
        )
        order = np.argsort(self.subject, kind="stable")
        self.subject, self.rows, self.current = self.subject[order], self.rows[order], self.current[order]


def _group(gathering: Gathering) -> int:
    around = gathering.place in (Place.WITHIN, Place.UPSTREAM)
    return SITE if around else PLACES.index(gathering.place.value)


def _asked(gathering: Gathering, subjects: Subjects, compiled: Compiled, devices: Any) -> _Asked:
    source = OF_SERIES
    subject: list[Any] = []
    rows: list[Any] = []
    current: list[Any] = []
    pack = compiled.pack
    for kind, plan in enumerate(compiled.kinds):
        if gathering.types and plan.kind.device_type not in gathering.types:
            continue
        of_kind = np.flatnonzero(subjects.kind == kind)
        match gathering.member:
            case Reading(indicator):
                column = plan.column_of(indicator)
                if column is not None:
                    lasts = np.maximum(sample_ms(plan, column), subjects.interval_ms[of_kind])
                    subject.append(of_kind)
                    rows.append(devices["series"][of_kind] + column)
                    current.append(np.maximum(CURRENT_SAMPLES * lasts, LEAST_CURRENT_MS))
            case LevelOf(rule):
                for place, row in enumerate(plan.tracks):
                    if pack.levels[row].id == rule:
                        source = OF_TRACKS
                        subject.append(of_kind)
                        rows.append(devices["track"][of_kind] + place)
                for place, row in enumerate(plan.watches):
                    if pack.absences[row].id == rule:
                        source = OF_WATCHES
                        subject.append(of_kind)
                        rows.append(devices["watch"][of_kind] + place)
            case Online():
                source = OF_SILENCE
                for place, row in enumerate(plan.watches):
                    if pack.absences[row].of is None:
                        subject.append(of_kind)
                        rows.append(devices["watch"][of_kind] + place)
    return _Asked(source, subject, rows, current or subject)


def _by_place(
    gathering: Gathering, group: int, asked: _Asked, askers: Array, subjects: Subjects, city: City
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many members each group has, and the members of all groups in order."""
    groups = len(subjects.place_ids[group])
    at = subjects.places[asked.subject, group]
    order = np.argsort(at, kind="stable")
    order = order[at[order] >= 0]
    if gathering.place not in (Place.WITHIN, Place.UPSTREAM):
        return np.bincount(at[order], minlength=groups).astype(np.int64), order
    first = np.searchsorted(at[order], np.arange(groups + 1))
    pairs = (
        _upstream(subjects, city) if gathering.place is Place.UPSTREAM else _near(gathering, at, askers, subjects, city)
    )
    many = (first[1:] - first[:-1])[pairs[:, 1]]
    site = np.repeat(pairs[:, 0], many)
    place = np.arange(len(site)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first[pairs[:, 1]], many)
    member = order[place]
    in_order = np.lexsort((member, site))
    return np.bincount(site, minlength=groups).astype(np.int64), member[in_order]


def _upstream(subjects: Subjects, city: City) -> Array:
    """(n, 2) int64: rows of sites, and of the sites upstream of them."""
    row = {site: i for i, site in enumerate(subjects.place_ids[SITE])}
    pairs = [(row[site], row[up]) for site in row for up in city.sites[site].upstream if up in row]
    return np.array(pairs, np.int64).reshape(len(pairs), 2)


def _near(gathering: Gathering, at: Array, askers: Array, subjects: Subjects, city: City) -> Array:
    """(n, 2) int64: sites of those who ask, and the sites of members near them, in the same zone."""
    sites = [city.sites[site] for site in subjects.place_ids[SITE]]
    zones = {zone: row for row, zone in enumerate(subjects.place_ids[ZONE])}
    lat, lon = (np.radians(np.array([getattr(site, axis) for site in sites], np.float64)) for axis in ("lat", "lon"))
    zone = np.array([zones[city.areas[site.area].zone] for site in sites], np.int32)
    here = np.unique(subjects.places[askers, SITE])
    here = here[here >= 0].astype(np.int64)
    there = np.unique(at[at >= 0]).astype(np.int64)
    there = there[np.argsort(lat[there], kind="stable")]
    return np.asarray(near_pairs(here, there, lat, lon, zone, gathering.radius_m / EARTH_M))


@njit(cache=True)
def near_pairs(here: Array, there: Array, lat: Array, lon: Array, zone: Array, angle: float) -> Array:
    """(n, 2) int64: each site of `here` with those of `there` (sorted by latitude) in its zone that are no farther, as
    an angle; the nearest NEAREST of them. It looks north and south from the site, no farther than the worst so far."""
    pairs = np.empty((len(here) * min(NEAREST, len(there)), 2), np.int64)
    best, which = np.empty(NEAREST), np.empty(NEAREST, np.int64)
    lats = lat[there]
    n = 0
    for site in here:
        found = 0
        start = np.searchsorted(lats, lat[site])
        for step in (1, -1):
            i = start if step == 1 else start - 1
            while 0 <= i < len(there):
                other = there[i]
                i += step
                least = abs(lat[other] - lat[site])
                if least > angle or (found == NEAREST and least > best[found - 1]):
                    break
                if zone[other] != zone[site]:
                    continue
                a = np.sin((lat[other] - lat[site]) / 2) ** 2
                b = np.cos(lat[site]) * np.cos(lat[other]) * np.sin((lon[other] - lon[site]) / 2) ** 2
                far = 2 * np.arcsin(np.sqrt(a + b))
                if far > angle or (found == NEAREST and not is_nearer(far, other, best[found - 1], which[found - 1])):
                    continue
                found = min(found + 1, NEAREST)
                k = found - 1
                while k > 0 and is_nearer(far, other, best[k - 1], which[k - 1]):
                    best[k], which[k] = best[k - 1], which[k - 1]
                    k -= 1
                best[k], which[k] = far, other
        for k in range(found):
            pairs[n, 0], pairs[n, 1] = site, which[k]
            n += 1
    return pairs[:n]


@njit(cache=True, inline="always")
def is_nearer(far: float, site: int, than_far: float, than_site: int) -> bool:
    return far < than_far or (far == than_far and site < than_site)
