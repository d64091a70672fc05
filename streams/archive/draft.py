"""A Draft holds what was read from the log and is not in the archive yet. Pure: records come in, tables come out."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from city.catalogue import COMMON
from city.city import City
from city.log import ALERTS as ALERTS_TOPIC
from city.log import KIND, TICK
from city.readings import Batch, Tick, decode, decode_tick
from city.transitions import decode_transition
from streams.app import Record
from streams.archive.catalogue import Gap, Group, Place, Position
from streams.archive.tables import (
    ALERTS,
    READINGS,
    TICKS,
    ClassOf,
    alert_rows,
    class_of_alert,
    day_in,
    reading_rows,
    tick_rows,
)

NEVER_MS = 0
"""Log times before this are none: nothing has ticked yet."""


class Draft:
    """`log`: which of the catalogue's logs this is of."""

    def __init__(self, city: City, log: int, positions: tuple[Position, ...]) -> None:
        self._log, self._class_of, self._day_of = log, ClassOf(city), day_in(city.time_zone)
        self._positions = {position.place: position for position in positions if position.place.log == log}
        self._clocks = _clocks(positions)
        self._begin()

    def _begin(self) -> None:
        self._batches: dict[tuple[str, int], list[tuple[int, Batch]]] = defaultdict(list)
        self._ticks: dict[tuple[str, int], list[tuple[int, Tick]]] = defaultdict(list)
        self._alerts: dict[tuple[str, str, int], list[Any]] = defaultdict(list)
        self._gaps: list[Gap] = []
        self._moved: set[Place] = set()
        self.rows = 0

    def __bool__(self) -> bool:
        """Whether there is anything to write, and be it how far the log has come."""
        return bool(self._moved)

    def next_of(self, topic: str, partition: int) -> int:
        """Offset of the first record of a partition that is not in the archive, nor here."""
        position = self._positions.get(Place(self._log, topic, partition))
        return 0 if position is None else position.next

    def is_new(self, record: Record) -> bool:
        """Whether a record is not in the archive, nor here."""
        return record.offset >= self.next_of(record.topic, record.partition)

    def take(self, record: Record) -> None:
        """Take a new record in. What cannot be read (poison.UNREADABLE) raises, and counts as taken all the same."""
        place = self._place(record)
        position = self._positions.get(place)
        if position is not None and record.offset > position.next:
            self._gaps.append(Gap(place, position.next, record.offset - 1))
        clock_ms = None if record.topic == ALERTS_TOPIC else self._clocks.get(record.partition)
        self._positions[place] = Position(place, record.offset + 1, clock_ms)
        self._moved.add(place)
        if record.topic == ALERTS_TOPIC:
            self._take_alert(record)
        elif record.headers.get(KIND) == TICK:
            self._take_tick(record, place)
        else:
            self._take_batch(record, clock_ms)

    def _take_alert(self, record: Record) -> None:
        transition = decode_transition(record.value)
        day = self._day_of(transition.log_ms if transition.log_ms > NEVER_MS else transition.event_ms)
        self._alerts[day, class_of_alert(transition), record.partition].append((record.offset, transition))
        self.rows += 1

    def _take_tick(self, record: Record, place: Place) -> None:
        tick = decode_tick(record.value)
        clock_ms = max(tick.clock_ms, self._clocks.get(record.partition, tick.clock_ms))  # of several ingests
        self._clocks[record.partition] = clock_ms
        self._positions[place] = Position(place, record.offset + 1, clock_ms)
        self._ticks[self._day_of(clock_ms), record.partition].append((record.offset, tick))
        self.rows += 1

    def _take_batch(self, record: Record, clock_ms: int | None) -> None:
        batch = decode(record.value)
        if not len(batch):
            return
        day = self._day_of(int(batch.event_ms.max()) if clock_ms is None else clock_ms)
        self._batches[day, record.partition].append((record.offset, batch))
        self.rows += len(batch)

    def cut(self) -> tuple[dict[Group, list[pa.Table]], list[Position], list[Gap]]:
        """What is to be written, by table, day and class, in pieces of one shard each and in order; how far the log is
        written then, and what it no longer had. The draft is empty afterwards."""
        groups: dict[Group, list[pa.Table]] = defaultdict(list)
        for (day, shard), ticks in sorted(self._ticks.items(), key=lambda item: item[0]):
            groups[TICKS, day, COMMON].append(tick_rows(self._log, shard, ticks))
        for (day, shard), batches in sorted(self._batches.items(), key=lambda item: item[0]):
            for risk_class, rows in self._by_class(reading_rows(self._log, shard, batches)):
                groups[READINGS, day, risk_class].append(rows)
        for (day, risk_class, shard), told in sorted(self._alerts.items(), key=lambda item: item[0]):
            groups[ALERTS, day, risk_class].append(alert_rows(self._log, shard, told))
        done = dict(groups), [self._positions[place] for place in sorted(self._moved)], self._gaps
        self._begin()
        return done

    def _by_class(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        of = self._class_of(rows["device"].to_numpy())
        for place in np.unique(of):
            yield self._class_of.classes[place], rows.take(pa.array(np.flatnonzero(of == place)))

    def _place(self, record: Record) -> Place:
        return Place(self._log, record.topic, record.partition)


def _clocks(positions: tuple[Position, ...]) -> dict[int, int]:
    """The newest tick of each shard, of all logs: time never goes back where a new log begins."""
    clocks: dict[int, int] = {}
    for position in positions:
        if position.clock_ms is not None:
            shard = position.place.partition
            clocks[shard] = max(position.clock_ms, clocks.get(shard, position.clock_ms))
    return clocks
