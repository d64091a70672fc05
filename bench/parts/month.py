"""A month of a city in InfluxDB, as large as it is in life: every device in every part of the index, and whole, to
the point, whatever a board can ask for at once."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import msgspec
import numpy as np
import numpy.typing as npt

from city.city import City
from city.levels import Level
from city.readings import Batch
from city.registry import Area, Device
from city.series import STANDING_MS, Measurement, Statistic
from city.transitions import Nature
from streams.series.census import Census
from streams.series.lines import CAMERAS, Point, ReadingLines, transition_line
from streams.series.moment import points
from streams.series.paper import IncidentRecord, Paper, TicketRecord
from streams.series.register import DAY_MS, register_points
from streams.series.rollups import WORDS
from streams.series.standing import Standing
from tests.reports import reports_until
from tests.unit.stories import Teller

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
DAYS = 30
RAW_MS, MINUTES_MS = 3 * DAY_MS, 3 * DAY_MS
"""How far back boards ask for points of a street, and for minutes."""
SUMMED_MS = 5 * MINUTE_MS
SPARSE_MINUTES_MS = 7 * DAY_MS
"""Of minutes and hours InfluxDB has one index a week, of points one a day."""
INCIDENTS_A_DAY, RULES = 200, 100
LEVELS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
VALUES_OF_A_MESSAGE = 4
AT_ONCE = 50_000

Lines = Iterator[str]


@dataclass(frozen=True)
class Month:
    """`drawn`: devices whose curves boards draw, and `chosen`: also those of weeks; `full_ms`: for so long before its
    end every device has said all that it says in life."""

    city: City
    drawn: frozenset[str]
    chosen: frozenset[str]
    end_ms: int
    full_ms: int

    def raw(self) -> Lines:
        """Lines of the bucket of points."""

        def times(device: Device, interval_ms: int) -> npt.NDArray[np.int64]:
            reach_ms = RAW_MS if device.id in self.drawn else self.full_ms
            reach_ms = DAYS * DAY_MS if device.id in self.chosen else reach_ms
            return np.union1d(self._until_end(DAYS * DAY_MS, DAY_MS), self._until_end(reach_ms, interval_ms))

        yield from self._readings(times)
        yield from self._standings(DAY_MS, STANDING_MS)
        yield from self._registers()
        yield from self._paper()
        yield from reports_until(self.end_ms, DAY_MS)
        for at_ms in self._until_end(DAYS * DAY_MS, 10_000).tolist():
            yield Point(Measurement.TICK, {"ingest": "ingest-1", "shard": "0"}, {"up": 1, "step_ms": 1000}).line(at_ms)

    def minutes(self) -> Lines:
        """Lines of the bucket of minutes."""

        def times(device: Device, interval_ms: int) -> npt.NDArray[np.int64]:
            sparse = self._until_end(DAYS * DAY_MS, SPARSE_MINUTES_MS)
            often = self._until_end(MINUTES_MS, max(interval_ms, MINUTE_MS))
            return np.union1d(sparse, often) if device.id in self.drawn | self.chosen else sparse

        yield from _named(self._readings(times, cameras=False), Measurement.READING, [Statistic.MEAN])
        yield from self._standings(MINUTES_MS, MINUTE_MS, without=WORDS)
        yield from self._summaries(MINUTES_MS, SUMMED_MS)

    def hours(self) -> Lines:
        """Lines of the bucket of hours."""

        def times(device: Device, interval_ms: int) -> npt.NDArray[np.int64]:
            sparse = self._until_end(DAYS * DAY_MS, SPARSE_MINUTES_MS)
            often = self._until_end(DAYS * DAY_MS, max(interval_ms, HOUR_MS))
            return np.union1d(sparse, often) if device.id in self.drawn | self.chosen else sparse

        yield from _named(self._readings(times, cameras=False), Measurement.READING, Statistic)
        yield from self._standings(DAYS * DAY_MS, HOUR_MS, without=WORDS)
        yield from self._summaries(DAYS * DAY_MS, HOUR_MS)

    def _until_end(self, reach_ms: int, step_ms: int) -> npt.NDArray[np.int64]:
        """Times of a grid, the newest within a step of the end."""
        return np.arange(self.end_ms - reach_ms, self.end_ms, step_ms) // step_ms * step_ms + step_ms - 1

    def _readings(self, times: Callable[[Device, int], npt.NDArray[np.int64]], cameras: bool = True) -> Lines:
        lines_of, chance = ReadingLines(self.city), np.random.default_rng(1)
        types = {t.slug: t for t in self.city.catalogue.device_types}
        for device in self.city.devices.values():
            if types[device.type].feed == CAMERAS and not cameras:
                continue
            indicators = self.city.catalogue.reported(self.city.area_of(device).risk_class, device.type)
            numbers = [i.number for i in indicators][:VALUES_OF_A_MESSAGE]
            at_ms = times(device, 1000 * (device.interval_s or types[device.type].interval_s))
            n, k = len(at_ms), len(numbers)
            batch = Batch(
                device=np.full(n * k, device.number, np.uint32),
                indicator=np.tile(np.array(numbers, np.uint16), n),
                event_ms=np.repeat(at_ms, k),
                value=np.round(chance.normal(10.0, 1.0, n * k), 1),
                seq=np.repeat(np.arange(n, dtype=np.uint32), k),
                flags=np.zeros(n * k, np.uint8),
            )
            yield from lines_of.of(batch)[0]

    def _standings(self, reach_ms: int, step_ms: int, without: Collection[str] = ()) -> Lines:
        said = [
            replace(point, fields={name: value for name, value in point.fields.items() if name not in without})
            for point in points(Standing({}), Census(self.city), Paper(), self.end_ms)
        ]
        for at_ms in self._until_end(reach_ms, step_ms).tolist():
            yield from (point.line(at_ms) for point in said)

    def _summaries(self, reach_ms: int, step_ms: int) -> Lines:
        """Of each class in each street, all that its devices measure."""
        measured: dict[tuple[str, str], set[str]] = {}
        for device in self.city.devices.values():
            area = self.city.area_of(device)
            found = self.city.catalogue.reported(area.risk_class, device.type)
            measured.setdefault((area.risk_class, area.admin), set()).update(i.id for i in found)
        said = [
            Point(Measurement.SUMMARY, {"class": slug, "street": street}, dict.fromkeys(sorted(names), 10.0))
            for (slug, street), names in measured.items()
        ]
        times = self._until_end(reach_ms, step_ms).tolist()
        yield from _named((p.line(at_ms) for at_ms in times for p in said), Measurement.SUMMARY, Statistic)

    def _registers(self) -> Lines:
        said = list(register_points(Census(self.city)))
        for at_ms in range(self.end_ms - DAYS * DAY_MS, self.end_ms, DAY_MS):
            yield from (point.line(at_ms - at_ms % DAY_MS) for point in said)

    def _paper(self) -> Lines:
        """Incidents, each with its ticket and two changes of level; all but the last day's are over."""
        devices, teller = list(self.city.devices.values()), Teller(self.city)
        for n, at_ms in enumerate(self._until_end(DAYS * DAY_MS, DAY_MS // INCIDENTS_A_DAY).tolist()):
            device, level = devices[n % len(devices)], LEVELS[n % len(LEVELS)]
            area = self.city.area_of(device)
            over_ms = at_ms + HOUR_MS if at_ms < self.end_ms - DAY_MS else None
            street = self.city.street_of(area.admin)
            yield _incident(n, area, level, at_ms, over_ms).line(street)
            yield _ticket(n, area, level, at_ms, over_ms).line(street)
            where = {"risk_class": area.risk_class, "area": area.id, "admin": area.admin}
            for now_ms, step in ((at_ms, level), (over_ms, Level.NONE)):
                if now_ms is not None:
                    teller.now_ms = now_ms
                    said = teller.says("depth", device.id, step, **where)
                    yield transition_line(msgspec.structs.replace(said, rule=f"rule-{n % RULES}"))


def _incident(n: int, area: Area, level: Level, opened_ms: int, recovered_ms: int | None) -> IncidentRecord:
    return IncidentRecord(
        id=f"I{n}",
        nature=Nature.HAZARD.value,
        risk_class=area.risk_class,
        admin=area.admin,
        area=area.id,
        title=area.name,
        level=level,
        peak_level=level,
        alerts=1,
        suspected=False,
        exercise=False,
        merged=False,
        opened_ms=opened_ms,
        recovered_ms=recovered_ms,
    )


def _ticket(n: int, area: Area, level: Level, reported_ms: int, closed_ms: int | None) -> TicketRecord:
    return TicketRecord(
        id=f"T{n}",
        incident=f"I{n}",
        state="closed" if closed_ms else "reported",
        level=level,
        title=area.name,
        unit="U-1",
        admin=(area.admin,),
        suspected=False,
        exercise=False,
        reported_ms=reported_ms,
        due_ms=None if closed_ms else reported_ms + HOUR_MS,
        closed_ms=closed_ms,
    )


def _named(lines: Lines, measurement: Measurement, statistics: Iterable[Statistic]) -> Lines:
    """Lines of a measurement under the names of its statistics."""
    names = [how.of(measurement) for how in statistics]
    for line in lines:
        rest = line.removeprefix(measurement)
        yield from (name + rest for name in names)


def written(lines: Lines, write: Callable[[list[str]], object]) -> int:
    """Write lines, some at a time; how many they were."""
    count = 0
    while some := list(islice(lines, AT_ONCE)):
        write(some)
        count += len(some)
    return count
