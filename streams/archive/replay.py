"""A shard's readings and ticks, read from the archive as they stood in the log: files of classes lie side by side, and
what is of one record is in several of them. They are merged by offset and row, some row groups at a time."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from city.errors import QianshaoError
from city.readings import SCHEMA, Batch, Tick
from city.transitions import Transition, decode_transition
from streams.archive.catalogue import Catalogue, File, Gap, Place, Span
from streams.archive.folder import Broken, rows_of
from streams.archive.tables import ALERTS, READINGS, TICKS, TICKS_SCHEMA, day_in

ROW_BITS = 20
"""A record has fewer rows than 2 ** 20: they would not fit into what Kafka takes."""
Keys = npt.NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True)
class Loss:
    """Rows of a file that cannot be read, of the records of a shard from one offset to another."""

    path: str
    why: str
    log: int
    shard: int
    first: int
    last: int
    rows: int


class NothingThere(QianshaoError):
    """The archive has nothing of a range. Says what it has."""


@dataclass
class Replay:
    """What an archive has of a range of log time, from `start_ms` and before `end_ms`; None: from the first day, to the
    last. `losses` grows while shards are read."""

    folder: Path
    catalogue: Catalogue
    time_zone: str
    start_ms: int | None = None
    end_ms: int | None = None
    losses: list[Loss] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises NothingThere, or when the log changed its number of shards within the range."""
        self._days = self._days_asked_for()
        if not self._days:
            there = self.catalogue.days
            has = f"from {there[0]} to {there[-1]}" if there else "nothing yet"
            raise NothingThere(f"{self.folder} has no readings of that time; it has {has}")
        if len(self._shards_of_logs()) > 1:
            raise NothingThere(f"{self.folder}: the log changed its number of shards within that time; ask for a part")

    @property
    def shards(self) -> int:
        return self._shards_of_logs().pop()

    @property
    def gaps(self) -> list[Gap]:
        """What the log no longer had when it was to be archived: gaps within, or right beside, what these days have."""
        topic_of = {READINGS: READINGS, TICKS: READINGS, ALERTS: ALERTS}
        reach: dict[Place, tuple[int, int]] = {}
        for table, topic in topic_of.items():
            for span in (span for file in self._files(table) for span in file.spans):
                place = Place(span.log, topic, span.shard)
                first, last = reach.get(place, (span.first, span.last))
                reach[place] = (min(first, span.first), max(last, span.last))
        known = [(gap, reach[gap.place]) for gap in self.catalogue.gaps if gap.place in reach]
        return [gap for gap, (first, last) in known if first <= gap.last + 1 and gap.first <= last + 1]

    def said(self, shard: int) -> Iterator[Batch | Tick]:
        """Batches and ticks of a shard, in the order of the log, as far as they can be read."""
        logs = self._logs()
        for day in self._days:
            for log in logs:
                yield from self._said(day, log, shard)

    def alerts(self) -> Iterator[Transition]:
        """Transitions that were told live of this log time, each once, those of an alert in their order."""
        known: set[str] = set()
        for span, path in sorted((span, file.path) for file in self._files(ALERTS) for span in file.spans):
            for rows in self._rows(path, span):
                for told in map(decode_transition, rows["transition"].to_pylist()):
                    if told.id not in known and self._within(told.log_ms):
                        known.add(told.id)
                        yield told

    def _said(self, day: str, log: int, shard: int) -> Iterator[Batch | Tick]:
        ticks = self._ticks(day, log, shard)
        first, last = self._between(ticks)
        ticks = ticks.filter(_inside(ticks, first, last))
        said = _ticks_of(ticks)
        at = ticks["offset"].to_numpy() << ROW_BITS
        done = 0
        for keys, batch in self._readings(day, log, shard):
            keys, batch = _clipped(keys, batch, first, last)
            due = int(np.searchsorted(at, keys[-1])) if len(keys) else done
            cuts = [0, *np.searchsorted(keys, at[done:due]).tolist(), len(keys)]
            for place, tick in enumerate([*said[done:due], None]):
                if cuts[place] < cuts[place + 1]:
                    yield batch[cuts[place] : cuts[place + 1]]
                if tick is not None:
                    yield tick
            done = due
        yield from said[done:]

    def _ticks(self, day: str, log: int, shard: int) -> pa.Table:
        found = [rows for chain in self._chains(TICKS, day, log, shard) for rows in self._chained(chain)]
        return pa.concat_tables(found).sort_by("offset") if found else TICKS_SCHEMA.empty_table()

    def _readings(self, day: str, log: int, shard: int) -> Iterator[tuple[Keys, Batch]]:
        chains = self._chains(READINGS, day, log, shard)
        return ahead(merged([map(_keyed, self._chained(chain)) for chain in chains]))

    def _chained(self, chain: list[tuple[Span, str]]) -> Iterator[pa.Table]:
        for span, path in chain:
            yield from self._rows(path, span)

    def _rows(self, path: str, span: Span) -> Iterator[pa.Table]:
        """Rows of a file; where it cannot be read any further, what is lost is noted."""
        rows = 0
        try:
            for found in rows_of(self.folder, path, span):
                rows += len(found)
                yield found
        except Broken as broken:
            where = (span.log, span.shard, span.first, span.last)
            self.losses.append(Loss(path, broken.why, *where, span.rows - rows))

    def _chains(self, table: str, day: str, log: int, shard: int) -> list[list[tuple[Span, str]]]:
        """Spans that a shard has in files of a day, as few rows of spans that follow one another."""
        chains: list[list[tuple[Span, str]]] = []
        of = [(span, file.path) for file in self._of_day[table, day] for span in file.spans]
        for span, path in sorted(of):
            if (span.log, span.shard) != (log, shard):
                continue
            chain = next((chain for chain in chains if chain[-1][0].last < span.first), None)
            if chain is None:
                chains.append([(span, path)])
            else:
                chain.append((span, path))
        return chains

    def _between(self, ticks: pa.Table) -> tuple[int, int]:
        """Offsets of the first and the last record within the range, of those of a day."""
        clock, offset = ticks["clock_ms"].to_numpy(), ticks["offset"].to_numpy()
        first, last = 0, np.iinfo(np.int64).max >> ROW_BITS
        if self.start_ms is not None and (clock < self.start_ms).any():
            first = int(offset[clock < self.start_ms].max()) + 1
        if self.end_ms is not None and (clock >= self.end_ms).any():
            last = int(offset[clock >= self.end_ms].min()) - 1
        return first, last

    def _days_asked_for(self) -> list[str]:
        day_of = day_in(self.time_zone)
        first = "" if self.start_ms is None else day_of(self.start_ms)
        last = "9" if self.end_ms is None else day_of(self.end_ms)
        self._of_day: dict[tuple[str, str], list[File]] = defaultdict(list)
        for file in self.catalogue.files:
            self._of_day[file.table, file.day].append(file)
        return [day for day in self.catalogue.days if first <= day <= last]

    def _files(self, table: str) -> list[File]:
        return [file for day in self._days for file in self._of_day[table, day]]

    def _logs(self) -> list[int]:
        of = [span.log for table in (READINGS, TICKS) for file in self._files(table) for span in file.spans]
        return sorted(set(of))

    def _shards_of_logs(self) -> set[int]:
        return {self.catalogue.shards[log] for log in self._logs()}

    def _within(self, log_ms: int) -> bool:
        after = self.start_ms is None or log_ms >= self.start_ms
        return after and (self.end_ms is None or log_ms < self.end_ms)


def merged(sources: list[Iterator[tuple[Keys, Batch]]]) -> Iterator[tuple[Keys, Batch]]:
    """Rows of several sources, each in order of its keys, in order of their keys; as much at a time as is known of
    all."""
    heads = {source: found for source in sources if (found := next(source, None)) is not None}
    while heads:
        horizon = min(keys[-1] for keys, _ in heads.values())
        parts = []
        for source, (keys, batch) in list(heads.items()):
            n = int(np.searchsorted(keys, horizon, side="right"))
            parts.append((keys[:n], batch[:n]))
            rest = (keys[n:], batch[n:]) if n < len(keys) else next(source, None)
            if rest is None:
                del heads[source]
            else:
                heads[source] = rest
        yield _together(parts)


def _together(parts: list[tuple[Keys, Batch]]) -> tuple[Keys, Batch]:
    filled = [part for part in parts if len(part[0])]
    if len(filled) == 1:
        return filled[0]
    keys = np.concatenate([keys for keys, _ in filled])
    order = np.argsort(keys, kind="stable")  # merges runs, which is what they are
    columns = zip(*(batch.columns for _, batch in filled), strict=True)
    return keys[order], Batch(*(np.concatenate(column)[order] for column in columns))


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made by another thread while the one before it is looked at."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


def _keyed(rows: pa.Table) -> tuple[Keys, Batch]:
    keys = (rows["offset"].to_numpy() << ROW_BITS) | rows["row"].to_numpy()
    return keys, Batch(*(rows[name].to_numpy() for name in SCHEMA.names))


def _clipped(keys: Keys, batch: Batch, first: int, last: int) -> tuple[Keys, Batch]:
    """Of rows those of the records from one offset to another."""
    rows = slice(*np.searchsorted(keys, [first << ROW_BITS, (last + 1) << ROW_BITS]).tolist())
    return keys[rows], batch[rows]


def _inside(ticks: pa.Table, first: int, last: int) -> pa.Array:
    offset = ticks["offset"].to_numpy()
    return pa.array((offset >= first) & (offset <= last))


def _ticks_of(rows: pa.Table) -> list[Tick]:
    names = ("ingest", "clock_ms", "step_ms", "up", "wall_ms", "retired")
    return [Tick(*of) for of in zip(*(rows[name].to_pylist() for name in names), strict=True)]
