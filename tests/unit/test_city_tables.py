"""Import: a clumsy author is told the file, the line, the column and what to do."""

import shutil
from pathlib import Path

import pytest

from city.errors import ConfigErrors
from city.tables import overlay, read_city

DONGGUAN = Path(__file__).parent.parent / "fixtures" / "dongguan"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a good city, to spoil."""
    return Path(shutil.copytree(DONGGUAN, tmp_path / "city"))


def told(folder: Path) -> list[str]:
    """What reading the folder says: file:line:column: message (remedy)."""
    with pytest.raises(ConfigErrors) as caught:
        read_city(folder)
    return [str(error).removeprefix(f"{folder}/") for error in caught.value.errors]


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


GRIDS = "code,name,parent,lat,lon"
GRID = "DG01-01-001,网格,DG01-01,22.9,113.6"
OFFICERS = "id,grid,unit"


def test_columns_may_stand_in_any_order_and_excels_leavings_are_no_matter(folder: Path) -> None:
    text = "\ufeffunit,id,grid\r\nDG-U-duty,W-1,DG01-02-001\r\n,,\r\n\r\n"
    (folder / "officers.csv").write_text(text, encoding="utf-8", newline="")
    assert [(o.id, o.grid, o.unit) for o in read_city(folder).officers.values()] == [
        ("W-1", "DG01-02-001", "DG-U-duty")
    ]


def test_a_table_without_a_file_is_empty(folder: Path) -> None:
    (folder / "officers.csv").unlink()
    assert read_city(folder).officers == {}


def test_a_cell_holds_lists_and_mappings(folder: Path) -> None:
    write(
        folder,
        "sites.csv",
        "id,name,area,grid,lat,lon,reference_levels",
        "S1,点,DG-R01-01,DG01-02-001, 22.9 ,113.6,water_depth=12; tide=0.3",
    )
    (folder / "units.yaml").unlink()
    write(
        folder,
        "units.csv",
        "id,name,scope,classes,staffed",
        "DG-U-duty,值班室,441900,,TRUE",
        "DG-U-shatian-grid,网格中心,DG01,waterlogging;video-coverage,",
        "DG-U-humen-grid,网格中心,DG02,,",
    )
    city = read_city(folder)
    assert city.sites["S1"].reference_levels == {"water_depth": 12.0, "tide": 0.3}
    assert city.units["DG-U-shatian-grid"].classes == ["waterlogging", "video-coverage"]
    assert (city.units["DG-U-duty"].staffed, city.units["DG-U-humen-grid"].classes) == (True, [])


def test_a_header_with_a_misspelt_a_repeated_and_a_missing_column(folder: Path) -> None:
    write(folder, "grids.csv", "code,nmae,parent,parent", "DG01-02-001,x,DG01-02,y")
    assert told(folder) == [
        "grids.csv:1:6: unknown column 'nmae' (did you mean name?)",
        "grids.csv:1:18: column 'parent' stands twice (remove one of them)",
        "grids.csv:1:1: required column 'name' is missing (add it, with a value in every row)",
    ]


def test_an_unknown_column_does_not_hide_what_is_wrong_in_the_rows(folder: Path) -> None:
    write(folder, "grids.csv", f"{GRIDS},remark", f"{GRID},ok", "DG01-02-001,网格,DG01-02,22.9,east,ok")
    assert [line.split(" (")[0] for line in told(folder)] == [
        "grids.csv:1:26: unknown column 'remark'",
        "grids.csv:3:29: lon is 'east': expected a number or nothing, got text",
    ]


def test_bad_numbers_dates_words_and_empty_cells(folder: Path) -> None:
    write(
        folder,
        "parents.csv",
        "id,kind,name,admin,valid_from",
        "P1,gatway,网关,DG01,",
        "P2,power,供电区,DG01,2023/9/7",
        "P3,power,,DG01,",
    )
    write(
        folder,
        "grids.csv",
        GRIDS,
        '"DG01-01-001","网格,一",DG01-01,"22,9",113.6',
        "DG01-01-002,网格,DG01-01,113.6,22.9",
        "DG01-01-003,网格,DG01-01,nan,113.6",
    )
    assert told(folder) == [
        "grids.csv:2:30: lat is '22,9': expected a number or nothing, got text "
        "(write digits only, with a point for the fraction)",
        "grids.csv:3:24: lat is '113.6': expected a number <= 90.0",
        "grids.csv:4:24: lat is 'nan': expected a number >= -90.0",
        "parents.csv:2:4: kind is 'gatway': invalid enum value 'gatway' (did you mean gateway?)",
        "parents.csv:3:19: valid_from is '2023/9/7': invalid RFC3339 encoded date (write it as 2023-09-07)",
        "parents.csv:4:10: name is empty (fill it)",
    ]


def test_a_key_that_stands_twice_and_a_validity_that_ends_before_it_begins(folder: Path) -> None:
    write(
        folder,
        "officers.csv",
        f"{OFFICERS},valid_from,valid_to",
        "W-1,DG01-02-001,DG-U-duty,,",
        "W-2,DG01-02-001,DG-U-duty,2021-01-01,2020-01-01",
        "W-1,DG01-02-001,DG-U-duty,,",
        "W-3,DG01-02-001,DG-U-duty,2021-01-01,2021-01-01",
    )
    assert told(folder) == [
        "officers.csv:3:1: valid_to 2020-01-01 is not after valid_from 2021-01-01 "
        "(valid_to is the first day on which it is no longer valid)",
        "officers.csv:4:1: id 'W-1' stands twice, first at line 2 (keep one of the rows)",
        "officers.csv:5:1: valid_to 2021-01-01 is not after valid_from 2021-01-01 "
        "(valid_to is the first day on which it is no longer valid)",
    ]


def test_rows_of_the_wrong_width_and_a_quote_that_never_ends(folder: Path) -> None:
    write(folder, "grids.csv", GRIDS, GRID, "DG01-01-002,网格", "DG01-02-001,网格,大的,DG01-02,22.9,113.6", 'A,"网格,b')
    assert [line.split(" (")[0] for line in told(folder)] == [
        "grids.csv:3:1: the row has 2 cells and the header 5",
        "grids.csv:4:1: the row has 6 cells and the header 5",
        "grids.csv:5:1: this row does not end: unexpected end of data",
    ]


def test_the_line_of_a_row_counts_the_lines_inside_the_cells_above_it(folder: Path) -> None:
    write(folder, "grids.csv", GRIDS, 'DG01-01-001,"网格', '一",DG01-01,22.9,113.6', "DG01-02-001,网格,DG01-02,x,113.6")
    assert told(folder)[0].startswith("grids.csv:4:24: lat is 'x'")


def test_other_separators_than_commas(folder: Path) -> None:
    write(folder, "officers.csv", "id;grid;unit", "W-1;DG01-02-001;DG-U-duty")
    assert told(folder)[0].startswith("officers.csv:1:1: columns are separated by ';' (separate them by commas")


def test_files_that_excel_saved_in_its_own_way(folder: Path) -> None:
    (folder / "officers.csv").write_bytes("id,grid,unit\nW-1,网格,值班室\n".encode("gb18030"))
    (folder / "grids.csv").write_bytes(b"")
    assert told(folder) == [
        "grids.csv: the file is empty (fill it, or remove it)",
        "officers.csv:2:5: the file is not UTF-8: it seems to be GB18030 (GBK), as Excel's plain CSV is "
        "(save it as “CSV UTF-8”)",
    ]


def test_codes_that_a_spreadsheet_shortened(folder: Path) -> None:
    write(folder, "officers.csv", OFFICERS, "W-1,4.40306E+14,DG-U-duty")
    assert told(folder) == [
        "officers.csv:2:1: officers W-1: grid '4.40306E+14' is not registered "
        "(a spreadsheet shortened the code: format its column as text and enter it again)"
    ]


def test_a_list_or_mapping_cell_that_is_none(folder: Path) -> None:
    write(
        folder,
        "sites.csv",
        "id,name,area,grid,lat,lon,reference_levels",
        "S1,点,DG-R01-01,DG01-02-001,22.9,113.6,12",
        "S2,点,DG-R01-01,DG01-02-001,22.9,113.6,water_depth=很深",
        "S3,点,DG-R01-01,DG01-02-001,22.9,113.6,tide=1;tide=2",
    )
    assert [line.split(" (")[0] for line in told(folder)] == [
        "sites.csv:2:39: reference_levels: '12' is not written name=number",
        "sites.csv:3:39: water_depth is '很深': expected a number, got text",
        "sites.csv:4:39: reference_levels: 'tide' is given twice",
    ]


def test_a_yaml_table_tells_line_and_column_too(folder: Path) -> None:
    write(folder, "zones.yaml", "- {id: DG-Z-shatian, nmae: 沙田}", "- {id: DG-Z-humen, name: 1}")
    assert told(folder) == [
        "zones.yaml:1:3: field 'name' is missing (add it)",
        "zones.yaml:1:22: unknown field 'nmae' (did you mean name?)",
        "zones.yaml:2:26: name is 1: expected text, got a whole number (put it in quotes: '1')",
    ]
    write(folder, "zones.yaml", "- {id: DG-Z-shatian, name: 沙田}", "- {id: DG-Z-shatian, name: 沙田}")
    assert told(folder) == ["zones.yaml:2:3: id 'DG-Z-shatian' stands twice, first at line 1 (keep one of the rows)"]


def test_what_does_not_fit_together_is_told_where_the_record_stands(folder: Path) -> None:
    write(folder, "officers.csv", OFFICERS, "W-1,DG01-02-001,DG-U-duty", "W-2,DG01-02-009,DG-U-duti")
    write(folder, "contacts.yaml", "- {site: S9, slot: 5, role: 网格长, unit: DG-U-duty}")
    write(folder, "zones.yaml", "- {id: DG-Z-shatian, name: 沙田镇片区}")
    catalogue = (folder / "catalogue.yaml").read_text()
    (folder / "catalogue.yaml").write_text(catalogue.replace("domain: natural,", "domain: nature,"))
    assert [line.split(" (")[0] for line in told(folder)] == [
        "areas.yaml:4:1: areas DG-R15-02: zone 'DG-Z-humen' is not registered",
        "officers.csv:3:1: officers W-2: grid 'DG01-02-009' is not registered",
        "officers.csv:3:1: officers W-2: unit 'DG-U-duti' is not registered",
        "contacts.yaml:1:1: contacts S9/5: site 'S9' is not registered",
        "contacts.yaml:1:1: contacts S9/5: slot 5 is not 1, 2, 3 or 4",
        "catalogue.yaml:5:3: classes waterlogging: domain 'nature' is not registered",
    ]


def test_a_long_list_of_mistakes_is_cut_short(folder: Path) -> None:
    write(folder, "officers.csv", OFFICERS, *(f"W-{i},nowhere,DG-U-duty" for i in range(80)))
    assert told(folder)[49].startswith("officers.csv:51:1: officers W-49")
    assert told(folder)[50:] == [f"{folder}: … and 30 more"]
    write(folder, "officers.csv", f"{OFFICERS},valid_to", *(f"W-{i},x,DG-U-duty,soon" for i in range(80)))
    assert told(folder)[50:] == ["officers.csv: … and 30 more"]


def test_files_that_nobody_would_read(folder: Path) -> None:
    (folder / "officers.csv").rename(folder / "officer.csv")
    write(folder, "sites.yml", "[]")
    write(folder, "speed.csv", "a,b")
    write(folder, "plan.yaml", "seed: 1")
    write(folder, "zones.csv", "id,name", "DG-Z-shatian,沙田镇片区")
    assert told(folder) == [
        "zones.csv: zones.csv and zones.yaml are the same table (keep one of the two files)",
        "officer.csv: no table has this file name, so nobody reads it (did you mean officers.csv or officers.yaml?)",
        "sites.yml: no table has this file name, so nobody reads it (did you mean sites.csv or sites.yaml?)",
        "speed.csv: no table has this file name, so nobody reads it (tables are admin, grids, zones, areas, sites, "
        "parents, devices, units, officers, contacts)",
    ]


def test_what_the_city_says_of_itself(folder: Path) -> None:
    write(
        folder,
        "city.yaml",
        "id: dg",
        "name: 东莞市",
        "time_zone: Asia/Shanghia",
        "admin_kinds: [市, 镇, 镇]",
        "grid_pattern: '['",
    )
    catalogue = (folder / "catalogue.yaml").read_text()
    twice = "- {slug: natural, name: 自然灾害}"
    (folder / "catalogue.yaml").write_text(catalogue.replace(twice, f"{twice}\n{twice}"))
    assert [line.split(" (")[0] for line in told(folder)] == [
        "city.yaml:3:12: there is no time zone 'Asia/Shanghia'",
        "city.yaml:4:14: a kind is named twice",
        "city.yaml:5:15: grid_pattern is no regular expression: unterminated character set at position 0",
        "catalogue.yaml:3:3: domains has 'natural' twice",
    ]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"nowhere: there is no such folder \(correct the path\)\Z"):
        read_city(tmp_path / "nowhere")


def test_mistakes_in_several_files_are_told_together(folder: Path) -> None:
    (folder / "city.yaml").unlink()
    write(folder, "catalogue.yaml", "domains: []")
    write(folder, "grids.csv", "code", "x")
    files = {line.split(":")[0] for line in told(folder)}
    assert files == {"city.yaml", "catalogue.yaml", "grids.csv"}


def test_another_folder_is_laid_over_a_city(folder: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    over.mkdir()
    write(over, "officers.csv", OFFICERS, "DG-WG-00001,DG01-02-001,DG-U-duty", "W-9,DG01-02-001,DG-U-duty")
    city = read_city(folder)
    laid = overlay(city, over)
    assert laid.officers["DG-WG-00001"].unit == "DG-U-duty", "a known key is replaced"
    assert set(laid.officers) == {*city.officers, "W-9"}, "a new one joins, the others stay"
    assert laid.grids == city.grids


def test_what_is_laid_over_must_fit_the_city(folder: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    over.mkdir()
    city = read_city(folder)
    with pytest.raises(ConfigErrors, match="no table lies here"):
        overlay(city, over)
    write(over, "officers.csv", OFFICERS, "W-9,DG01-02-999,DG-U-duty")
    with pytest.raises(ConfigErrors, match=r"officers.csv:2:1: officers W-9: grid 'DG01-02-999' is not registered"):
        overlay(city, over)
