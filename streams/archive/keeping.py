"""Small files into large ones, and old ones away. A file is never changed: others take its place in the catalogue, and
it is deleted later, when those who had begun to read it have finished."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import structlog

from city.clock import wall_ms
from streams.archive.catalogue import Catalogue, File, Group
from streams.archive.folder import ArchiveFolder, Broken, rows_of
from streams.archive.tables import READINGS, TICKS, day_in

log = structlog.get_logger()

MANY = 32
"""So many small files of one day and class are put together before the day is over."""
READ_FOR_MS = 3_600_000.0
"""So long a file that counts no more may still be read."""


@dataclass(frozen=True)
class Kept:
    """What was done: files put together, files that came of them, files thrown away for their age."""

    merged: int = 0
    made: int = 0
    expired: int = 0


class Keeper:
    """`days`: how long readings and ticks are kept; 0: for ever. Alerts and incidents are kept for ever."""

    def __init__(self, folder: ArchiveFolder, time_zone: str, days: int) -> None:
        self._folder, self._day_of, self._days = folder, day_in(time_zone), days

    def keep(self) -> Kept:
        """Put together what can be, throw away what is too old, delete what nobody reads any more."""
        expired = self._expire(self._folder.read())
        catalogue = self._folder.read()
        merged = [self._merge(files) for files in _due(catalogue, self._today(catalogue))]
        self._delete(self._folder.read())
        return Kept(sum(merged), sum(n > 0 for n in merged), expired)

    def _today(self, catalogue: Catalogue) -> str:
        """The day to which all shards of the newest log have come; before it nothing is added any more."""
        newest = len(catalogue.logs) - 1
        clocks = [p.clock_ms for p in catalogue.positions if p.place.log == newest and p.clock_ms is not None]
        return self._day_of(min(clocks)) if clocks else ""

    def _expire(self, catalogue: Catalogue) -> int:
        today = self._today(catalogue)
        if not self._days or not today:
            return 0
        oldest = str(date.fromisoformat(today) - timedelta(days=self._days))
        old = [file for file in catalogue.files if file.table in (READINGS, TICKS) and file.day < oldest]
        if old:
            self._folder.change(lambda current: current.with_instead(old, [], wall_ms()))
        return len(old)

    def _merge(self, files: list[File]) -> int:
        """Have one file in the place of several; what cannot be read stays beside it. How many they were."""
        while len(files) > 1:
            (number,) = self._folder.numbers(1)
            try:
                made = self._folder.write(number, files[0].group, _pieces(self._folder.folder, files), merged=True)
            except Broken as broken:
                log.error("archive file cannot be put together with others", path=broken.path, why=broken.why)
                files = [file for file in files if file.path != broken.path]
            else:
                self._folder.change(partial(_instead, files, made))
                return len(files)
        return 0

    def _delete(self, catalogue: Catalogue) -> None:
        due = [each.path for each in catalogue.removed if each.wall_ms <= wall_ms() - READ_FOR_MS]
        for path in due:
            (self._folder.folder / path).unlink(missing_ok=True)
        if due:
            self._folder.change(lambda current: current.without_removed(due))


def _instead(files: list[File], made: File, catalogue: Catalogue) -> Catalogue:
    return catalogue.with_instead(files, [made], wall_ms())


def _due(catalogue: Catalogue, today: str) -> Iterator[list[File]]:
    """Files to be put together: of days that are over all, of others the small ones once there are many."""
    groups: dict[Group, list[File]] = defaultdict(list)
    for file in catalogue.files:
        groups[file.group].append(file)
    for (_, day, _), files in sorted(groups.items()):
        small = [file for file in files if not file.merged]
        if day < today and len(files) > 1:
            yield files
        elif len(small) >= MANY:
            yield small


def _pieces(folder: Path, files: list[File]) -> Iterator[pa.Table]:
    """The rows of some files of one group, in order: shard by shard, and of each file after file. Raises Broken."""
    spans = sorted((span, file.path) for file in files for span in file.spans)
    for span, path in spans:
        yield from rows_of(folder, path, span)
