"""Addresses of devices in the protocols that they speak: unique where it matters, made for fleets, kept by export."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from city.city import City
from city.errors import ConfigErrors
from city.generate import FleetRequest, generate_fleet
from city.registry import Device
from city.tables import overlay, read_city, shipped_pack, write_tables
from tests.unit.station_desk import CAMERA, GAUGE, OTHER_CAMERA, PLATFORM, RAIN, RIVER, TIDE, WATER, town

OTHER_GAUGE = "BA-WL-0002"
TABLES = ["sites", "parents", "devices", "contacts"]


def with_devices(city: City, *devices: Device) -> City:
    """The city with some of its devices changed."""
    return replace(city, devices={**city.devices, **{device.id: device for device in devices}})


def with_address(city: City, id_: str, of: str) -> City:
    """The city where a device has the address of another."""
    return with_devices(city, msgspec.structs.replace(city.devices[id_], address=city.devices[of].address))


def test_devices_on_one_unit_may_share_an_address_and_two_that_measure_the_same_may_not() -> None:
    city = town()
    assert city.devices[RIVER].address == city.devices[RAIN].address
    assert with_address(city, TIDE, WATER).problems() == []
    (problem,) = with_address(city, OTHER_GAUGE, GAUGE).problems()
    assert (problem.table, problem.key) == ("devices", OTHER_GAUGE)
    assert f"{GAUGE}, which has water_depth, too" in problem.message


def test_an_address_is_free_again_when_its_device_is_out_of_service() -> None:
    clash = with_address(town(), OTHER_GAUGE, GAUGE)
    resting = msgspec.structs.replace(clash.devices[GAUGE], in_service=False)
    assert with_devices(clash, resting).problems() == []


def test_two_cameras_with_one_address_clash() -> None:
    assert [problem.key for problem in with_address(town(), OTHER_CAMERA, CAMERA).problems()] == [OTHER_CAMERA]


def test_two_platforms_with_one_address_clash_though_they_measure_nothing() -> None:
    other = msgspec.structs.replace(town().devices[PLATFORM], id="BA-PF-other", number=999)
    assert [problem.key for problem in with_devices(town(), other).problems()] == ["BA-PF-other"]


def test_addresses_are_exported_and_read_back(tmp_path: Path) -> None:
    write_tables(town(), tmp_path, TABLES)
    again = overlay(read_city(shipped_pack("baoan")), tmp_path)
    assert again.devices == town().devices


def refusal_of(city: City, folder: Path, device: str, address: str) -> str:
    """What is said of a fleet in which a device has another address, and the line it should be said of."""
    write_tables(city, folder, TABLES)
    path = folder / "devices.csv"
    lines = path.read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines) if f"{device}," in text)
    lines[line] = lines[line].replace(city.devices[device].address or "", address)
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ConfigErrors) as refused:
        overlay(read_city(shipped_pack("baoan")), folder)
    assert f"devices.csv:{line + 1}:" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("wrong", ["4.40306E+19", "12 34", "x" * 28])
def test_an_address_that_is_none_is_told_by_its_line(tmp_path: Path, wrong: str) -> None:
    assert "address" in refusal_of(town(), tmp_path, TIDE, wrong)


def test_an_address_that_is_taken_is_told_by_its_line(tmp_path: Path) -> None:
    taken = town().devices[GAUGE].address or ""
    assert f"already belongs to {GAUGE}" in refusal_of(town(), tmp_path, OTHER_GAUGE, taken)


def test_a_fleet_has_addresses_only_where_they_are_asked_for_and_none_twice() -> None:
    base = read_city(shipped_pack("baoan"))
    plain = generate_fleet(base, FleetRequest.of_size(900), seed=1)
    assert {device.address for device in plain.devices.values()} == {None}
    assert "video-platform" not in {device.type for device in plain.devices.values()}
    wanted = msgspec.structs.replace(FleetRequest.of_size(900), addresses=True)
    city = generate_fleet(base, wanted, seed=1)
    assert city.problems() == []
    given = [device.address for device in city.devices.values() if device.address]
    assert len(given) == len(set(given)) > 500
    again = generate_fleet(city, wanted, seed=2)
    assert again.problems() == []


def test_each_streets_video_platform_has_a_device_that_speaks_for_it() -> None:
    speaker = town().devices[PLATFORM]
    assert (speaker.type, speaker.platform) == ("video-platform", PLATFORM)
    assert town().devices[CAMERA].platform == PLATFORM
    assert len(speaker.address or "") == len(town().devices[CAMERA].address or "") == 20
