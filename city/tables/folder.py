"""Reading and writing whole folders, and laying one over a city."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import available_timezones

import msgspec

from city.city import City, Problem
from city.errors import ConfigError, ConfigErrors
from city.tables.cataloguefile import CatalogueFile, catalogue_keys, read_catalogue
from city.tables.csvtable import read_csv, write_csv
from city.tables.packs import CATALOGUE_FILE, CITY_FILE
from city.tables.rows import MOST_ERRORS, TABLES, Complaints, Rows, Table, excel_remedy
from city.tables.signalsfile import SIGNALS_FILE, read_signals
from city.tables.yamltable import plain, read_yaml, write_yaml
from city.yamlfile import YamlFile, dump_yaml, load_yaml

Format = Literal["csv", "yaml"]
T = TypeVar("T")


class CityFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contents of city.yaml: what City says of itself besides its tables."""

    id: str
    name: str
    time_zone: str
    admin_kinds: Annotated[list[str], msgspec.Meta(min_length=1)]
    grid_pattern: str
    notes: list[str] = []


def read_city(folder: Path) -> City:
    """The city that a folder describes.

    Raises ConfigErrors: everything that is wrong with its files, or, when each of them reads well, everything in
    which they do not fit together.
    """
    reading = _Reading(folder)
    head = reading.take(lambda: load_yaml(folder / CITY_FILE, CityFile))
    reading.check_head(head)
    read = reading.take(lambda: read_catalogue(folder / CATALOGUE_FILE))
    reading.read_tables()
    if head is None or read is None or reading.errors:
        raise ConfigErrors(reading.errors)
    catalogue, file = read
    signals = reading.take(lambda: read_signals(folder / SIGNALS_FILE, catalogue))
    if signals is None:
        raise ConfigErrors(reading.errors)
    city = City(
        id=head.value.id,
        name=head.value.name,
        time_zone=head.value.time_zone,
        admin_kinds=tuple(head.value.admin_kinds),
        grid_pattern=head.value.grid_pattern,
        catalogue=catalogue,
        notes=tuple(head.value.notes),
        signals=signals,
        **reading.tables(),
    )
    reading.check_together(city, file)
    return city


def overlay(city: City, folder: Path) -> City:
    """The city with the tables of another folder laid over: new records join, those of a known key replace it.

    Raises ConfigErrors as `read_city` does, and when the folder holds no table.
    """
    reading = _Reading(folder)
    reading.read_tables()
    if not reading.rows and not reading.errors:
        names = ", ".join(f"{table.name}.csv" for table in TABLES)
        reading.errors.append(ConfigError(folder, 0, 0, "no table lies here to lay over the city", f"one of {names}"))
    if reading.errors:
        raise ConfigErrors(reading.errors)
    laid: dict[str, Any] = {name: {**getattr(city, name), **rows.records} for name, rows in reading.rows.items()}
    result = replace(city, **laid)
    reading.check_together(result)
    return result


def write_city(city: City, folder: Path, format: Format = "csv") -> None:
    """Writes a folder from which `read_city` reads an equal city. Table files of an earlier city there are replaced.

    ValueError when a CSV cell cannot hold a text (see `cells.cell_of`); YAML can.
    """
    folder.mkdir(parents=True, exist_ok=True)
    head = CityFile(
        id=city.id,
        name=city.name,
        time_zone=city.time_zone,
        admin_kinds=list(city.admin_kinds),
        grid_pattern=city.grid_pattern,
        notes=list(city.notes),
    )
    (folder / CITY_FILE).write_text(dump_yaml(plain(head)), encoding="utf-8")
    (folder / CATALOGUE_FILE).write_text(dump_yaml(plain(city.catalogue)), encoding="utf-8")
    (folder / SIGNALS_FILE).write_text(dump_yaml(plain(city.signals)), encoding="utf-8")
    write_tables(city, folder, [table.name for table in TABLES], format)


def write_tables(city: City, folder: Path, names: Iterable[str], format: Format = "csv") -> None:
    """Writes some tables of a city, e.g. those of a generated fleet for `overlay`. An empty table has no file."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(names)
    for table in TABLES:
        if table.name not in wanted:
            continue
        for path in _files_of(folder, table.name):
            path.unlink()
        records = list(getattr(city, table.name).values())
        if not records:
            continue
        if format == "csv":
            write_csv(folder / f"{table.name}.csv", table, records)
        else:
            write_yaml(folder / f"{table.name}.yaml", records)


def _files_of(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / f"{name}.csv", folder / f"{name}.yaml") if path.exists()]


@dataclass
class _Reading:
    """One folder being read: rows of its tables by name, and what is wrong so far, in reading order."""

    folder: Path
    rows: dict[str, Rows] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)

    def take(self, read: Callable[[], T]) -> T | None:
        """What `read` returns; None when it raises ConfigErrors, which join the list."""
        try:
            return read()
        except ConfigErrors as error:
            self.errors += error.errors[:MOST_ERRORS]
            if len(error.errors) > MOST_ERRORS:
                self.errors.append(_and_more(error.errors[0].file, len(error.errors) - MOST_ERRORS))
            return None

    def tables(self) -> dict[str, Any]:
        """Records of every table; a table without a file is empty."""
        return {table.name: self.rows[table.name].records if table.name in self.rows else {} for table in TABLES}

    def read_tables(self) -> None:
        """Reads every table that has a file, and complains of files that are nearly one."""
        if not self.folder.is_dir():
            # in place of what was said of its files
            self.errors = [ConfigError(self.folder, 0, 0, "there is no such folder", "correct the path")]
            return
        for table in TABLES:
            found = _files_of(self.folder, table.name)
            if len(found) > 1:
                message = f"{found[0].name} and {found[1].name} are the same table"
                self.errors.append(ConfigError(found[0], 0, 0, message, "keep one of the two files"))
            elif found:
                self._read_table(table, found[0])
        self.errors += self._strangers()

    def _read_table(self, table: Table, path: Path) -> None:
        complaints = Complaints(path)
        read = read_csv if path.suffix == ".csv" else read_yaml
        rows = self.take(lambda: read(path, table, complaints))
        self.errors += complaints.errors()
        if rows is not None:
            self.rows[table.name] = rows

    def _strangers(self) -> Iterator[ConfigError]:
        """Files whose name is nearly a table's: nobody would read them, and nobody would notice."""
        names = [table.name for table in TABLES]
        heads = (CITY_FILE, CATALOGUE_FILE, SIGNALS_FILE)
        known = {*heads, *(f"{name}{suffix}" for name in names for suffix in (".csv", ".yaml"))}
        for path in sorted(self.folder.iterdir()):
            if path.name in known or path.suffix.lower() not in (".csv", ".yaml", ".yml", ".xlsx", ".xls"):
                continue
            near = difflib.get_close_matches(path.stem.lower(), names, 1, 0.75)
            if near or path.suffix.lower() == ".csv":
                remedy = f"did you mean {near[0]}.csv or {near[0]}.yaml?" if near else f"tables are {', '.join(names)}"
                yield ConfigError(path, 0, 0, "no table has this file name, so nobody reads it", remedy)

    def check_head(self, head: YamlFile[CityFile] | None) -> None:
        """Complains of what the shape of city.yaml cannot say."""
        if head is None:
            return
        zones = available_timezones()  # none on a machine without a time zone database: then nobody can tell
        if zones and head.value.time_zone not in zones:
            near = difflib.get_close_matches(head.value.time_zone, sorted(zones), 1)
            remedy = f"did you mean {near[0]}?" if near else "e.g. Asia/Shanghai"
            message = f"there is no time zone {head.value.time_zone!r}"
            self.errors.append(head.error(("time_zone",), message, remedy))
        kinds = head.value.admin_kinds
        if len(set(kinds)) < len(kinds):
            self.errors.append(head.error(("admin_kinds",), "a kind is named twice", "name each level once"))
        try:
            re.compile(head.value.grid_pattern)
        except re.error as error:
            message = f"grid_pattern is no regular expression: {error}"
            self.errors.append(head.error(("grid_pattern",), message, r"e.g. '\d{15}'"))

    def check_together(self, city: City, catalogue: YamlFile[CatalogueFile] | None = None) -> None:
        """Raises ConfigErrors when the city is not consistent, each problem at the line of its record."""
        problems = city.problems()
        if not problems:
            return
        lines = {name: rows.lines() for name, rows in self.rows.items()}
        errors = [self._located(problem, lines, catalogue) for problem in islice(problems, MOST_ERRORS)]
        if len(problems) > MOST_ERRORS:
            errors.append(_and_more(self.folder, len(problems) - MOST_ERRORS))
        raise ConfigErrors(errors)

    def _located(
        self, problem: Problem, lines: dict[str, dict[str, int]], catalogue: YamlFile[CatalogueFile] | None
    ) -> ConfigError:
        message = f"{problem.table} {problem.key}: {problem.message}"
        remedy = excel_remedy(message) or problem.remedy
        line = lines.get(problem.table, {}).get(problem.key)
        if line is not None:
            return ConfigError(self.rows[problem.table].path, line, 1, message, remedy)
        keys = catalogue_keys(catalogue.value).get(problem.table, []) if catalogue else []
        if catalogue and problem.key in keys:
            return catalogue.error((problem.table, keys.index(problem.key)), message, remedy)
        return ConfigError(self.folder, 0, 0, message, remedy)


def _and_more(file: Path, count: int) -> ConfigError:
    return ConfigError(file, 0, 0, f"… and {count} more")
