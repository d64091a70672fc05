"""The archive by SQL: DuckDB over the files of its tables, with the names of the registry beside the numbers. Reads
only; what cannot be read is left out and told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from city.city import City
from city.errors import QianshaoError
from city.levels import Level
from streams.archive.catalogue import Catalogue, File
from streams.archive.folder import UNREADABLE, Broken
from streams.archive.tables import SCHEMAS, TABLES, day_before, day_in

ROWS_AT_ONCE, MEMORY = 100_000, "2GB"
VIEWS = {
    "readings": """
        select to_timestamp(event_time / 1000) as time, d.id as device, d.type, d.site, d.area, r.class, d.street,
               i.id as indicator, value, i.unit, seq, flags, event_time, day, r.device as number, log, shard, "offset",
               "row"
        from {files} r left join devices d on d.number = r.device left join indicators i on i.number = r.indicator""",
    "ticks": "select to_timestamp(clock_ms / 1000) as time, * exclude (class) from {files}",
    "alerts": """
        select to_timestamp(event_ms / 1000) as time, class, * exclude (class)
        from (select * from {files} qualify row_number() over (partition by id order by log, shard, "offset") = 1)""",
    "incidents": "select to_timestamp(opened_ms / 1000) as time, class, * exclude (class) from {files}",
}
"""What each table is asked as. `time` is the event's, in the city's time zone."""


class QuestionError(QianshaoError):
    """A question that cannot be asked, with the words of the database."""


@dataclass(frozen=True)
class Unread:
    """A file that is left out: why, and how many rows it has by the catalogue."""

    path: str
    why: str
    rows: int

    def __str__(self) -> str:
        return f"{self.path}: left out, {self.rows} rows: {self.why}"


@dataclass
class Archive:
    """An archive that is asked. Of readings only days from `first_day` on are looked at."""

    folder: Path
    catalogue: Catalogue
    city: City
    first_day: str = ""
    unread: list[Unread] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = [file for file in self.catalogue.files if file.day >= self.first_day]
        self._files = [file for file in files if self._is_whole(file, heads_only=True)]
        self._database = self._opened()

    def answer(self, sql: str, parameters: dict[str, object] | None = None) -> pa.RecordBatchReader:
        """What a question gives, a batch at a time. Files that turn out to be broken inside are left out, and it is
        asked again without them. Raises QuestionError."""
        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error as error:
            raise QuestionError(str(error)) from error
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise QuestionError("one SELECT can be asked, and nothing else")
        try:
            return self._asked(sql, parameters)
        except duckdb.Error as error:
            if not self._without_broken():
                raise QuestionError(str(error)) from error
        return self.answer(sql, parameters)

    def _asked(self, sql: str, parameters: dict[str, object] | None) -> pa.RecordBatchReader:
        """Raises duckdb.Error; while it is read, too."""
        self._database.execute(f"create or replace temp table answer as {sql}", parameters or {})
        return self._database.sql("from answer").to_arrow_reader(ROWS_AT_ONCE)

    def _without_broken(self) -> bool:
        """Whether some files were broken inside. They are left out from now on."""
        whole = [file for file in self._files if self._is_whole(file, heads_only=False)]
        found = len(whole) < len(self._files)
        if found:
            self._files = whole
            self._database = self._opened()
        return found

    def _is_whole(self, file: File, heads_only: bool) -> bool:
        try:
            _look_at(self.folder, file, heads_only)
        except Broken as broken:
            self.unread.append(Unread(broken.path, broken.why, file.rows))
            return False
        return True

    def _opened(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect()
        database.execute(f"set timezone = '{self.city.time_zone}'")
        database.execute(f"create table devices as from {_given(database, 'of_devices', _devices(self.city))}")
        database.execute(f"create table indicators as from {_given(database, 'of_indicators', _indicators(self.city))}")
        words = ", ".join(f"'{level.slug}'" for level in Level)
        database.execute(f"create macro word(level) as [{words}][level + 1]")
        for table in TABLES:
            database.execute(f"create view {table} as {VIEWS[table].format(files=self._source(database, table))}")
        database.execute(f"set memory_limit = '{MEMORY}'")  # what is more goes to the disk
        database.execute(f"set temp_directory = '{_quoted(Path(gettempdir()))}'")
        database.execute(f"set allowed_directories = ['{_quoted(self.folder)}']")
        database.execute("set enable_external_access = false")
        database.execute("set lock_configuration = true")
        return database

    def _source(self, database: duckdb.DuckDBPyConnection, table: str) -> str:
        paths = [f"'{_quoted(self.folder / file.path)}'" for file in self._files if file.table == table]
        if paths:
            return f"read_parquet([{', '.join(paths)}], hive_partitioning = true, hive_types_autocast = false)"
        names = [*SCHEMAS[table], pa.field("day", pa.string()), pa.field("class", pa.string())]
        return _given(database, f"no_{table}", pa.schema(names).empty_table())


def day_to_begin_with(city: City, start_ms: int | None) -> str:
    """The first day under which readings of a time may lie: a device's clock may be a little ahead."""
    return "" if start_ms is None else day_before(day_in(city.time_zone)(start_ms))


def rows_in(answer: pa.RecordBatchReader) -> Iterator[dict[str, object]]:
    """Rows of an answer, one after the other."""
    for batch in answer:
        yield from batch.to_pylist()


def _look_at(folder: Path, file: File, heads_only: bool) -> None:
    """Raises Broken where a file is not there, not whole, or, where it is read to its end, not what was written."""
    path = folder / file.path
    try:
        if (size := path.stat().st_size) != file.bytes:
            raise Broken(file.path, f"{size} bytes in place of {file.bytes}")
        with pq.ParquetFile(path, page_checksum_verification=True) as found:
            rows = found.metadata.num_rows
            if not heads_only:
                for _ in found.iter_batches(use_threads=False):
                    pass
    except UNREADABLE as error:
        raise Broken(file.path, str(error)) from error
    if rows != file.rows:
        raise Broken(file.path, f"{rows} rows in place of {file.rows}")


def _given(database: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> str:
    database.register(name, table)
    return name


def _devices(city: City) -> pa.Table:
    rows = []
    for device in city.devices.values():
        area = city.area_of(device)
        street = city.street_of(area.admin)
        rows.append(
            {
                "number": device.number,
                "id": device.id,
                "type": device.type,
                "site": device.site,
                "area": area.id,
                "class": area.risk_class,
                "street": street.slug if street else None,
            }
        )
    names = ("id", "type", "site", "area", "class", "street")
    return pa.Table.from_pylist(rows, pa.schema([("number", pa.uint32()), *((name, pa.string()) for name in names)]))


def _indicators(city: City) -> pa.Table:
    rows = [{"number": i.number, "id": i.id, "name": i.name, "unit": i.unit} for i in city.catalogue.indicators]
    names = ("id", "name", "unit")
    return pa.Table.from_pylist(rows, pa.schema([("number", pa.uint16()), *((name, pa.string()) for name in names)]))


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")
