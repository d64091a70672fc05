"""The shipped Dongguan: a city without districts, of 33 towns, which shares Bao'an's catalogue."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from alerts.deadlines import load_policy
from city.city import City
from city.errors import ConfigError, ConfigErrors
from city.generate import AdministrationPlan, FleetRequest, administration, generate_fleet
from city.registry import ParentKind
from city.tables import read_city, shipped_pack, write_city
from city.yamlfile import load_yaml

PACK = shipped_pack("dongguan")
R16 = "- {code: R16, slug: fire, name: 火, domain: nature, lead: 应急, ticket_category: 火}"
ADD_IT = "add it first, or correct the spelling"


@pytest.fixture(scope="module")
def dongguan() -> City:
    return read_city(PACK)


@pytest.fixture(scope="module")
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


def test_dongguan_has_33_towns_593_villages_2801_grids_and_no_districts(dongguan: City) -> None:
    assert dongguan.admin_kinds == ("市", "镇街", "村(社区)")
    assert Counter(unit.kind for unit in dongguan.admin.values()) == {"市": 1, "镇街": 33, "村(社区)": 593}
    assert (len(dongguan.grids), len(dongguan.officers)) == (2801, 9884)
    grid = next(iter(dongguan.grids))
    assert [unit.kind for unit in dongguan.ancestors(grid)] == ["村(社区)", "镇街", "市"]
    assert dongguan.problems() == []


def test_the_towns_are_4_streets_28_towns_and_a_park_with_their_statistical_codes(dongguan: City) -> None:
    towns = {unit.code: unit.name for unit in dongguan.admin.values() if unit.kind == "镇街"}
    assert Counter(re.sub(r".*(街道|镇)$", r"\1", name) for name in towns.values()) == {
        "街道": 4,
        "镇": 28,
        "松山湖": 1,
    }
    assert towns["441900003"] == "东城街道" and towns["441900129"] == "高埗镇" and towns["441900401"] == "松山湖"


def test_codes_grow_by_level(dongguan: City) -> None:
    for unit in dongguan.admin.values():
        assert len(unit.code) == {"市": 6, "镇街": 9, "村(社区)": 12}[unit.kind]
        assert unit.parent is None or unit.code.startswith(unit.parent)
    assert all(len(grid.code) == 15 and grid.code.startswith(grid.parent) for grid in dongguan.grids.values())


def test_villages_grids_and_officers_are_what_the_plan_makes_and_say_that_they_are_made_up(dongguan: City) -> None:
    plan = load_yaml(PACK / "plan.yaml", AdministrationPlan).value
    made = administration([unit for unit in dongguan.admin.values() if unit.kind == "镇街"], plan)
    assert made.communities == [unit for unit in dongguan.admin.values() if unit.kind == "村(社区)"]
    assert made.grids == list(dongguan.grids.values())
    assert made.officers == list(dongguan.officers.values())
    assert all(record.illustrative for record in (*made.communities, *made.grids, *dongguan.areas.values()))
    assert any("示意" in note for note in dongguan.notes)


def test_officers_are_shared_out_evenly_three_or_four_to_a_grid(dongguan: City) -> None:
    a_grid = Counter(officer.grid for officer in dongguan.officers.values())
    assert Counter(a_grid.values()) == {4: 9884 - 3 * 2801, 3: 4 * 2801 - 9884}


def test_every_town_is_a_zone_with_a_video_area_and_some_have_low_roads(dongguan: City) -> None:
    towns = {unit.code: unit.slug for unit in dongguan.admin.values() if unit.kind == "镇街"}
    assert set(dongguan.zones) == {f"DG-Z-{slug}" for slug in towns.values()}
    assert all(area.zone == f"DG-Z-{towns[area.admin]}" for area in dongguan.areas.values())
    by_class = Counter(area.risk_class for area in dongguan.areas.values())
    assert by_class == {"waterlogging": 12, "video-coverage": 33}
    assert {area.admin for area in dongguan.areas.values() if area.risk_class == "video-coverage"} == set(towns)


def test_every_town_and_the_city_have_a_desk_that_is_always_staffed_and_a_handler_of_every_class(
    dongguan: City,
) -> None:
    scopes = {unit.code for unit in dongguan.admin.values() if unit.kind != "村(社区)"}
    assert {unit.scope for unit in dongguan.units.values() if unit.staffed and not unit.classes} == scopes
    for risk_class in dongguan.catalogue.classes:
        assert {unit.scope for unit in dongguan.units.values() if risk_class.slug in unit.classes} == scopes


def test_its_tickets_have_deadlines() -> None:
    assert load_policy(PACK).red.dispose_min > 0


def test_its_catalogue_is_bao_ans_with_the_same_numbers_but_for_a_name(dongguan: City, baoan: City) -> None:
    assert dongguan.catalogue.indicators == baoan.catalogue.indicators
    assert dongguan.catalogue.device_types == baoan.catalogue.device_types
    assert [c.slug for c in dongguan.catalogue.classes] == [c.slug for c in baoan.catalogue.classes]
    differs = [c.name for c in dongguan.catalogue.classes if c not in baoan.catalogue.classes]
    assert differs == ["出租屋、村口卡口与人员密集场所(电子哨兵)"]


def test_its_75961_video_points_of_2019_stand_in_all_33_towns(dongguan: City) -> None:
    wanted = load_yaml(PACK / "fleet.yaml", FleetRequest).value
    city = generate_fleet(dongguan, wanted, seed=1)
    made = Counter(device.type for device in city.devices.values())
    assert (made["ipc-class1"], made["ipc-class2"]) == (21_187, 54_774)
    assert made["ipc-class1"] + made["ipc-class2"] == 75_961
    assert city.problems() == []
    by_town = Counter(city.area_of(d).admin for d in city.devices.values() if d.type != "nvr")
    assert len(by_town) == 33 and max(by_town.values()) - min(by_town.values()) <= 2
    for device in city.devices.values():
        parents = [city.parents[p] for kind in ParentKind if (p := device.parent(kind)) is not None]
        assert {parent.admin for parent in parents} == {city.area_of(device).admin}


def test_a_fleet_of_what_dongguan_does_not_watch_is_refused(dongguan: City) -> None:
    with pytest.raises(ConfigError, match="no area of class river-reservoir lies there"):
        generate_fleet(dongguan, FleetRequest(telemetry={"river-level": 3}), seed=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the pack, to change."""
    return Path(shutil.copytree(PACK, tmp_path / "dongguan"))


def with_catalogue(folder: Path, *lines: str) -> Path:
    (folder / "catalogue.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def told(folder: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        read_city(folder)
    return [str(error).removeprefix(f"{folder}/") for error in caught.value.errors]


def test_a_catalogue_like_another_can_add_to_it(folder: Path, baoan: City) -> None:
    row = "- {slug: lake-buoy, name: 浮标, feed: telemetry, interval_s: 60, classes: [river-reservoir]}"
    city = read_city(with_catalogue(folder, "like: baoan", "device_types:", row))
    assert [t.slug for t in city.catalogue.device_types if t not in baoan.catalogue.device_types] == ["lake-buoy"]
    assert city.catalogue.classes == baoan.catalogue.classes


def test_a_city_like_another_is_written_with_its_whole_catalogue(dongguan: City, tmp_path: Path) -> None:
    write_city(dongguan, tmp_path)
    assert "like:" not in (tmp_path / "catalogue.yaml").read_text("utf-8")
    assert read_city(tmp_path) == dongguan


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["like: baoam"], ["catalogue.yaml:1:7: no city 'baoam' comes with us (did you mean baoan?)"]),
        (
            ["like: dongguan"],
            ["catalogue.yaml:1:7: the catalogue of dongguan is itself like another (write baoan)"],
        ),
        (
            ["like: baoan", "domains:", "- {slug: public, name: 公共}", "- {slug: public, name: 公共}"],
            ["catalogue.yaml:4:3: domains has 'public' twice (keep one of them)"],
        ),
        (
            ["like: baoan", "classes:", R16],
            [f"catalogue.yaml:3:3: classes fire: domain 'nature' is not registered ({ADD_IT})"],
        ),
        (
            ["domains: []", "classes: []", "indicators: []"],
            [
                "catalogue.yaml:1:1: field 'device_types' is missing "
                "(add it, or say which catalogue it is like: one of baoan, dongguan)"
            ],
        ),
    ],
)
def test_a_mistake_in_such_a_catalogue_is_told_where_it_stands(folder: Path, lines: list[str], says: list[str]) -> None:
    assert told(with_catalogue(folder, *lines)) == says
