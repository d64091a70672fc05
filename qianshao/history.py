"""Questions to the archive, and how answers are written."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from city.clock import ms_of
from qianshao.city_files import load_city
from qianshao.processes.archive import folder_of
from qianshao.settings import Settings
from streams.archive.asking import Archive, QuestionError, Unread, day_to_begin_with, rows_in
from streams.archive.folder import ArchiveFolder

SHOWN = {
    "readings": "time, device, indicator, value, unit, class, site, area, seq, flags",
    "alerts": """time, rule, subject, word(level_from) as level_from, word(level_to) as level_to, value, unit, class,
        site, area, alert""",
    "incidents": """time, id, nature, class, subject, title, word(peak_level) as peak_level, word(level) as level,
        alerts, open, area""",
    "ticks": "time, ingest, up, shard",
}
"""Columns, unless asked by SQL. The first of them orders."""
FILTERS = {
    "readings": ("device", "site", "area", "class", "indicator"),
    "alerts": ("subject", "site", "area", "class"),
    "incidents": ("subject", "site", "area", "class"),
    "ticks": (),
}
WIDEST = 40
AT_ONCE = 1_000
"""Rows of a table by which the widths of its columns are measured."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `sql`: in place of all else but `limit`."""

    table: str
    device: str | None = None
    site: str | None = None
    area: str | None = None
    risk_class: str | None = None
    indicator: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    sql: str | None = None
    limit: int = 0

    def question(self, zone: ZoneInfo) -> tuple[str, dict[str, object]]:
        """As SQL, with its parameters. Raises QuestionError for what a table does not have."""
        end = f" limit {self.limit}" if self.limit else ""
        if self.sql is not None:
            return (f"select * from ({self.sql.rstrip('; ')}){end}" if end else self.sql), {}
        parts, values = [], {}
        for name, value in self._asked_for().items():
            parts.append(f"{name} = ${name}")
            values[name] = value
        for sign, name, time in ((">=", "start", self.start), ("<", "end", self.end)):
            if time is not None:
                parts.append(f"{TIME_OF[self.table]} {sign} ${name}")
                values[name] = ms_of(time, zone)
        where = f" where {' and '.join(parts)}" if parts else ""
        return f"select {SHOWN[self.table]} from {self.table}{where} order by {ORDER[self.table]}{end}", values

    def _asked_for(self) -> dict[str, object]:
        subject = "device" if self.table == "readings" else "subject"
        asked = {subject: self.device, "site": self.site, "area": self.area}
        asked |= {"class": self.risk_class, "indicator": self.indicator}
        found: dict[str, object] = {name: value for name, value in asked.items() if value is not None}
        strange = found.keys() - set(FILTERS[self.table])
        if strange:
            raise QuestionError(f"{self.table} cannot be asked for by {', '.join(sorted(strange))}")
        return found


TIME_OF = {"readings": "event_time", "alerts": "event_ms", "incidents": "opened_ms", "ticks": "clock_ms"}
ORDER = {
    "readings": 'event_time, device, indicator, "offset"',
    "alerts": "event_ms, log_ms, id",
    "incidents": "opened_ms, id",
    "ticks": "clock_ms, shard",
}


def ask(settings: Settings, wanted: Wanted) -> tuple[pa.RecordBatchReader, list[Unread]]:
    """An answer, and the files that could not be read for it. Raises QuestionError, SettingError, ConfigErrors."""
    folder, city = folder_of(settings), load_city(settings)
    zone = ZoneInfo(city.time_zone)
    sql, values = wanted.question(zone)
    start_ms = None if wanted.start is None or wanted.sql else ms_of(wanted.start, zone)
    first_day = day_to_begin_with(city, start_ms) if wanted.table == "readings" else ""
    archive = Archive(folder, ArchiveFolder(folder).read(), city, first_day)
    return archive.answer(sql, values), archive.unread


def write_out(answer: pa.RecordBatchReader, form: str, path: Path | None) -> int:
    """Write an answer to standard output, as "table", "json" or "csv"; as "parquet" to a file. How many rows it has."""
    if form == "parquet" and path is not None:
        return _to_parquet(answer, path)
    lines = {"json": _json_lines, "csv": _csv_lines}.get(form, _lines)(answer)
    count = -1 if form != "json" else 0  # but for the head
    for line in lines:
        typer.echo(line)
        count += 1
    return count


def _json_lines(answer: pa.RecordBatchReader) -> Iterator[str]:
    for row in rows_in(answer):
        yield json.dumps(row, ensure_ascii=False, default=_text)


def _csv_lines(answer: pa.RecordBatchReader) -> Iterator[str]:
    yield _csv_line(answer.schema.names)
    for row in rows_in(answer):
        yield _csv_line(map(_text, row.values()))


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _to_parquet(answer: pa.RecordBatchReader, path: Path) -> int:
    rows = 0
    with pq.ParquetWriter(path, answer.schema, compression="zstd") as writer:
        for batch in answer:
            writer.write_batch(batch)
            rows += len(batch)
    typer.echo(f"{rows} rows written to {path}", err=True)
    return rows


def _lines(answer: pa.RecordBatchReader) -> Iterator[str]:
    """A table whose columns are as wide as the first rows need."""
    names, rows = answer.schema.names, rows_in(answer)
    first = [[_text(row[name]) for name in names] for _, row in zip(range(AT_ONCE), rows, strict=False)]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(names, *first, strict=True)]
    yield _line(names, widths)
    for cells in first:
        yield _line(cells, widths)
    for row in rows:
        yield _line([_text(row[name]) for name in names], widths)


def _line(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return "" if value is None else str(value)
