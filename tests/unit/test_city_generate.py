"""Fleets: any size, wired as in the field, and the same for the same seed."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city.city import City
from city.errors import ConfigError
from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.generate.hanging import zone_index
from city.generate.places import level, scatter, split
from city.registry import Device, ParentKind
from city.tables import overlay, read_city, shipped_pack, write_tables

DONGGUAN = Path(__file__).parent.parent / "fixtures" / "dongguan"
FLEET_TABLES = ("sites", "parents", "devices", "contacts")
SORTS = ("water_gauges", "underpass_gauges", "rain_gauges", "sentries", "cameras_class1", "cameras_class2")


@pytest.fixture(scope="module")
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


def of_type(city: City, *types: str) -> list[Device]:
    return [device for device in city.devices.values() if device.type in types]


def street_of(city: City, device: Device) -> str:
    return str(city.admin[city.area_of(device).admin].slug)


def written(city: City, folder: Path) -> dict[str, bytes]:
    write_tables(city, folder, FLEET_TABLES)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_makes_the_same_city_byte_for_byte(baoan: City, tmp_path: Path) -> None:
    wanted = FleetRequest.of_size(500)
    first, again, other = (generate_fleet(baoan, wanted, seed) for seed in (7, 7, 8))
    assert written(first, tmp_path / "first") == written(again, tmp_path / "again")
    assert written(first, tmp_path / "first") != written(other, tmp_path / "other")


def test_a_generated_fleet_joins_the_shipped_pack(baoan: City, tmp_path: Path) -> None:
    city = generate_fleet(baoan, FleetRequest.of_size(500), seed=7)
    write_tables(city, tmp_path, FLEET_TABLES)
    assert overlay(baoan, tmp_path) == city


@pytest.mark.parametrize("size", [0, 1, 5, 6, 100, 1_000, 20_000])
def test_a_fleet_of_any_size_fits_the_city(baoan: City, size: int) -> None:
    city = generate_fleet(baoan, FleetRequest.of_size(size), seed=size)
    assert city.problems() == []
    assert len(city.devices) - len(of_type(city, "nvr")) == size
    assert len(fleet_of(city)) == len(city.devices)


requests = st.builds(
    FleetRequest,
    **{sort: st.integers(0, 40) for sort in SORTS},
    streets=st.lists(st.sampled_from(["xinan", "440306023", "fuhai", "440306"]), max_size=2),
    gauges_per_gateway=st.integers(0, 5),
    channels_per_nvr=st.integers(0, 20),
    devices_per_power_zone=st.integers(0, 30),
    devices_per_network_zone=st.integers(0, 30),
)


@settings(max_examples=60)
@given(wanted=requests, seed=st.integers(0, 2**32))
def test_whatever_is_asked_for_is_made_and_fits(baoan: City, wanted: FleetRequest, seed: int) -> None:
    try:
        city = generate_fleet(baoan, wanted, seed)
    except ConfigError as error:
        assert wanted.streets and "no area of class" in error.message
        return
    assert city.problems() == []
    made = Counter(device.type for device in city.devices.values())
    assert made["ipc-class1"] == wanted.cameras_class1
    assert made["ipc-class2"] == wanted.cameras_class2
    assert made["electronic-sentry"] == wanted.sentries
    assert made["rain-gauge-tipping"] == wanted.rain_gauges
    levels = ("electronic-water-gauge", "buried-pressure-level", "radar-level", "pressure-level")
    assert sum(made[kind] for kind in levels) == wanted.water_gauges + wanted.underpass_gauges
    for device in city.devices.values():
        parents = [city.parents[p] for kind in ParentKind if (p := device.parent(kind)) is not None]
        assert {parent.admin for parent in parents} <= {city.area_of(device).admin}, "parents lie in its street"


def test_cameras_dominate_a_realistic_mix_and_every_sort_is_in_it() -> None:
    wanted = FleetRequest.of_size(1_000)
    counts = {sort: getattr(wanted, sort) for sort in SORTS}
    assert sum(counts.values()) + sum(wanted.telemetry.values()) == 1_000
    assert counts["cameras_class2"] > counts["cameras_class1"] > counts["sentries"] > counts["water_gauges"]
    assert min(getattr(FleetRequest.of_size(6), sort) for sort in SORTS) == 1


def test_stations_take_60_places_of_1000_from_second_class_cameras_and_from_867_devices_up_all_types_are_there(
    baoan: City,
) -> None:
    types = {t.slug for t in baoan.catalogue.device_types if t.feed == "telemetry"}
    wanted = FleetRequest.of_size(1_000)
    assert (sum(wanted.telemetry.values()), wanted.cameras_class2, wanted.cameras_class1) == (60, 587, 249)
    assert set(wanted.telemetry) == set(FleetRequest.of_size(867).telemetry) == types
    assert wanted.telemetry["river-level"] >= 2 and wanted.telemetry["water-quality"] >= 2, "a chain and a pair"
    assert set(FleetRequest.of_size(866).telemetry) < types


@given(size=st.integers(0, 100_000))
def test_a_realistic_mix_has_as_many_devices_as_asked_and_a_small_one_no_stations(size: int) -> None:
    wanted = FleetRequest.of_size(size)
    assert sum(getattr(wanted, sort) for sort in SORTS) + sum(wanted.telemetry.values()) == size
    assert sum(wanted.telemetry.values()) == size * 60 // 1000
    assert min(wanted.telemetry.values(), default=1) > 0 and wanted.cameras_class2 >= 0


def test_devices_go_to_all_areas_of_their_class_and_to_streets_in_equal_shares(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest(sentries=120, cameras_class2=90, water_gauges=40), seed=1)
    sentries = of_type(city, "electronic-sentry")
    assert Counter(street_of(city, d) for d in sentries) == {"xinan": 30, "xixiang": 30, "xinqiao": 30, "fuyong": 30}
    assert Counter(city.area_of(d).id for d in sentries)["BA-R14-01"] == 15, "新安 has two such areas"
    assert set(Counter(city.area_of(d).id for d in of_type(city, "ipc-class2")).values()) == {30}
    for area in (area for area in city.areas.values() if area.risk_class == "waterlogging"):
        assert sum(site.area == area.id for site in city.sites.values()) == 4


def test_five_lanes_reach_all_five_areas_in_whatever_order_they_are_registered(baoan: City) -> None:
    for areas in (baoan.areas, dict(reversed(list(baoan.areas.items())))):
        city = generate_fleet(replace(baoan, areas=areas), FleetRequest(sentries=5), seed=1)
        assert len({city.area_of(device).id for device in city.devices.values()}) == 5


def test_a_fleet_can_be_kept_to_streets_and_areas(baoan: City) -> None:
    wanted = FleetRequest(sentries=10, cameras_class1=10, streets=["xinan", "440306023"])
    city = generate_fleet(baoan, wanted, seed=1)
    assert {street_of(city, d) for d in city.devices.values()} == {"xinan", "xinqiao"}
    one = generate_fleet(baoan, FleetRequest(water_gauges=7, areas=["BA-R01-03"]), seed=1)
    assert {site.area for site in one.sites.values()} == {"BA-R01-03"}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (FleetRequest(streets=["xinam"]), "no street 'xinam' has areas (did you mean xinan?)"),
        (FleetRequest(areas=["BA-R01-99"]), "no area 'BA-R01-99' has areas"),
        (FleetRequest(water_gauges=1, streets=["440306"], areas=["BA-R15-01"]), "no area of class waterlogging"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(baoan: City, wanted: FleetRequest, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        generate_fleet(baoan, wanted, seed=1)
    assert says in str(caught.value)


def test_a_city_that_lacks_a_device_type_or_grids_is_refused(baoan: City) -> None:
    types = [t for t in baoan.catalogue.device_types if t.slug != "nvr"]
    poorer = replace(baoan, catalogue=msgspec.structs.replace(baoan.catalogue, device_types=types))
    with pytest.raises(ConfigError, match="the catalogue has no device type nvr"):
        generate_fleet(poorer, FleetRequest(cameras_class1=1), seed=1)
    with pytest.raises(ConfigError, match=r"新安街道 \(440306017\) has no grids"):
        generate_fleet(replace(baoan, grids={}), FleetRequest(areas=["BA-R01-01"]), seed=1)


def test_cameras_hang_on_an_nvr_a_power_zone_a_network_zone_and_their_street_s_platform(baoan: City) -> None:
    """S07: 2,000 points in three streets, NVRs of 64 channels, network zones of about 30 % of a street."""
    wanted = FleetRequest(cameras_class2=2_000, devices_per_network_zone=200)
    city = generate_fleet(baoan, wanted, seed=1)
    cameras, nvrs = of_type(city, "ipc-class2"), of_type(city, "nvr")
    channels = Counter(camera.gateway for camera in cameras)
    assert max(channels.values()) == 64 and len(nvrs) == 33
    assert all(nvr.gateway == nvr.id and city.parents[nvr.id].kind is ParentKind.GATEWAY for nvr in nvrs)
    assert {c.platform for c in (*cameras, *nvrs)} == {f"BA-PF-video-{s}" for s in ("xinan", "xinqiao", "fuhai")}
    by_nvr: dict[str | None, set[tuple[str | None, str | None]]] = defaultdict(set)
    for device in city.devices.values():
        by_nvr[device.gateway].add((device.power, device.network))
    assert all(len(zones) == 1 for zones in by_nvr.values()), "an NVR and its cameras share power and network"
    in_xinan = [camera for camera in cameras if street_of(city, camera) == "xinan"]
    shares = Counter(camera.network for camera in in_xinan)
    assert shares["BA-NW-video-xinan-01"] / len(in_xinan) == pytest.approx(0.3, abs=0.02)


def test_sentries_hang_on_their_street_s_verify_platform_and_on_zones(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest(sentries=120), seed=1)
    for sentry in city.devices.values():
        assert sentry.platform == f"BA-PF-verify-{street_of(city, sentry)}"
        assert sentry.gateway is None and sentry.power is not None and sentry.network is not None


def test_gauges_talk_to_the_network_themselves_or_through_gateways(baoan: City) -> None:
    direct = generate_fleet(baoan, FleetRequest(water_gauges=20), seed=1)
    assert {(d.gateway, d.power, d.platform) for d in direct.devices.values()} == {(None, None, None)}
    assert all(d.network is not None for d in direct.devices.values())
    behind = generate_fleet(baoan, FleetRequest(water_gauges=20, gauges_per_gateway=2), seed=1)
    gateways = of_type(behind, "gateway")
    assert [g.id for g in gateways[:2]] == ["BA-GW-0001", "BA-GW-0002"] and len(gateways) == 10
    assert all(g.gateway == g.id for g in gateways)
    assert set(Counter(d.gateway for d in behind.devices.values()).values()) == {3}, "two gauges and itself"


def test_parents_can_be_left_out(baoan: City) -> None:
    wanted = FleetRequest(cameras_class1=9, channels_per_nvr=0, devices_per_power_zone=0, devices_per_network_zone=0)
    city = generate_fleet(baoan, wanted, seed=1)
    assert {(d.gateway, d.power, d.network) for d in city.devices.values()} == {(None, None, None)}
    assert {parent.kind for parent in city.parents.values()} == {ParentKind.PLATFORM}


def test_zones_take_whole_gateways_when_they_can() -> None:
    assert zone_index(10, 4, 0).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert zone_index(12, 6, 4).tolist() == [0] * 4 + [1] * 8
    assert zone_index(6, 2, 4).tolist() == [0, 0, 1, 1, 2, 2], "a zone smaller than a gateway's reach"


@given(count=st.integers(1, 500), per_zone=st.integers(1, 100), per_gateway=st.integers(0, 100))
def test_zones_are_numbered_without_gaps(count: int, per_zone: int, per_gateway: int) -> None:
    index = zone_index(count, per_zone, per_gateway).tolist()
    assert index[0] == 0 and all(b - a in (0, 1) for a, b in pairwise(index))


def test_ids_name_the_sort_and_the_width_grows_with_the_count(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest.of_size(100), seed=1)
    ids = set(city.devices)
    assert {"BA-WL-0001", "BA-UP-0001", "BA-RG-0001", "BA-ES-0001", "BA-VC-000001", "BA-NVR-0001"} <= ids
    many = generate_fleet(baoan, FleetRequest(water_gauges=10_000), seed=1)
    assert {len(device) for device in many.devices} == {len("BA-WL-10000")}
    other = generate_fleet(baoan, FleetRequest(water_gauges=1, prefix="TEST"), seed=1)
    assert set(other.devices) == {"TEST-WL-0001"}


def test_registry_numbers_and_ids_go_on_where_the_city_stopped(baoan: City) -> None:
    first = generate_fleet(baoan, FleetRequest(water_gauges=20, cameras_class1=10), seed=1)
    second = generate_fleet(first, FleetRequest(water_gauges=20, cameras_class1=10), seed=1)
    assert second.problems() == []
    assert len(second.devices) == 2 * len(first.devices)
    assert all(second.devices[device.id] == device for device in first.devices.values()), "nobody is renumbered"
    assert [d.number for d in second.devices.values()] == list(range(1, len(second.devices) + 1))
    assert "BA-WL-0040" in second.devices and "BA-WL-0041" not in second.devices


def test_a_street_keeps_its_one_platform_as_it_is_registered(baoan: City) -> None:
    first = generate_fleet(baoan, FleetRequest(cameras_class1=10, streets=["xinan"]), seed=1)
    renamed = msgspec.structs.replace(first.parents["BA-PF-video-xinan"], name="新安视频汇聚平台")
    second = generate_fleet(
        replace(first, parents={**first.parents, renamed.id: renamed}), FleetRequest(cameras_class1=30), seed=1
    )
    platforms = [p.name for p in second.parents.values() if p.kind is ParentKind.PLATFORM]
    assert platforms == ["新安视频汇聚平台", "新桥街道视频平台", "福海街道视频平台"]


def test_each_flooding_site_has_its_own_warning_depth_and_four_contacts(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest(water_gauges=40, underpass_gauges=16, cameras_class1=10), seed=1)
    wet = [s for s in city.sites.values() if city.areas[s.area].risk_class != "video-coverage"]
    assert len(wet) == 48, "a site a gauge on roads, two gauges a site in underpasses"
    depths = {site.reference_levels["water_depth"] for site in wet}
    assert len(depths) > 3 and all(10 <= depth <= 20 for depth in depths)
    for site in wet:
        units = [city.contacts[site.id, slot].unit for slot in (1, 2, 3, 4)]
        slug = city.admin[city.areas[site.area].admin].slug
        lead = "BA-U-water" if city.areas[site.area].risk_class == "waterlogging" else "BA-U-transport"
        assert units == [lead, f"BA-U-{slug}-sanfang", f"BA-U-{slug}-grid", "BA-U-drainage"]
    assert {site for site, _ in city.contacts} == {site.id for site in wet}


def test_contacts_make_do_with_the_units_there_are() -> None:
    city = read_city(DONGGUAN)
    wanted = FleetRequest(water_gauges=1)
    assert len(generate_fleet(city, wanted, seed=1).contacts) == 4
    nobody = replace(city, units={}, officers={})
    assert generate_fleet(nobody, wanted, seed=1).contacts == {}
    desk = replace(city, units={"DG-U-duty": city.units["DG-U-duty"]}, officers={})
    assert {c.unit for c in generate_fleet(desk, wanted, seed=1).contacts.values()} == {"DG-U-duty"}


def test_the_two_gauges_of_an_underpass_are_of_different_make_and_report_every_minute(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest(underpass_gauges=16), seed=1)
    for site in city.sites:
        assert sorted(d.type for d in city.devices.values() if d.site == site) == ["pressure-level", "radar-level"]
    assert set(fleet_of(city).interval_ms.tolist()) == {60_000}


def test_rain_gauges_stand_beside_water_gauges_and_alone_where_there_are_none(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest(water_gauges=20, rain_gauges=40), seed=1)
    assert Counter(d.site for d in of_type(city, "rain-gauge-tipping")) == dict.fromkeys(city.sites, 2)
    assert len(city.sites) == 20
    alone = generate_fleet(baoan, FleetRequest(rain_gauges=20), seed=1)
    assert len(alone.sites) == 20


def test_sites_lie_in_their_area_and_in_a_grid_of_its_street(baoan: City) -> None:
    city = generate_fleet(baoan, FleetRequest.of_size(2_000), seed=1)
    along_rivers = {other for site in city.sites.values() for other in (site.upstream and [*site.upstream, site.id])}
    for site in city.sites.values():
        area = city.areas[site.area]
        assert area.admin in [unit.code for unit in city.ancestors(site.grid)]
        assert site.illustrative
        if site.id in along_rivers:
            continue
        north = (site.lat - area.lat) * 111_320
        east = (site.lon - area.lon) * 111_320 * np.cos(np.radians(area.lat))
        assert np.hypot(north, east) <= area.radius_m + 2


def test_sites_are_not_put_into_grids_that_were_abolished() -> None:
    city = generate_fleet(read_city(DONGGUAN), FleetRequest(water_gauges=30, cameras_class2=30), seed=1)
    assert city.on(date(2024, 1, 1)).problems() == []
    assert len(city.devices) == len(city.on(date(2024, 1, 1)).devices)


def test_grids_without_coordinates_are_used_in_turn() -> None:
    city = read_city(DONGGUAN)
    bare = {code: msgspec.structs.replace(grid, lat=None, lon=None) for code, grid in city.grids.items()}
    made = generate_fleet(replace(city, grids=bare), FleetRequest(water_gauges=4), seed=1)
    assert Counter(site.grid for site in made.sites.values()) == {"DG01-01-101": 2, "DG01-02-001": 2}


@given(count=st.integers(0, 10_000), weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_a_split_gives_everything_out_in_proportion(count: int, weights: list[float]) -> None:
    shares = split(count, weights)
    assert sum(shares) == count
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - count * weight / sum(weights)) <= 1.0001


@given(floors=st.lists(st.integers(0, 20), min_size=1, max_size=10), extra=st.integers(0, 200))
def test_level_shares_are_equal_where_the_floors_allow(floors: list[int], extra: int) -> None:
    shares = level(sum(floors) + extra, floors)
    assert sum(shares) == sum(floors) + extra
    assert all(share >= floor for share, floor in zip(shares, floors, strict=True))
    least = min(shares)
    assert all(share <= least + 1 or share == floor for share, floor in zip(shares, floors, strict=True))


def test_places_fill_a_disc_evenly() -> None:
    lats, lons = scatter(np.random.default_rng(1), 22.7, 113.8, 1000.0, 10_000)
    north, east = (lats - 22.7) * 111_320, (lons - 113.8) * 111_320 * np.cos(np.radians(22.7))
    distance = np.hypot(north, east)
    assert distance.max() <= 1002
    assert np.mean(distance < 500) == pytest.approx(0.25, abs=0.02), (
        "a quarter of a disc's area lies in half its radius"
    )


def test_upstream_sources_have_a_point_in_every_street_and_change_nothing_of_the_rest(baoan: City) -> None:
    plain = generate_fleet(baoan, FleetRequest(water_gauges=12, sentries=4), seed=3)
    made = generate_fleet(baoan, FleetRequest(water_gauges=12, sentries=4, upstream=True), seed=3)
    assert made.problems() == []
    assert {id_: made.devices[id_] for id_ in plain.devices} == plain.devices
    streets = {area.admin for area in baoan.areas.values()}
    for source in (d for d in made.devices.values() if d.type.endswith("-source")):
        points = [d for d in made.devices.values() if d.gateway == source.id and d.type == "signal-point"]
        reached = {made.area_of(point).admin for point in points}
        assert reached == (set() if source.type == "report-source" else streets)
        assert made.parents[source.id].kind is ParentKind.GATEWAY
