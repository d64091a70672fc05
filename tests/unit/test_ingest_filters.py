"""Several ingest processes share a city by whole streets: together everything, each about as much."""

from functools import cache
from itertools import chain

import pytest
from paho.mqtt.client import topic_matches_sub

from city.city import City
from city.errors import SettingError
from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.tables import read_city, shipped_pack
from ingest.filters import divide
from ingest.registry import Registry


@cache
def populated() -> City:
    return generate_fleet(read_city(shipped_pack("baoan")), FleetRequest.of_size(2000), seed=1)


def rates(city: City, parts: int) -> list[float]:
    """Messages a second of each part; asserts that every device is in exactly one."""
    registry, shares, found = Registry(city, shards=1), divide(city, parts), [0.0] * parts
    for prefix, interval_ms in zip(registry.topic_prefix, fleet_of(city).interval_ms.tolist(), strict=True):
        topic = f"{prefix.decode()}device/up"
        (part,) = [n for n, share in enumerate(shares) if any(topic_matches_sub(each, topic) for each in share)]
        found[part] += 1000 / interval_ms
    return found


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_device_is_with_one_process_and_each_has_about_as_much_to_do(parts: int) -> None:
    found = rates(populated(), parts)
    assert max(found) <= 1.25 * sum(found) / parts


def test_streets_without_devices_are_shared_out_too() -> None:
    empty = read_city(shipped_pack("baoan"))
    assert sorted(chain(*divide(empty, 3))) == divide(empty, 1)[0]
    assert len(divide(empty, 1)[0]) == len({area.admin for area in empty.areas.values()})


def test_a_street_is_never_cut_in_two() -> None:
    city = populated()
    streets = len(divide(city, 1)[0])
    assert [len(share) for share in divide(city, streets)] == [1] * streets
    with pytest.raises(SettingError, match="more than there are streets"):
        divide(city, streets + 1)
