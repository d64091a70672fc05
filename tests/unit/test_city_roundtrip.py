"""What is written reads back equal, in either format; and a city is what it was on any day."""

from datetime import date, timedelta
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.misfits import alternatives
from city.registry import Grid, ParentKind, Unit
from city.tables import TABLES, read_city, shipped_pack, write_city, write_tables
from city.tables.csvtable import read_csv, write_csv
from city.tables.rows import Complaints, Table
from city.tables.yamltable import read_yaml, write_yaml

DONGGUAN = Path(__file__).parent.parent / "fixtures" / "dongguan"
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
CELL_TEXT = ANY_TEXT.filter(lambda text: "\r" not in text)
PART = st.text(st.sampled_from("ab中文_-, \"'\n"), min_size=1).map(str.strip).filter(bool)


def values(type_: Any, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values that a field of this type may hold."""
    if get_origin(type_) is Annotated:
        base, meta = get_args(type_)
        if meta.pattern:
            return st.from_regex(meta.pattern)
        low, high = meta.ge if meta.ge is not None else meta.gt, meta.le
        return st.integers(low, high) if base is int else st.floats(low, high, exclude_min=meta.gt is not None)
    kinds = alternatives(type_)
    if NoneType in kinds:
        inner = next(part for part in get_args(type_) if part is not NoneType)
        return st.none() | values(inner, text)
    simple = {
        str: text,
        int: st.integers(-(2**31), 2**31),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        date: DAYS,
        ParentKind: st.sampled_from(ParentKind),
    }
    if type_ in simple:
        return simple[type_]
    if get_origin(type_) is list:
        return st.lists(PART, max_size=3)
    return st.dictionaries(PART, st.floats(allow_nan=False), max_size=3)


def records(table: Table, text: st.SearchStrategy[str]) -> st.SearchStrategy[list[Any]]:
    """Lists of records of a table, no two of one key."""
    fields = {f.name: values(f.type, text) for f in msgspec.structs.fields(table.record)}
    start = fields.pop("valid_from")
    made = st.builds(table.record, **fields, valid_from=start).flatmap(
        lambda record: (st.none() | st.integers(1, 9999).map(timedelta)).map(
            lambda days: msgspec.structs.replace(
                record, valid_to=days if days is None else (record.valid_from or date(2000, 1, 1)) + days
            )
        )
    )
    return st.lists(made, min_size=1, max_size=4).map(lambda rows: list(table.keyed(rows).values()))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_records_written_as_csv_read_back_equal(table: Table, data: st.DataObject, tmp_path: Path) -> None:
    rows = data.draw(records(table, CELL_TEXT))
    complaints = Complaints(tmp_path / "t.csv")
    write_csv(tmp_path / "t.csv", table, rows)
    assert list(read_csv(tmp_path / "t.csv", table, complaints).records.values()) == rows
    assert list(complaints.errors()) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_records_written_as_yaml_read_back_equal(table: Table, data: st.DataObject, tmp_path: Path) -> None:
    rows = data.draw(records(table, ANY_TEXT | st.just("")))
    complaints = Complaints(tmp_path / "t.yaml")
    write_yaml(tmp_path / "t.yaml", rows)
    assert list(read_yaml(tmp_path / "t.yaml", table, complaints).records.values()) == rows
    assert list(complaints.errors()) == []


@pytest.mark.parametrize(
    "unit",
    [
        Unit(id="U", name="", scope="1"),
        Unit(id="U", name="一\r二", scope="1"),
        Unit(id="U", name="n", scope="1", classes=["a;b"]),
        Unit(id="U", name="n", scope="1", classes=[" a"]),
        Unit(id="U", name="n", scope="1", classes=[""]),
    ],
)
def test_csv_refuses_to_write_what_it_could_not_read_back(unit: Unit, tmp_path: Path) -> None:
    units = next(table for table in TABLES if table.name == "units")
    with pytest.raises(ValueError, match="write YAML"):
        write_csv(tmp_path / "units.csv", units, [unit])


@pytest.fixture(scope="module")
def peopled() -> City:
    """Bao'an with a small fleet: every table has records."""
    city = generate_fleet(read_city(shipped_pack("baoan")), FleetRequest.of_size(300), seed=1)
    assert all(getattr(city, table.name) for table in TABLES)
    return city


@pytest.mark.parametrize("form", ["csv", "yaml"])
def test_a_whole_city_reads_back_equal(peopled: City, tmp_path: Path, form: Any) -> None:
    write_city(peopled, tmp_path, form)
    assert read_city(tmp_path) == peopled
    dongguan = read_city(DONGGUAN)
    write_city(dongguan, tmp_path / "dg", form)
    assert read_city(tmp_path / "dg") == dongguan


def test_a_city_takes_the_place_of_the_one_written_before(peopled: City, tmp_path: Path) -> None:
    write_city(peopled, tmp_path, "yaml")
    dongguan = read_city(DONGGUAN)
    write_city(dongguan, tmp_path, "csv")
    assert read_city(tmp_path) == dongguan, "nothing of Bao'an is left, nor of the other format"


def test_some_tables_can_be_written_alone(peopled: City, tmp_path: Path) -> None:
    write_tables(peopled, tmp_path, ["devices", "contacts"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contacts.csv", "devices.csv"]


def test_csv_opens_in_excel_with_its_chinese_whole(peopled: City, tmp_path: Path) -> None:
    write_tables(peopled, tmp_path, ["zones"])
    assert (tmp_path / "zones.csv").read_bytes().startswith("\ufeffid,name\nBA-Z-xinan,新安街道片区\n".encode())


def test_grids_renumbered_between_years(tmp_path: Path) -> None:
    """东莞: 3,201 grids in 2017, 2,801 in 2020, under new numbers; both stand in one table."""
    cut = date(2020, 1, 1)
    old = [Grid(code=f"DG01-01-{i:04d}", name="旧网格", parent="DG01-01", valid_to=cut) for i in range(3201)]
    new = [Grid(code=f"DG01-02-{i:04d}", name="新网格", parent="DG01-02", valid_from=cut) for i in range(2801)]
    city = read_city(DONGGUAN)
    both = {grid.code: grid for grid in (*old, *new)}
    city = City(
        **{
            **{name: getattr(city, name) for name in city.__dataclass_fields__},
            "grids": both,
            "officers": {},
            "grid_pattern": r"DG\d\d-\d\d-\d{4}",
        }
    )
    write_city(city, tmp_path)
    read = read_city(tmp_path)
    assert len(read.on(date(2017, 6, 1)).grids) == 3201
    assert len(read.on(cut - timedelta(days=1)).grids) == 3201, "the last day of the old numbers"
    assert len(read.on(cut).grids) == 2801, "the first day of the new ones"
    assert {grid.name for grid in read.on(cut).grids.values()} == {"新网格"}


def test_the_fixture_city_changes_its_grids_in_2020_too() -> None:
    city = read_city(DONGGUAN)
    assert (len(city.on(date(2019, 5, 1)).grids), len(city.on(date(2020, 5, 1)).grids)) == (5, 4)
