"""Upstream determines what a source's words become: readings of the places that it speaks to.

No memory: which warning is the newest, the engine knows by event time, as of every reading, and keeps it over restarts.
So each message says by itself all that follows from it: the level, how long it stands, and its place in the order.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from city.city import City
from city.misfits import nearest
from city.registry import Device
from city.signals import LONGEST_H, WITNESS_SLOT_MS, Event, Source, Witness, plain_word, value_of
from ingest.contract import Report, Signal
from ingest.dead_letters import Reason, Refused
from ingest.decode import to_ms

SIGNAL_FEED = "signal"
TABLE = "signals.yaml"
LONGEST_S = LONGEST_H * 3600
METRES_A_DEGREE = 111_195.0  # of latitude, as rules measure distances
_HALVES = 2  # a notice is half a level


class Told(NamedTuple):
    """A reading of a row of the fleet. `seq` is made of what it says, so that of two warnings of one second the same
    one counts in whatever order they come, and a repetition is a duplicate."""

    row: int
    indicator: str
    ms: int
    value: float
    seq: int


class Upstream:
    """Knows the sources of a city and the points that each speaks to: those that have it as their gateway."""

    def __init__(self, city: City, row_of: Mapping[str, int]) -> None:
        self._city = city
        self._top = next((unit.code for unit in city.admin.values() if unit.parent is None), "")
        sources = {source.type: source for source in city.signals.sources}
        feeds = {t.slug: t.feed for t in city.catalogue.device_types}
        speaking = [d for d in city.devices.values() if d.in_service and feeds[d.type] == SIGNAL_FEED]
        self._sources = {row_of[d.id]: sources[d.type] for d in speaking if d.type in sources}
        self._points: dict[int, list[int]] = {}
        self._covers: dict[int, frozenset[str]] = {}
        for device in speaking:
            above = row_of.get(device.gateway or "")
            if above is not None and device.gateway != device.id:
                self._points.setdefault(above, []).append(row_of[device.id])
                self._covers[row_of[device.id]] = self._places_of(device)
        nearby = [(witness, _Nearby(witness, city, row_of)) for witness in city.signals.reports]
        self._nearby = {plain_word(word): found for witness, found in nearby for word in witness.words}

    def told(self, row: int, message: Signal | Report, ms: int) -> list[Told]:
        """What a message of the source in a row, issued at `ms`, is told as. Nothing of exercises and tests. Raises
        Refused."""
        if message.report != "live":
            return []
        return self._of_signal(row, message, ms) if isinstance(message, Signal) else self._of_report(message, ms)

    def _of_signal(self, row: int, signal: Signal, ms: int) -> list[Told]:
        if signal.type == "heartbeat":
            return []
        source = self._source(row, signal)
        event = _event(source, signal)
        ms = max([ms, *(to_ms(reference.ts) + 1 for reference in signal.references)])
        value, lasts_s = _meaning(source, event, signal, ms)
        seq = int(value * _HALVES) << 28 | lasts_s
        return [
            Told(point, f"{event.kind}_{part}", ms, number, seq)
            for point in self._reached(row, signal.places)
            for part, number in (("told", value), ("valid", float(lasts_s)))
        ]

    def _of_report(self, report: Report, ms: int) -> list[Told]:
        if report.category is None:
            return []
        if report.lat is None or report.lon is None:
            raise Refused(Reason.SCHEMA, "a report names its place: lat and lon")
        nearby = self._nearby.get(plain_word(report.category))
        if nearby is None:
            detail = (
                f"{TABLE}, reports: no category {report.category!r}: {nearest(report.category, list(self._nearby))}"
            )
            raise Refused(Reason.SIGNAL, detail)
        slot_ms = ms - ms % WITNESS_SLOT_MS
        return [Told(row, nearby.indicator, slot_ms, 1.0, 0) for row in nearby.rows(report.lat, report.lon)]

    def _source(self, row: int, signal: Signal) -> Source:
        source = self._sources.get(row)
        if source is None:
            raise Refused(Reason.SIGNAL, f"{TABLE} has no source of the type of {signal.device_id}: add it to sources")
        if source.senders and signal.sender not in source.senders:
            told = f"{signal.sender!r} is none of its senders, {', '.join(source.senders)}"
            remedy = "another office's warnings come from a source of their own, or they would take back each other's"
            raise Refused(Reason.SIGNAL, f"{TABLE}, {source.type}: {told}; {remedy}")
        return source

    def _reached(self, row: int, places: list[str]) -> list[int]:
        """Points in any of some places. A place elsewhere reaches none; Refused: one of ours that reaches none."""
        if not places:
            raise Refused(Reason.SCHEMA, "no places: administrative codes or ids of monitoring areas")
        points = self._points.get(row, [])
        reached: dict[int, None] = {}
        for place in dict.fromkeys(map(self._plain_place, places)):
            if place is None:
                continue
            there = [point for point in points if place in self._covers[point]]
            if not there:
                raise Refused(Reason.SIGNAL, f"no signal-point of this source stands in {place}: register one there")
            reached.update(dict.fromkeys(there))
        return list(reached)

    def _plain_place(self, place: str) -> str | None:
        """A place as points know it; None for one elsewhere. GB/T 2260: 440000 is the province, 440300 the city; longer
        codes end in zeros where they mean something larger."""
        code = place.strip()
        while len(code) > 6 and code.endswith("000") and code not in self._city.admin:
            code = code[:-3]
        if code in self._city.admin or code in self._city.areas:
            return code
        if not code.isascii() or not code.isdigit() or len(code) < 6:
            raise Refused(Reason.SIGNAL, f"place {place!r} is no administrative code, and no monitoring area of ours")
        if len(code) == 6 and any(code == self._top[:n].ljust(6, "0") for n in (0, 2, 4)):
            return self._top
        if code.startswith(self._top):
            raise Refused(Reason.SIGNAL, f"place {place!r} would be one of ours, and the registry does not know it")
        return None

    def _places_of(self, point: Device) -> frozenset[str]:
        area = self._city.area_of(point)
        return frozenset((area.id, *(unit.code for unit in self._city.ancestors(area.admin))))


def _event(source: Source, signal: Signal) -> Event:
    if signal.hazard is None:
        raise Refused(Reason.SCHEMA, "no hazard: what is warned of; a cancel says it too")
    events = {plain_word(word): event for event in source.events for word in event.words}
    event = events.get(plain_word(signal.hazard))
    if event is None:
        detail = f"{TABLE}, {source.type}: no event {signal.hazard!r}: {nearest(signal.hazard, list(events))}"
        raise Refused(Reason.SIGNAL, detail)
    return event


def _meaning(source: Source, event: Event, signal: Signal, ms: int) -> tuple[float, int]:
    """Value of a signal and how many seconds it stands."""
    if signal.type == "cancel":
        return 0.0, 0
    grades = {plain_word(word): grade for word, grade in event.levels.items()}
    grade = grades.get(plain_word(signal.level or ""))
    if grade is None:
        known = f"{source.type}, {event.kind} has {', '.join(event.levels)}"
        raise Refused(Reason.SIGNAL, f"{TABLE}, {known}, and no level {signal.level!r}")
    lasts_s = event.lasts_h * 3600 if signal.expires is None else (to_ms(signal.expires) - ms) / 1000
    return value_of(grade), int(min(max(lasts_s, 0), LONGEST_S))


class _Nearby:
    """The devices of some classes, by place."""

    def __init__(self, witness: Witness, city: City, row_of: Mapping[str, int]) -> None:
        self.indicator, self._within_m = witness.indicator, witness.within_m
        there = [d for d in city.devices.values() if d.in_service and city.area_of(d).risk_class in witness.classes]
        self._rows = np.array([row_of[device.id] for device in there], np.int64)
        sites = [city.sites[device.site] for device in there]
        self._lat, self._lon = (np.array([getattr(site, axis) for site in sites], float) for axis in ("lat", "lon"))

    def rows(self, lat: float, lon: float) -> list[int]:
        """Rows of the devices within the witness's distance of a place."""
        east = (self._lon - lon) * np.cos(np.radians(lat))
        far_m = np.hypot(self._lat - lat, east) * METRES_A_DEGREE
        found: list[int] = self._rows[far_m <= self._within_m].tolist()
        return found
