"""What an archive holds, as data: files with their rows and their place in the log, and how far the log is written.

Pure: a Catalogue is never changed, what happens makes a new one.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

MADE_BY = 1
"""Version of the layout."""


Group = tuple[str, str, str]
"""Table, day and class: what is to be one file in the end."""


class Place(msgspec.Struct, frozen=True, order=True):
    """A partition of a topic of a log. `log`: its place among the logs of the catalogue."""

    log: int
    topic: str
    partition: int


class Span(msgspec.Struct, frozen=True, order=True):
    """Records of a shard from one offset to another, both of them too. `rows`: how many rows of them a file has."""

    log: int
    shard: int
    first: int
    last: int
    rows: int


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file. path: below the folder. day: YYYY-MM-DD, of log time in the city. spans: of its own rows, in
    order; none for incidents. merged: put together of others. mark: of incidents, a checksum of what they say."""

    path: str
    table: str
    day: str
    risk_class: str
    rows: int
    bytes: int
    spans: tuple[Span, ...] = ()
    merged: bool = False
    mark: int = 0

    @property
    def group(self) -> Group:
        return (self.table, self.day, self.risk_class)


class Position(msgspec.Struct, frozen=True):
    """How far a partition is written. next: offset of the first record that is not. clock_ms: the newest tick, ms UTC;
    None before there is one, and of topics that have none."""

    place: Place
    next: int
    clock_ms: int | None = None


class Gap(msgspec.Struct, frozen=True):
    """Records that the log no longer had when they were to be written, from one offset to another, both too."""

    place: Place
    first: int
    last: int


class Removed(msgspec.Struct, frozen=True):
    """A file that counts no more and is to be deleted, when nobody reads it any longer."""

    path: str
    wall_ms: float


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """logs: ids of the logs, in the order in which they were written; shards: how many each has. number: of the newest
    file; the next has the one after it."""

    made_by: int = MADE_BY
    number: int = 0
    logs: tuple[str, ...] = ()
    shards: tuple[int, ...] = ()
    files: tuple[File, ...] = ()
    positions: tuple[Position, ...] = ()
    gaps: tuple[Gap, ...] = ()
    removed: tuple[Removed, ...] = ()

    def of(self, table: str) -> list[File]:
        """The files of a table, by day and number."""
        return sorted((file for file in self.files if file.table == table), key=lambda f: (f.day, f.path))

    def of_group(self, group: Group) -> list[File]:
        return [file for file in self.files if file.group == group]

    @property
    def days(self) -> list[str]:
        """Days of which there are readings or ticks."""
        return sorted({file.day for file in self.files if file.table in ("readings", "ticks")})

    def with_log(self, log_id: str, shards: int) -> "Catalogue":
        """The same, knowing a log."""
        if log_id in self.logs:
            return self
        return replace(self, logs=(*self.logs, log_id), shards=(*self.shards, shards))

    def with_written(self, files: Iterable[File], positions: Iterable[Position], gaps: Iterable[Gap]) -> "Catalogue":
        """The same after more of the log was written."""
        moved = {position.place: position for position in (*self.positions, *positions)}
        return replace(
            self,
            files=(*self.files, *files),
            positions=tuple(moved.values()),
            gaps=(*self.gaps, *gaps),
        )

    def with_instead(self, old: Iterable[File], new: Iterable[File], wall_ms: float) -> "Catalogue":
        """The same with some files in the place of others, or nothing in their place."""
        gone = {file.path for file in old}
        kept = tuple(file for file in self.files if file.path not in gone)
        removed = tuple(Removed(path, wall_ms) for path in sorted(gone & {file.path for file in self.files}))
        return replace(self, files=(*kept, *new), removed=(*self.removed, *removed))

    def without_removed(self, paths: Iterable[str]) -> "Catalogue":
        """The same when these have been deleted."""
        gone = set(paths)
        return replace(self, removed=tuple(each for each in self.removed if each.path not in gone))


encode_catalogue = msgspec.json.Encoder().encode
decode_catalogue = msgspec.json.Decoder(Catalogue).decode
