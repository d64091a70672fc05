"""What fleet is wanted."""

from typing import Annotated, Any

import msgspec

from city.generate.places import split

Count = Annotated[int, msgspec.Meta(ge=0)]
MIX = {
    "cameras_class2": 650,
    "cameras_class1": 250,
    "sentries": 60,
    "water_gauges": 24,
    "rain_gauges": 10,
    "underpass_gauges": 6,
}
"""Devices of each sort in a thousand. Cameras dominate (Dongguan, May 2019: 21,187 first-class and 54,774
second-class video points); the rest is our own proposal."""


STATIONS_IN_1000 = 60
STATION_MIX = {
    "smoke-independent": 300,
    "gas-detector": 90,
    "electrical-fire": 60,
    "ebike-charge": 60,
    "methane-manhole": 50,
    "manhole-level": 40,
    "pipe-pressure": 30,
    "river-level": 30,
    "hydrant-pressure": 24,
    "pump-station": 24,
    "manhole-cover": 20,
    "settlement": 20,
    "air-station": 18,
    "confined-gas": 18,
    "gnss": 18,
    "crack-meter": 16,
    "tilt-accel": 16,
    "pit-monitor": 16,
    "sewer-level": 16,
    "anemometer": 12,
    "strain": 12,
    "tank-level": 12,
    "tank-pressure": 12,
    "tank-temp": 12,
    "tower-crane-box": 12,
    "water-quality": 12,
    "accelerometer": 8,
    "deflection": 8,
    "dust-collector": 8,
    "emission": 8,
    "gas-pressure": 8,
    "leak-noise": 8,
    "people-counter": 8,
    "seepage-piezometer": 8,
    "soil-moisture": 8,
    "tsp-noise": 8,
    "gas-flow": 6,
    "led-sign": 6,
    "reservoir-level": 6,
    "weather-station": 6,
    "gnss-dam": 4,
    "tide-gauge": 4,
    "wim": 4,
}
"""Stations of each type among all of them. They take the place of second-class cameras; our own proposal too."""
STATIONS_AT_LEAST = {
    "smoke-independent": 4,
    "gas-detector": 3,
    "river-level": 2,
    "water-quality": 2,
    "anemometer": 2,
    "gnss": 2,
}
"""As few of these make a group whose members confirm each other; one is enough of every other type."""


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of devices by sort, where they go, and how many hang on one parent.

    telemetry: by device type, of types whose feed is telemetry, e.g. {"river-level": 6, "smoke-independent": 40}.
    upstream: whether there are sources of upstream signals, each with a point in every street; they are not among the
    counts either.
    streets: slugs or codes of the administrative units to stay in, areas: ids of areas to stay in; empty: all.
    gauges_per_gateway, telemetry_per_gateway: 0 when they talk to the network themselves. channels_per_nvr, and
    devices per power or network zone: 0 for none of them. Gateways and NVRs are made as needed and are not among the
    counts.
    addresses: give devices the address that they would have in SL 651, HJ 212 or GB/T 28181, and each street's video
    platform a device that speaks for its points.
    prefix: how ids begin; empty: as those of the city's areas do, e.g. BA.
    """

    water_gauges: Count = 0
    underpass_gauges: Count = 0
    rain_gauges: Count = 0
    sentries: Count = 0
    cameras_class1: Count = 0
    cameras_class2: Count = 0
    telemetry: dict[str, Count] = {}
    upstream: bool = False
    streets: list[str] = []
    areas: list[str] = []
    gauges_per_gateway: Count = 0
    telemetry_per_gateway: Count = 0
    channels_per_nvr: Count = 64
    devices_per_power_zone: Count = 64
    devices_per_network_zone: Count = 200
    addresses: bool = False
    prefix: str = ""

    @classmethod
    def of_size(cls, n: int) -> "FleetRequest":
        """n devices in a realistic mix: at least one of every sort from six devices up, and of every type of station
        from 867 up; NVRs come on top."""
        base = 1 if n >= len(MIX) else 0
        shares = split(n - base * len(MIX), list(MIX.values()))
        counts: dict[str, Any] = {sort: base + share for sort, share in zip(MIX, shares, strict=True)}
        stations = n * STATIONS_IN_1000 // 1000
        counts["cameras_class2"] -= stations
        return cls(**counts, telemetry=_stations(stations))


def _stations(n: int) -> dict[str, int]:
    """n stations by type, in the usual mix."""
    least = [STATIONS_AT_LEAST.get(slug, 1) for slug in STATION_MIX]
    floors = least if n >= sum(least) else [0] * len(least)
    shares = split(n - sum(floors), list(STATION_MIX.values()))
    return {
        slug: floor + share for slug, floor, share in zip(STATION_MIX, floors, shares, strict=True) if floor + share
    }
