"""An archive on disk: its catalogue, and Parquet files that are there whole or not at all."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from city.errors import QianshaoError, SettingError, Unavailable
from streams.archive.catalogue import Catalogue, File, Gap, Group, Position, Span, decode_catalogue, encode_catalogue
from streams.archive.tables import DELTAS, DICTIONARIES

HEAD, LOCK, DRAFT = "catalogue.json", "lock", ".draft"
GROUP_ROWS = 1 << 16
"""Rows of a row group at most. A replay holds one of each class and shard at a time."""
SETTING = "archive.folder"
UNREADABLE = (pa.ArrowException, OSError)


class ArchiveFolder:
    """Reads from any number of processes; writes from one, which holds the lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changing = threading.Lock()

    def read(self) -> Catalogue:
        """What there is now. Raises SettingError where the catalogue is not readable, or made by a newer program."""
        path = self.folder / HEAD
        try:
            found = decode_catalogue(path.read_bytes())
        except FileNotFoundError:
            return self._none_yet()
        except (OSError, msgspec.MsgspecError) as error:
            remedy = "bring it back from a backup; the files beside it are whole"
            raise SettingError(SETTING, f"{path} cannot be read: {error}", remedy) from error
        if found.made_by != Catalogue().made_by:
            raise SettingError(SETTING, f"{path} was made by another version", "use the program that made it")
        return found

    def _none_yet(self) -> Catalogue:
        if any(self.folder.glob("*/day=*/class=*/*.parquet")):
            message = f"{self.folder} has files, and no {HEAD} that says what they are"
            raise SettingError(SETTING, message, "bring it back from a backup, or begin in an empty folder")
        return Catalogue()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one who writes. Raises SettingError while another does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = f"another process writes to {self.folder}"
                raise SettingError(SETTING, message, "one is enough: stop one of them") from error
            self._forget_drafts()
            yield

    def _forget_drafts(self) -> None:
        for draft in self.folder.glob(f"*/day=*/class=*/*{DRAFT}"):
            draft.unlink(missing_ok=True)

    def change(self, by: Callable[[Catalogue], Catalogue]) -> Catalogue:
        """Put the catalogue in place that is made of the present one."""
        with self._changing:
            changed = by(self.read())
            put_in_place(self.folder / HEAD, lambda path: path.write_bytes(encode_catalogue(changed)))
            return changed

    def numbers(self, count: int) -> range:
        """Numbers for so many new files, which nobody else gets. After a kill some remain unused."""
        taken = self.change(lambda catalogue: replace(catalogue, number=catalogue.number + count))
        return range(taken.number - count + 1, taken.number + 1)

    def append(
        self, groups: Mapping[Group, Iterable[pa.Table]], positions: Iterable[Position], gaps: Iterable[Gap]
    ) -> list[File]:
        """Write more of the log, a file a group: all of it counts at once, or nothing. Which files."""
        numbers = self.numbers(len(groups))
        made = [self.write(number, *of) for number, of in zip(numbers, groups.items(), strict=True)]
        self.change(lambda catalogue: catalogue.with_written(made, positions, gaps))
        return made

    def write(self, number: int, group: Group, pieces: Iterable[pa.Table], merged: bool = False) -> File:
        """Write a new file of a table, day and class: pieces in order of (log, shard, offset, row), each of one shard.
        It counts once it is in the catalogue."""
        table, day, risk_class = group
        path = f"{table}/day={day}/class={risk_class}/{number:010}.parquet"
        spans: list[Span] = []
        put_in_place(self.folder / path, lambda draft: spans.extend(_write(draft, pieces)))
        rows = sum(span.rows for span in spans)
        size = (self.folder / path).stat().st_size
        known = tuple(span for span in spans if span.first >= 0)
        return File(
            path=path, table=table, day=day, risk_class=risk_class, rows=rows, bytes=size, spans=known, merged=merged
        )


@dataclass
class Broken(QianshaoError):
    """A file, or its end, cannot be read. `path`: below the folder."""

    path: str
    why: str


def rows_of(folder: Path, path: str, span: Span) -> Iterator[pa.Table]:
    """The rows that a file has of a span, a row group at a time, in order. Raises Broken, at the latest when they are
    fewer than they should be."""
    rows = 0
    try:
        with pq.ParquetFile(folder / path, page_checksum_verification=True) as file:
            for number in _groups_of(file.metadata, span):
                found = file.read_row_group(number, use_threads=False)
                rows += len(found)
                yield found
    except UNREADABLE as error:
        raise Broken(path, str(error)) from error
    if rows != span.rows:
        raise Broken(path, f"{rows} rows in place of {span.rows}")


def _groups_of(head: pq.FileMetaData, span: Span) -> Iterator[int]:
    names = head.schema.names
    log_at, shard_at = names.index("log"), names.index("shard")
    for number in range(head.num_row_groups):
        group = head.row_group(number)
        if (group.column(log_at).statistics.min, group.column(shard_at).statistics.min) == (span.log, span.shard):
            yield number


def put_in_place(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file there whole, and for good, or as it was before. Raises Unavailable."""
    draft = path.with_name(path.name + DRAFT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(draft)
        _to_disk(draft)
        draft.replace(path)
        _to_disk(path.parent)
    except OSError as error:  # a full disk, above all
        raise Unavailable(f"the archive's disk at {path.parent}", str(error)) from error
    finally:
        draft.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, pieces: Iterable[pa.Table]) -> list[Span]:
    """Row groups are of one shard each, and full: what comes in small pieces is gathered."""
    writer: pq.ParquetWriter | None = None
    spans: list[Span] = []
    try:
        for rows in _gathered(pieces):
            writer = writer or _writer(path, rows.schema)
            writer.write_table(rows, row_group_size=GROUP_ROWS)
            _note(spans, rows)
    finally:
        if writer is not None:
            writer.close()
    return spans


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    names = set(schema.names)
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=sorted(names & DICTIONARIES),
        column_encoding=dict.fromkeys(sorted(names & DELTAS), "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
    )


def _gathered(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pieces of one shard that follow one another as one, up to a row group."""
    waiting: list[pa.Table] = []
    for piece in pieces:
        if waiting and (_shard_of(piece) != _shard_of(waiting[0]) or _rows(waiting) + len(piece) > GROUP_ROWS):
            yield pa.concat_tables(waiting)
            waiting = []
        waiting.append(piece)
    if waiting:
        yield pa.concat_tables(waiting)


def _rows(pieces: list[pa.Table]) -> int:
    return sum(len(piece) for piece in pieces)


def _shard_of(piece: pa.Table) -> tuple[int, int]:
    return (piece["log"][0].as_py(), piece["shard"][0].as_py()) if "log" in piece.column_names else (-1, -1)


def _note(spans: list[Span], rows: pa.Table) -> None:
    log, shard = _shard_of(rows)
    first, last = (rows["offset"][0].as_py(), rows["offset"][-1].as_py()) if log >= 0 else (-1, -1)
    if spans and (spans[-1].log, spans[-1].shard) == (log, shard):
        before = spans.pop()
        spans.append(Span(log, shard, before.first, last, before.rows + len(rows)))
    else:
        spans.append(Span(log, shard, first, last, len(rows)))
