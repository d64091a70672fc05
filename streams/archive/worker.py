"""The log into the archive: what is written and in the catalogue counts as read, and not before. The catalogue says
how far it goes, so what comes again after a kill is not written again."""

import asyncio
from collections import Counter
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from city.city import City
from city.log import ALERTS, READINGS
from streams.app import Partition, Record, StreamApp
from streams.archive.catalogue import File, Gap
from streams.archive.draft import Draft
from streams.archive.folder import ArchiveFolder
from streams.metrics import ArchiveMetrics
from streams.poison import UNREADABLE

log = structlog.get_logger()

LOOK_EVERY_S = 0.5
MOST_RECORDS = 50_000
"""That wait to be acknowledged; their payloads are let go of."""


@dataclass(frozen=True)
class ArchiveOptions:
    """`log_id`, `shards`: of the log. `flush_s`: wall time after which what was read is written; earlier, when it is
    more than `flush_rows`."""

    log_id: str
    shards: int
    flush_s: float = 60.0
    flush_rows: int = 2_000_000


class ArchiveWorker:
    """Writes what the app hands it. One for a folder."""

    def __init__(
        self,
        app: StreamApp,
        folder: ArchiveFolder,
        city: City,
        options: ArchiveOptions,
        metrics: ArchiveMetrics | None = None,
    ) -> None:
        self._app, self._folder, self._options = app, folder, options
        self._metrics = metrics or ArchiveMetrics(CollectorRegistry())
        known = folder.change(lambda catalogue: catalogue.with_log(options.log_id, options.shards))
        self._draft = Draft(city, known.logs.index(options.log_id), known.positions)
        self._waiting: list[Record] = []
        self._since_s: float | None = None
        self._writing = asyncio.Lock()
        self._offsets: dict[Partition, int] = {}
        for topic in (READINGS, ALERTS):
            app.consume(topic, self._take, self._give_up)

    @property
    def offsets(self) -> dict[Partition, int]:
        """Offset of the last record taken in of each partition, for the watchdog."""
        return dict(self._offsets)

    def has_read(self, topic: str, partition: int, end: int) -> bool:
        """Whether all records of a partition before an offset were read, now or by who was here before us."""
        return self._draft.next_of(topic, partition) >= end

    async def run(self) -> None:
        """Write what has waited long enough, until cancelled."""
        while True:
            await asyncio.sleep(min(LOOK_EVERY_S, self._options.flush_s))
            if self._since_s is not None and self._now_s() - self._since_s >= self._options.flush_s:
                await self.flush()

    async def _take(self, records: list[Record]) -> None:
        async with self._writing:
            for record in records:
                if self._draft.is_new(record):
                    self._take_in(record)
                record.release()
                self._offsets[record.topic, record.partition] = record.offset
            self._waiting += records
            self._since_s = self._since_s or self._now_s()
        if self._draft.rows >= self._options.flush_rows or len(self._waiting) >= MOST_RECORDS:
            await self.flush()

    def _take_in(self, record: Record) -> None:
        try:
            self._draft.take(record)
        except UNREADABLE as error:  # who judges it sets it aside: one dead letter is enough
            log.error("record unreadable", topic=record.topic, offset=record.offset, error=repr(error))

    async def flush(self) -> None:
        """Write what was read, then acknowledge it."""
        async with self._writing:
            records, self._waiting, self._since_s = self._waiting, [], None
            if self._draft:
                began_s = self._now_s()
                groups, positions, gaps = self._draft.cut()
                files = await asyncio.to_thread(self._folder.append, groups, positions, gaps)
                self._metrics.written(_rows_by_table(files), self._now_s() - began_s)
                for gap in gaps:
                    self._metrics.lost(gap.last - gap.first + 1)
                    log.error("records lost before they were archived", topic=gap.place.topic, **_range(gap))
            self._app.acknowledge(records)

    async def _give_up(self, partitions: set[Partition]) -> None:
        await self.flush()
        for partition in partitions:
            self._offsets.pop(partition, None)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()


def _rows_by_table(files: list[File]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for file in files:
        rows[file.table] += file.rows
    return rows


def _range(gap: Gap) -> dict[str, int]:
    return {"partition": gap.place.partition, "first": gap.first, "last": gap.last}
