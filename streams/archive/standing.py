"""Incidents as the store has them, into the archive: a file a day on which some were opened, and class, written anew
while something of them changes."""

from collections import defaultdict
from typing import Any
from zlib import crc32

import msgspec
import pyarrow as pa
from sqlalchemy import func, select

from alerts.store import schema as t
from alerts.store.database import Database
from city.catalogue import COMMON
from city.clock import wall_ms
from streams.archive.catalogue import Catalogue, File, Group
from streams.archive.folder import ArchiveFolder
from streams.archive.tables import INCIDENTS, INCIDENTS_SCHEMA, bounds_in, day_in

LOOK_BACK_MS = 86_400_000
"""Shards are not equally far: an incident may be changed by one that is behind those that changed others."""
_i = t.incidents.c


class Incidents:
    """Copies what has changed since it was asked the last time; the first time, it looks at everything."""

    def __init__(self, database: Database, folder: ArchiveFolder, time_zone: str) -> None:
        self._database, self._folder = database, folder
        self._day_of, self._bounds_of = day_in(time_zone), bounds_in(time_zone)
        self._newest_ms = 0

    def copy(self) -> list[File]:
        """Files that were written."""
        days, newest_ms = self._days_with_changes()
        known = self._folder.read()
        made = [file for day in days for file in self._copy_day(day, known)]
        self._newest_ms = newest_ms
        return made

    def _days_with_changes(self) -> tuple[list[str], int]:
        with self._database.reading() as connection:
            newest_ms = connection.scalar(select(func.max(_i.updated_ms))) or 0
            moved = select(_i.opened_ms).where(_i.updated_ms >= self._newest_ms - LOOK_BACK_MS)
            return sorted({self._day_of(opened_ms) for opened_ms in connection.scalars(moved)}), newest_ms

    def _copy_day(self, day: str, known: Catalogue) -> list[File]:
        first_ms, end_ms = self._bounds_of(day)
        of_day = select(t.incidents).where((_i.opened_ms >= first_ms) & (_i.opened_ms < end_ms))
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(of_day.order_by(_i.opened_ms, _i.id)).mappings():
                rows[row["risk_class"] or COMMON].append(_row(row))
        made = [self._put((INCIDENTS, day, risk_class), of_class, known) for risk_class, of_class in rows.items()]
        return [file for file in made if file is not None]

    def _put(self, group: Group, rows: list[dict[str, Any]], known: Catalogue) -> File | None:
        """Have a file say this, unless one that is known does."""
        mark = crc32(msgspec.json.encode(rows))
        if any(file.mark == mark for file in known.of_group(group)):
            return None
        (number,) = self._folder.numbers(1)
        written = self._folder.write(number, group, [pa.Table.from_pylist(rows, INCIDENTS_SCHEMA)])
        made = msgspec.structs.replace(written, mark=mark)
        self._folder.change(lambda catalogue: catalogue.with_instead(catalogue.of_group(group), [made], wall_ms()))
        return made


def _row(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in INCIDENTS_SCHEMA.names if name in row} | {"open": row["open_key"] is not None}
