"""Tables as CSV: for Excel, for large fleets, and for a diff a person can read."""

import csv
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from city.misfits import alternatives, misfits, nearest
from city.tables.cells import cell_of, parsers
from city.tables.rows import Complaints, Rows, Table, excel_remedy
from city.textfile import BOM, read_text

_ROWS_AT_ONCE = 10_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")  # one by one: io.StringIO would hold the text again, in UCS-4


def read_csv(path: Path, table: Table, complaints: Complaints) -> Rows:
    """The records of a CSV file; what is wrong with it goes to `complaints`.

    Raises ConfigErrors when it is not text at all (see `read_text`).
    """
    return _CsvReader(path, table, complaints).read()


class _CsvReader:
    """Reads one file row by row; the rest of a bad row, and of a file with a bad row, is still looked at."""

    def __init__(self, path: Path, table: Table, complaints: Complaints) -> None:
        self.text = read_text(path)
        self.table, self.complaints = table, complaints
        self.fields = {field.name: field for field in msgspec.structs.fields(table.record)}
        self.parsers = parsers(table.record)
        self.names: list[str] = []

    def read(self) -> Rows:
        """Every record that can be read."""
        rows = Rows(self.table, self.complaints)
        lines = self._lines()
        self.names = [name.strip() for name in next(lines, (0, []))[1]]
        if not self._header_stands():
            return rows
        known = [name if name in self.fields else "" for name in self.names]
        seen: dict[str, str] = {}  # one object for each distinct text: a fleet repeats its sites and parents
        for line, cells in lines:
            if len(cells) != len(self.names):
                self._wrong_width(line, cells)
                continue
            row = {name: seen.setdefault(c, c) for name, c in zip(known, cells, strict=True) if c and name}
            record = self._record(row, line) if row else None
            if record is not None:
                rows.admit(record, line)
        return rows

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Rows with the line each begins at; one that cannot be told from the next ends the file."""
        reader = csv.reader((match[0] for match in _LINE.finditer(self.text)), strict=True)
        while True:
            line = reader.line_num + 1
            try:
                yield line, next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                remedy = "look for a quote that is never closed, or one inside a text that is not doubled"
                self.complaints.add(line, 1, f"this row does not end: {error}", remedy)
                return

    def _header_stands(self) -> bool:
        """Says what is wrong with the header; False when its rows cannot be read."""
        separator = next((s for s in ("\t", ";", "，", "；") if s in self.names[0]), "") if len(self.names) == 1 else ""
        if separator:
            message = f"columns are separated by {separator!r}"
            self.complaints.add(1, 1, message, "separate them by commas: save as “CSV UTF-8 (comma delimited)”")
            return False
        for i, name in enumerate(self.names):
            if name in self.names[:i]:
                self.complaints.add(1, self._column(1, i), f"column {name!r} stands twice", "remove one of them")
            elif name not in self.fields:
                remedy = nearest(name, list(self.fields))
                self.complaints.add(1, self._column(1, i), f"unknown column {name!r}", remedy)
        missing = [f.name for f in self.fields.values() if f.required and f.name not in self.names]
        for name in missing:
            self.complaints.add(1, 1, f"required column {name!r} is missing", "add it, with a value in every row")
        return not missing

    def _wrong_width(self, line: int, cells: list[str]) -> None:
        if any(cells):
            message = f"the row has {len(cells)} cells and the header {len(self.names)}"
            self.complaints.add(line, 1, message, "put a text with a comma in double quotes; keep empty cells' commas")

    def _record(self, row: dict[str, Any], line: int) -> Any:
        """The record of a row, None when it has none and the reasons are told."""
        if self.parsers and not self._parse(row, line):
            return None
        try:
            return msgspec.convert(row, self.table.record, strict=False)
        except msgspec.ValidationError:
            return self._second_look(row, line)

    def _parse(self, row: dict[str, Any], line: int) -> bool:
        """Replaces list and mapping cells by what they hold; False when one cannot be read."""
        for name in self.parsers.keys() & row.keys():
            try:
                row[name] = self.parsers[name](row[name])
            except ValueError as error:
                self._complain(line, name, f"{name}: {error}", "e.g. water_depth=12;tide=0.3")
                return False
        return True

    def _second_look(self, row: dict[str, Any], line: int) -> Any:
        """Blanks around a number are forgiven; everything else is told."""
        trimmed = {name: self._trim(name, cell) for name, cell in row.items()}
        trimmed = {name: cell for name, cell in trimmed.items() if cell != ""}
        for field in self.fields.values():
            if field.required and field.name not in trimmed:
                self._complain(line, field.name, f"{field.name} is empty", "fill it")
        found = [m for m in misfits(trimmed, self.table.record, strict=False) if m.place]
        for misfit in found:
            name = str(misfit.place[0])
            remedy = excel_remedy(str(row[name])) or misfit.remedy
            self._complain(line, name, misfit.message, remedy)
        complete = all(field.name in trimmed for field in self.fields.values() if field.required)
        return msgspec.convert(trimmed, self.table.record, strict=False) if complete and not found else None

    def _trim(self, name: str, cell: Any) -> Any:
        is_text = str in alternatives(self.fields[name].type)
        return cell.strip() if isinstance(cell, str) and not is_text else cell

    def _complain(self, line: int, name: str, message: str, remedy: str) -> None:
        self.complaints.add(line, self._column(line, self.names.index(name)), message, remedy)

    @cached_property
    def _text_lines(self) -> list[str]:
        return [match[0].rstrip("\r\n") for match in _LINE.finditer(self.text)]

    def _column(self, line: int, cell: int) -> int:
        """Where a cell of the row that begins at a line begins, from 1."""
        quoted, commas = False, 0
        for i, char in enumerate(self._text_lines[line - 1]):
            if commas == cell:
                return i + 1
            quoted ^= char == '"'
            commas += char == "," and not quoted
        return len(self._text_lines[line - 1]) + 1 if commas == cell else 1


def write_csv(path: Path, table: Table, records: list[Any]) -> None:
    """Records as CSV, in their order: the required columns, and those others that any of them fills.

    The file begins with a byte order mark, without which Excel shows Chinese as garbage. ValueError when a cell
    cannot hold a text (see `cell_of`).
    """
    filled = [f for f in msgspec.structs.fields(table.record) if f.required or _anywhere(f, records)]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in filled])
        waiting = iter(records)
        while chunk := list(islice(waiting, _ROWS_AT_ONCE)):
            columns = [[_cell(field, record) for record in chunk] for field in filled]
            writer.writerows(zip(*columns, strict=True))


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """What a field holds when nothing is given."""
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default


def _anywhere(field: msgspec.structs.FieldInfo, records: list[Any]) -> bool:
    default = default_of(field)
    return any(getattr(record, field.name) != default for record in records)


def _cell(field: msgspec.structs.FieldInfo, record: Any) -> str:
    value = getattr(record, field.name)
    return "" if not field.required and value == default_of(field) else cell_of(value)
