"""The tables of a registry, and rows as they were read: the record, its key, and the line it stands at."""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from city.errors import ConfigError
from city.registry import (
    AdminUnit,
    Area,
    Contact,
    Device,
    Grid,
    Officer,
    Parent,
    Record,
    Site,
    Unit,
    Zone,
)

MOST_ERRORS = 50
"""As many errors of one file, or of the city as a whole, are listed; the rest are counted."""


@dataclass(frozen=True)
class Table:
    """A table of the registry. `name` is the City's attribute and the stem of its file; `key` names the fields that
    tell its records apart."""

    name: str
    record: type[Record]
    key: tuple[str, ...]

    def keyed(self, records: list[Any]) -> dict[Any, Any]:
        """Records by key, in their order."""
        key_of = attrgetter(*self.key)
        return {key_of(record): record for record in records}


TABLES = (
    Table("admin", AdminUnit, ("code",)),
    Table("grids", Grid, ("code",)),
    Table("zones", Zone, ("id",)),
    Table("areas", Area, ("id",)),
    Table("sites", Site, ("id",)),
    Table("parents", Parent, ("id",)),
    Table("devices", Device, ("id",)),
    Table("units", Unit, ("id",)),
    Table("officers", Officer, ("id",)),
    Table("contacts", Contact, ("site", "slot")),
)


def key_text(key: Any) -> str:
    """A key as `City.problems` names it."""
    return "/".join(str(part) for part in key) if isinstance(key, tuple) else str(key)


@dataclass
class Complaints:
    """Errors about one file: the first MOST_ERRORS of them, and how many more there are."""

    path: Path
    listed: list[ConfigError] = field(default_factory=list)
    more: int = 0

    def add(self, line: int, column: int, message: str, remedy: str = "") -> None:
        """One more error; `line` and `column` as ConfigError has them."""
        if len(self.listed) < MOST_ERRORS:
            self.listed.append(ConfigError(self.path, line, column, message, remedy))
        else:
            self.more += 1

    def errors(self) -> Iterator[ConfigError]:
        """The listed errors, and the count of the others as one more."""
        yield from self.listed
        if self.more:
            yield ConfigError(self.path, 0, 0, f"… and {self.more} more")


class Rows:
    """Records of one file by key, and the line of each.

    Refuses a key that stood before, and a validity that ends before it begins.
    """

    def __init__(self, table: Table, complaints: Complaints) -> None:
        self.table, self.complaints = table, complaints
        self.path = complaints.path
        self.records: dict[Any, Any] = {}
        self._lines = array("L")
        self._key_of = attrgetter(*table.key)

    def admit(self, record: Record, line: int, column: int = 1) -> None:
        """Takes a record in, or complains of it."""
        key = self._key_of(record)
        if key in self.records:
            first = self.lines()[key_text(key)]
            message = f"{'/'.join(self.table.key)} {key_text(key)!r} stands twice, first at line {first}"
            self.complaints.add(line, column, message, excel_remedy(key_text(key)) or "keep one of the rows")
            return
        start, end = record.valid_from, record.valid_to
        if start is not None and end is not None and end <= start:
            remedy = "valid_to is the first day on which it is no longer valid"
            self.complaints.add(line, column, f"valid_to {end} is not after valid_from {start}", remedy)
        self.records[key] = record
        self._lines.append(line)

    def lines(self) -> dict[str, int]:
        """Line of every record, by the text of its key."""
        return {key_text(key): line for key, line in zip(self.records, self._lines, strict=True)}


def excel_remedy(text: str) -> str:
    """What to do about a code that a spreadsheet has turned into 4.40306E+14; empty when `text` holds none."""
    if re.search(r"\dE\+\d", text) is None:
        return ""
    return "a spreadsheet shortened the code: format its column as text and enter it again"
