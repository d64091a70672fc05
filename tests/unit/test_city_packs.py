"""The shipped Bao'an, and cities of other shapes: classes and levels are data."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from city.catalogue import COMMON
from city.city import City
from city.errors import ConfigErrors
from city.generate import AdministrationPlan, FleetRequest, administration, generate_fleet
from city.tables import read_city, shipped_pack
from city.yamlfile import load_yaml

TOWNS = Path(__file__).parent.parent / "fixtures" / "dongguan"


@pytest.fixture(scope="module")
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


def test_baoan_has_4_domains_15_classes_61_areas_10_streets_124_communities_and_4000_grids(baoan: City) -> None:
    kinds = Counter(unit.kind for unit in baoan.admin.values() if not unit.special)
    assert (len(baoan.catalogue.domains), len(baoan.catalogue.classes), len(baoan.areas)) == (4, 15, 61)
    assert kinds == {"区": 1, "街道": 10, "社区": 124}
    assert len(baoan.grids) == 4000
    assert len(baoan.officers) >= 5000
    assert baoan.problems() == []


def test_the_streets_have_the_statistical_codes_of_2024_and_the_airport_is_none_of_the_ten(baoan: City) -> None:
    streets = {unit.code: unit.name for unit in baoan.admin.values() if unit.kind == "街道"}
    assert [code for code, unit in baoan.admin.items() if unit.special] == ["440306400"]
    assert streets.pop("440306400") == "深圳市宝安国际机场"
    assert list(streets) == [f"4403060{n}" for n in range(17, 27)]
    assert streets["440306017"] == "新安街道" and streets["440306026"] == "石岩街道"


def test_the_areas_are_planned_by_class_and_street(baoan: City) -> None:
    by_class = Counter(area.id[:6] for area in baoan.areas.values())
    assert list(by_class.values()) == [10, 6, 5, 3, 4, 3, 4, 2, 3, 3, 3, 3, 4, 5, 3]
    by_street = Counter(baoan.admin[area.admin].slug for area in baoan.areas.values())
    assert by_street == {
        "xinan": 9,
        "xixiang": 8,
        "fuyong": 6,
        "shajing": 6,
        "songgang": 6,
        "yanluo": 6,
        "shiyan": 6,
        "hangcheng": 5,
        "fuhai": 5,
        "xinqiao": 4,
    }


def test_each_street_is_one_zone_and_holds_its_areas(baoan: City) -> None:
    assert len(baoan.zones) == 10
    for area in baoan.areas.values():
        assert area.zone == f"BA-Z-{baoan.admin[area.admin].slug}"


def test_what_is_made_up_says_so(baoan: City) -> None:
    communities = [unit for unit in baoan.admin.values() if unit.kind == "社区"]
    assert all(unit.illustrative for unit in communities)
    assert all(re.fullmatch(r".{2}街道第\d\d社区", unit.name) for unit in communities)
    assert all(grid.illustrative for grid in baoan.grids.values())
    assert all(area.illustrative for area in baoan.areas.values())
    assert any("示意" in note for note in baoan.notes)


def test_codes_grow_by_level(baoan: City) -> None:
    for unit in baoan.admin.values():
        assert len(unit.code) == {"区": 6, "街道": 9, "社区": 12}[unit.kind]
        assert unit.parent is None or unit.code.startswith(unit.parent)
    for grid in baoan.grids.values():
        assert len(grid.code) == 15 and grid.code.startswith(grid.parent)


def test_the_shipped_communities_grids_and_officers_are_what_the_plan_makes(baoan: City) -> None:
    plan = load_yaml(shipped_pack("baoan") / "plan.yaml", AdministrationPlan).value
    streets = [unit for unit in baoan.admin.values() if unit.kind == "街道"]
    made = administration(streets, plan)
    assert made.communities == [unit for unit in baoan.admin.values() if unit.kind == "社区"]
    assert made.grids == list(baoan.grids.values())
    assert made.officers == list(baoan.officers.values())


def test_every_grid_has_an_officer_known_by_post_alone(baoan: City) -> None:
    assert {officer.grid for officer in baoan.officers.values()} == set(baoan.grids)
    assert all(re.fullmatch(r"BA-WG-\d{5}", officer.id) for officer in baoan.officers.values())
    assert max(Counter(officer.grid for officer in baoan.officers.values()).values()) == 2


def test_every_class_has_a_lead_in_the_district_and_a_handler_in_every_street(baoan: City) -> None:
    streets = [unit.code for unit in baoan.admin.values() if unit.kind == "街道" and not unit.special]
    for risk_class in baoan.catalogue.classes:
        scopes = [unit.scope for unit in baoan.units.values() if risk_class.slug in unit.classes]
        assert "440306" in scopes
        assert set(streets) <= set(scopes)


def test_every_street_and_the_district_have_a_duty_desk_that_is_always_staffed(baoan: City) -> None:
    staffed = {unit.scope: unit.name for unit in baoan.units.values() if unit.staffed and not unit.classes}
    assert staffed["440306"] == "区应急值班室"
    assert len(staffed) == 11


def test_the_catalogue_has_all_93_indicators_and_their_numbers_never_clash(baoan: City) -> None:
    indicators = baoan.catalogue.indicators
    planned = {
        "waterlogging": 8,
        "river-reservoir": 6,
        "slope-geohazard": 6,
        "typhoon-wind": 3,
        "underpass-flooding": 7,
        "gas-network": 3,
        "pipe-collapse": 6,
        "bridge-structure": 3,
        "hazchem-plant": 5,
        "dust-confined-space": 8,
        "construction-site": 6,
        "env-pollution": 6,
        "fire-small-places": 5,
        "community-checkpoint": 10,
        "video-coverage": 11,
    }
    assert sum(planned.values()) == 93
    beside = {  # what they are derived from, and what goes with them
        "waterlogging": 4,
        "river-reservoir": 6,
        "slope-geohazard": 6,
        "typhoon-wind": 2,
        "underpass-flooding": 4,
        "gas-network": 5,
        "pipe-collapse": 2,
        "bridge-structure": 3,
        "dust-confined-space": 4,
        "construction-site": 2,
        "env-pollution": 4,
        "fire-small-places": 1,
        "community-checkpoint": 6,
        "video-coverage": 8,
    }
    by_class = Counter(i.risk_class for i in indicators if i.risk_class != COMMON)
    assert by_class == {slug: n + beside.get(slug, 0) for slug, n in planned.items()}
    for i in indicators:
        block = [COMMON, *planned].index(i.risk_class)
        assert (i.number // 100 == 9 + block) if block else (1 <= i.number <= 99)
    assert len({i.number for i in indicators}) == len(indicators)


MESSAGES = {
    "waterlogging": "water_depth rain_total rain_tip battery_voltage solar_voltage rssi device_temperature immersed",
    "underpass-flooding": "water_depth rain_total rain_tip battery_voltage solar_voltage rssi device_temperature",
    "community-checkpoint": "queue_len pass_rate deny_rate verify_latency_p95 passage verify_latency door_open "
    "forced_open tamper fire_linkage held_open mode uptime",
    "video-coverage": "online stream_ok black rec_ok no_signal frozen occluded packet_loss recording_integrity "
    "clock_offset fps bitrate faulty registered",
    COMMON: "beat link refused_format refused_range refused_unit refused_clock clock_error uptime battery_voltage",
}


@pytest.mark.parametrize("slug", MESSAGES)
def test_whatever_the_feeds_carry_has_an_indicator(baoan: City, slug: str) -> None:
    known = {i.id for i in baoan.catalogue.indicators if i.risk_class in (slug, COMMON)}
    assert set(MESSAGES[slug].split()) <= known


def test_findings_of_our_own_are_no_sign_of_a_device_s_life(baoan: City) -> None:
    silent = {i.id for i in baoan.catalogue.indicators if not i.sign_of_life}
    assert silent == {
        "link",
        "refused_format",
        "refused_range",
        "refused_unit",
        "refused_clock",
        "clock_error",
        "maintenance",
        "faulty",
        "citizen_water",
        "citizen_ground",
    }


def test_truth_values_and_counts_may_jump(baoan: City) -> None:
    limited = {(i.unit, i.id) for i in baoan.catalogue.indicators if i.max_step_per_min is not None}
    assert {unit for unit, _ in limited} == {"cm", "mm", "m", "m/s", "MPa"}


def test_device_types_speak_one_of_seven_feeds_or_of_gb28181(baoan: City) -> None:
    feeds = Counter(t.feed for t in baoan.catalogue.device_types)
    assert feeds == {
        "waterlogging": 5,
        "sentry": 1,
        "video": 2,
        "gateway": 2,
        "telemetry": 43,
        "gb28181": 1,
        "signal": 4,
        "report": 1,
    }
    intervals = {t.slug: t.interval_s for t in baoan.catalogue.device_types}
    assert (intervals["electronic-water-gauge"], intervals["electronic-sentry"], intervals["nvr"]) == (300, 60, 60)


def changed_type(city: City, slug: str, **fields: Any) -> City:
    types = [msgspec.structs.replace(t, **fields) if t.slug == slug else t for t in city.catalogue.device_types]
    return replace(city, catalogue=msgspec.structs.replace(city.catalogue, device_types=types))


def test_a_type_that_measures_what_is_in_no_catalogue_is_a_problem(baoan: City) -> None:
    (problem,) = changed_type(baoan, "tide-gauge", measures=["tidal_wave"]).problems()
    assert (problem.table, problem.key) == ("device_types", "tide-gauge")
    assert "tidal_wave" in problem.message


UPSTREAM = {"weather-source", "water-source", "platform-source", "report-source", "signal-point"}
STAND_ANYWHERE = {"gateway", "nvr", "video-platform", *UPSTREAM}


def test_every_type_but_those_that_others_hang_on_stands_in_areas_of_its_classes(baoan: City) -> None:
    types = {t.slug: t.classes for t in baoan.catalogue.device_types}
    assert len(types) == 59
    assert {slug for slug, classes in types.items() if not classes} == STAND_ANYWHERE
    assert set(types["radar-level"]) == set(types["pump-station"]) == {"waterlogging", "underpass-flooding"}
    assert types["rain-gauge-tipping"] == ["waterlogging", "underpass-flooding", "slope-geohazard"]
    assert types["river-level"] == ["river-reservoir"]
    assert {slug for classes in types.values() for slug in classes} == {c.slug for c in baoan.catalogue.classes}


def test_a_type_reports_something_of_its_own_in_each_class_where_it_stands(baoan: City) -> None:
    for t in baoan.catalogue.device_types:
        for slug in t.classes:
            own = {i.id for i in baoan.catalogue.reported(slug, t.slug) if i.risk_class == slug}
            assert own, f"{t.slug} has nothing to say in an area of class {slug}"


def test_a_type_of_a_class_that_is_in_no_catalogue_is_a_problem(baoan: City) -> None:
    (problem,) = changed_type(baoan, "tide-gauge", classes=["river-reservior"]).problems()
    assert (problem.table, problem.key) == ("device_types", "tide-gauge")
    assert problem.message == "classes 'river-reservior' is not registered" and problem.remedy


def test_a_device_in_an_area_of_another_class_is_a_problem(baoan: City) -> None:
    """A gauge put into a video area by a slip of the row: nobody would judge its depth."""
    city = generate_fleet(baoan, FleetRequest(cameras_class1=1, water_gauges=1), seed=1)
    pole = city.devices["BA-VC-000001"].site
    moved = msgspec.structs.replace(city.devices["BA-WL-0001"], site=pole)
    (problem,) = replace(city, devices={**city.devices, moved.id: moved}).problems()
    assert (problem.table, problem.key) == ("devices", "BA-WL-0001")
    assert problem.message.endswith("stands in area BA-R15-01 of class video-coverage")
    assert "waterlogging" in problem.remedy
    anywhere = changed_type(city, moved.type, classes=[])
    assert replace(anywhere, devices={**city.devices, moved.id: moved}).problems() == []


def test_a_16th_class_is_a_change_of_data_only(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped_pack("baoan"), tmp_path / "baoan"))
    catalogue = (folder / "catalogue.yaml").read_text(encoding="utf-8")
    row = "- {code: R16, slug: forest-fire, name: 森林防火, domain: natural, lead: 应急, ticket_category: 森林防火}\n"
    (folder / "catalogue.yaml").write_text(catalogue.replace("\n# interval_s", f"{row}\n# interval_s"), "utf-8")
    with (folder / "areas.csv").open("a", encoding="utf-8") as areas:
        areas.write("BA-R16-01,阳台山林区,forest-fire,440306026,BA-Z-shiyan,22.68,113.95,800,true\n")
    city = read_city(folder)
    assert (len(city.catalogue.classes), len(city.areas)) == (16, 62)


def test_a_level_more_or_less_is_a_change_of_data_only(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TOWNS, tmp_path / "dg"))
    head, admin = (folder / "city.yaml").read_text("utf-8"), (folder / "admin.yaml").read_text("utf-8")
    (folder / "city.yaml").write_text(head.replace("[市, 镇, 村]", "[市, 片区, 镇, 村]"), "utf-8")
    deeper = admin.replace("parent: '441900'", "parent: DGP1")
    (folder / "admin.yaml").write_text(
        deeper + "- {code: DGP1, name: 滨海片区, kind: 片区, parent: '441900'}\n", "utf-8"
    )
    assert [u.kind for u in read_city(folder).ancestors("DG01-01-101")] == ["村", "镇", "片区", "市"]
    (folder / "city.yaml").write_text(head.replace("[市, 镇, 村]", "[镇, 村]"), "utf-8")
    (folder / "units.yaml").write_text("- {id: DG-U-shatian-grid, name: 网格中心, scope: DG01}\n", "utf-8")
    (folder / "officers.csv").unlink()
    towns = "".join(line for line in admin.splitlines(True) if "kind: 市" not in line)
    (folder / "admin.yaml").write_text(towns.replace(", parent: '441900'", ""), "utf-8")
    assert [u.kind for u in read_city(folder).ancestors("DG01-01-101")] == ["村", "镇"]


def test_asking_for_a_city_that_we_do_not_ship_names_those_we_do() -> None:
    with pytest.raises(ConfigErrors, match="did you mean baoan"):
        shipped_pack("baoam")
