"""Stations of the feed telemetry: what belongs together stands together, so that rules can compare."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city.catalogue import DeviceType
from city.city import City
from city.errors import ConfigError
from city.generate import FleetRequest, generate_fleet
from city.generate.places import distance_m
from city.generate.stands import MARKS, STANDS
from city.registry import Device, Site
from city.tables import overlay, read_city, shipped_pack, write_tables

FLEET_TABLES = ("sites", "parents", "devices", "contacts")
PACK = read_city(shipped_pack("baoan"))
TELEMETRY = [t.slug for t in PACK.catalogue.device_types if t.feed == "telemetry"]


def with_stations(count_of: dict[str, int], seed: int = 1, city: City = PACK, **more: Any) -> City:
    made = generate_fleet(city, FleetRequest(telemetry=count_of, **more), seed)
    assert made.problems() == []
    return made


def of_type(city: City, *types: str) -> list[Device]:
    return [device for device in city.devices.values() if device.type in types]


def sites_of(city: City, slug: str) -> list[Site]:
    """Sites where a type stands, in order of ids."""
    return [city.sites[site] for site in dict.fromkeys(d.site for d in of_type(city, slug))]


def apart_m(a: Site, b: Site) -> float:
    return distance_m(a.lat, a.lon, b.lat, b.lon)


def written(city: City, folder: Path) -> dict[str, bytes]:
    write_tables(city, folder, FLEET_TABLES)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_river_s_stations_lie_downstream_of_one_another_half_a_kilometre_to_two_apart() -> None:
    city = with_stations({"river-level": 9})
    by_area = defaultdict(list)
    for site in sites_of(city, "river-level"):
        by_area[site.area].append(site)
    assert {city.areas[area].name for area in by_area} == {"西乡河入海口", "沙井河泵闸", "茅洲河燕罗段"}
    for sites in by_area.values():
        assert [site.upstream for site in sites] == [[], [sites[0].id], [sites[1].id]]
        for above, below in pairwise(sites):
            assert 500 <= apart_m(above, below) <= 2_000


def test_more_stations_make_a_longer_river_and_not_a_second_one() -> None:
    city = with_stations({"river-level": 20}, streets=["xixiang"])
    sites = sites_of(city, "river-level")
    assert len(sites) == 20 and sum(not site.upstream for site in sites) == 1


def test_the_longest_river_ends_within_a_city_s_bounds() -> None:
    sites = sites_of(with_stations({"river-level": 300}, areas=["BA-R02-03"]), "river-level")
    assert 1_000 < apart_m(sites[0], sites[-1]) <= 30_100


def test_a_few_stations_are_one_chain_and_not_one_each_in_many_rivers() -> None:
    for count in (2, 3, 5):
        sites = sites_of(with_stations({"river-level": count}), "river-level")
        assert len({site.area for site in sites}) == 1
        assert sum(not site.upstream for site in sites) == 1


def test_water_quality_is_measured_in_pairs_above_and_below() -> None:
    city = with_stations({"water-quality": 8})
    sites = sites_of(city, "water-quality")
    assert all("水质" in city.areas[site.area].name for site in sites)
    below = [site for site in sites if site.upstream]
    assert len(below) == 4 and len({site.upstream[0] for site in below}) == 4


def test_an_odd_station_joins_a_pair_rather_than_stand_alone() -> None:
    sites = sites_of(with_stations({"water-quality": 3}), "water-quality")
    assert [len(site.upstream) for site in sites] == [0, 1, 1]


@pytest.mark.parametrize(("slug", "count", "at_a_site"), [("gas-detector", 24, 6), ("smoke-independent", 24, 6)])
def test_a_unit_of_a_plant_and_a_building_have_several_heads(slug: str, count: int, at_a_site: int) -> None:
    city = with_stations({slug: count})
    assert set(Counter(d.site for d in of_type(city, slug)).values()) == {at_a_site}
    few = with_stations({slug: 4})
    assert len(sites_of(few, slug)) == 1, "few heads stand together too"


def test_a_tank_s_level_temperature_and_pressure_stand_where_gas_is_detected() -> None:
    city = with_stations({"gas-detector": 12, "tank-level": 2, "tank-temp": 2, "tank-pressure": 2})
    assert len({device.site for device in city.devices.values()}) == 2
    for site in city.sites:
        types = {device.type for device in city.devices.values() if device.site == site}
        assert types == {"gas-detector", "tank-level", "tank-temp", "tank-pressure"}


def test_the_points_of_a_pit_are_at_one_site() -> None:
    city = with_stations({"pit-monitor": 4})
    assert len(sites_of(city, "pit-monitor")) == 1
    assert city.areas[sites_of(city, "pit-monitor")[0].area].name == "中心区深基坑"


@pytest.mark.parametrize("count", [2, 3, 6])
def test_every_anemometer_has_another_within_5_km(count: int) -> None:
    sites = sites_of(with_stations({"anemometer": count}), "anemometer")
    assert len(sites) == count
    for site in sites:
        assert min(apart_m(site, other) for other in sites if other is not site) <= 5_000


def test_pumps_stand_where_gauges_do_those_of_underpasses_first() -> None:
    city = with_stations({"pump-station": 8}, water_gauges=20, underpass_gauges=8)
    gauged = {d.site for d in city.devices.values() if d.type != "pump-station"}
    assert {d.site for d in of_type(city, "pump-station")} <= gauged
    classes = Counter(city.areas[site.area].risk_class for site in sites_of(city, "pump-station"))
    assert classes["underpass-flooding"] == 4, "each of the four underpasses has its pump"


def test_pumps_stand_at_the_gauges_of_an_earlier_fleet_too() -> None:
    before = generate_fleet(PACK, FleetRequest(water_gauges=5), seed=1)
    after = with_stations({"pump-station": 5, "manhole-level": 3}, city=before)
    assert after.sites == before.sites


def test_a_gauge_that_was_taken_away_is_no_place_for_a_pump() -> None:
    before = generate_fleet(PACK, FleetRequest(water_gauges=1), seed=1)
    gone = {d.id: msgspec.structs.replace(d, valid_to=date(2024, 1, 1)) for d in before.devices.values()}
    after = with_stations({"pump-station": 1}, city=replace(before, devices=gone))
    assert len(after.sites) == 2


def test_pumps_stand_alone_where_there_are_no_gauges() -> None:
    city = with_stations({"pump-station": 6, "led-sign": 4})
    assert len(city.sites) == 10
    assert {city.areas[s.area].risk_class for s in sites_of(city, "led-sign")} == {"underpass-flooding"}


def test_sites_carry_the_marks_that_rules_compare_with() -> None:
    city = with_stations(dict.fromkeys(MARKS, 8))
    ranges = {
        "stage_warning": (1, 5),
        "reservoir_flood_limit": (20, 60),
        "tide_warning": (2, 3),
        "seepage_head": (2, 20),
        "outlet_pressure": (100, 400),
        "tilt": (-2, 2),
        "crack_width": (0, 10),
        "settlement": (0, 20),
    }
    for slug, mark in MARKS.items():
        values = [site.reference_levels[mark.name] for site in sites_of(city, slug)]
        least, most = ranges[mark.name]
        assert all(least <= value <= most for value in values), slug
        assert len(set(values)) > 1, "each its own"


def test_one_reservoir_has_one_flood_limit_at_all_its_gauges() -> None:
    city = with_stations({"reservoir-level": 6})
    limits = {(s.area, s.reference_levels["reservoir_flood_limit"]) for s in sites_of(city, "reservoir-level")}
    assert len(limits) == 3


def test_only_sites_that_may_flood_have_contacts() -> None:
    city = with_stations({"river-level": 3, "pump-station": 2})
    assert {site for site, _ in city.contacts} == {d.site for d in of_type(city, "pump-station")}


def test_half_of_the_low_sites_near_a_tide_gauge_are_linked_to_the_tide() -> None:
    city = with_stations({"tide-gauge": 2}, water_gauges=80)
    linked = [site for site in city.sites.values() if site.reference_levels.get("tide_linked")]
    assert {city.areas[site.area].zone for site in linked} == {"BA-Z-xixiang", "BA-Z-shajing"}
    gauges = {city.areas[site.area].zone: site for site in sites_of(city, "tide-gauge")}
    for site in linked:
        assert site.reference_levels["tide_linked"] == 1.0 and "water_depth" in site.reference_levels
        assert apart_m(site, gauges[city.areas[site.area].zone]) <= 5_000
    low = [s for s in city.sites.values() if s.area in ("BA-R01-02", "BA-R01-06")]
    assert (len(low), len(linked)) == (16, 8)
    later = with_stations({"tide-gauge": 2}, city=generate_fleet(PACK, FleetRequest(water_gauges=80), seed=1))
    assert sum("tide_linked" in site.reference_levels for site in later.sites.values()) == 8


def test_no_site_is_linked_to_a_tide_that_nobody_measures() -> None:
    city = with_stations({"river-level": 6}, water_gauges=80)
    assert not any("tide_linked" in site.reference_levels for site in city.sites.values())


def test_stations_hang_on_network_zones_and_those_without_a_battery_on_power_zones() -> None:
    city = with_stations({"pump-station": 30, "manhole-level": 30}, devices_per_power_zone=10)
    for device in city.devices.values():
        assert device.network is not None and device.network.startswith("BA-NW-telemetry-")
        assert (device.power is None) == (device.type == "manhole-level"), "a power cut leaves those on batteries alive"


def test_stations_can_talk_through_gateways() -> None:
    city = with_stations({"smoke-independent": 24}, telemetry_per_gateway=6)
    gateways = of_type(city, "gateway")
    assert len(gateways) == 4
    assert {d.gateway for d in of_type(city, "smoke-independent")} == {g.id for g in gateways}


def test_ids_name_the_type() -> None:
    city = with_stations({"river-level": 3})
    assert list(city.devices) == ["BA-RIVER-LEVEL-0001", "BA-RIVER-LEVEL-0002", "BA-RIVER-LEVEL-0003"]


def test_stations_more_change_nothing_for_the_others() -> None:
    plain = FleetRequest(water_gauges=12, sentries=6, cameras_class2=9)
    without = generate_fleet(PACK, plain, seed=3)
    with_them = generate_fleet(PACK, msgspec.structs.replace(plain, telemetry={"river-level": 4}), seed=3)
    assert with_them.devices.items() >= without.devices.items(), "nobody is renumbered"
    assert with_them.sites.items() >= without.sites.items()


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"river-levl": 1}, "telemetry.river-levl: the catalogue has no device type 'river-levl' (did you mean river"),
        ({"ipc-class1": 1}, "telemetry.ipc-class1: ipc-class1 speaks the feed video, not telemetry (ask for it by its"),
        ({"river-levl": 0}, "the catalogue has no device type"),
    ],
)
def test_a_type_that_is_no_telemetry_is_refused(wanted: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_stations(wanted)
    assert f"fleet request: {says}" in str(caught.value) or says in str(caught.value)


def test_a_type_without_an_area_of_its_class_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        with_stations({"river-level": 3}, streets=["xinan"])
    message = "fleet request: 3 river-level are wanted, and no area of class river-reservoir lies there"
    assert str(caught.value) == f"{message} (allow more streets or areas, add such an area, or ask for none)"


def test_a_type_of_the_city_s_own_stands_by_itself_in_areas_of_its_classes() -> None:
    own = DeviceType(slug="lake-buoy", name="浮标", feed="telemetry", interval_s=60, classes=["river-reservoir"])
    anywhere = DeviceType(slug="noise", name="噪声", feed="telemetry", interval_s=60)
    catalogue = msgspec.structs.replace(PACK.catalogue, device_types=[*PACK.catalogue.device_types, own, anywhere])
    city = with_stations({"lake-buoy": 12, "noise": 61}, city=replace(PACK, catalogue=catalogue))
    assert Counter(city.areas[s.area].risk_class for s in sites_of(city, "lake-buoy")) == {"river-reservoir": 12}
    assert len({site.area for site in sites_of(city, "noise")}) == 61
    assert with_stations({"noise": 61, "lake-buoy": 12}, city=replace(PACK, catalogue=catalogue)) == city


def test_every_type_of_the_shipped_city_has_its_place_in_a_group() -> None:
    assert sorted(slug for stand in STANDS for slug in stand.types) == sorted(TELEMETRY)
    for stand in STANDS:
        classes = [t.classes for t in PACK.catalogue.device_types if t.slug in stand.types]
        assert all(one == other for one, other in combinations(classes, 2)), "what stands together is of one class"


counts = st.dictionaries(st.sampled_from(TELEMETRY), st.integers(0, 30), max_size=12)


@settings(max_examples=60)
@given(wanted=counts, seed=st.integers(0, 2**32), gauges=st.integers(0, 20), per_gateway=st.integers(0, 5))
def test_whatever_is_asked_for_is_made_and_fits(
    wanted: dict[str, int], seed: int, gauges: int, per_gateway: int
) -> None:
    """That the city is consistent says, among others: upstream never goes in a circle nor out of its zone, and every
    type stands in areas of its classes."""
    city = with_stations(wanted, seed, water_gauges=gauges, telemetry_per_gateway=per_gateway)
    made = Counter(d.type for d in city.devices.values())
    assert {slug: made[slug] for slug in wanted} == wanted
    for site in city.sites.values():
        assert all(city.sites[other].area == site.area for other in site.upstream)
    reordered = dict(reversed(wanted.items()))
    again = with_stations(reordered, seed, water_gauges=gauges, telemetry_per_gateway=per_gateway)
    assert again == city, "the order in which types are named is no matter"


def test_the_same_seed_makes_the_same_stations_byte_for_byte(tmp_path: Path) -> None:
    wanted = dict.fromkeys(TELEMETRY, 7)
    first, again, other = (with_stations(wanted, seed, water_gauges=20) for seed in (7, 7, 8))
    assert written(first, tmp_path / "first") == written(again, tmp_path / "again")
    assert written(first, tmp_path / "first") != written(other, tmp_path / "other")
    assert overlay(PACK, tmp_path / "first") == first
