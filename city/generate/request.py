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


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of devices by sort, where they go, and how many hang on one parent.

    telemetry: by device type, of types whose feed is telemetry, e.g. {"river-level": 6, "smoke-independent": 40}.
    streets: slugs or codes of the administrative units to stay in, areas: ids of areas to stay in; empty: all.
    gauges_per_gateway, telemetry_per_gateway: 0 when they talk to the network themselves. channels_per_nvr, and
    devices per power or network zone: 0 for none of them. Gateways and NVRs are made as needed and are not among the
    counts.
    prefix: how ids begin; empty: as those of the city's areas do, e.g. BA.
    """

    water_gauges: Count = 0
    underpass_gauges: Count = 0
    rain_gauges: Count = 0
    sentries: Count = 0
    cameras_class1: Count = 0
    cameras_class2: Count = 0
    telemetry: dict[str, Count] = {}
    streets: list[str] = []
    areas: list[str] = []
    gauges_per_gateway: Count = 0
    telemetry_per_gateway: Count = 0
    channels_per_nvr: Count = 64
    devices_per_power_zone: Count = 64
    devices_per_network_zone: Count = 200
    prefix: str = ""

    @classmethod
    def of_size(cls, n: int) -> "FleetRequest":
        """n devices in a realistic mix: at least one of every sort from six devices up; NVRs come on top."""
        base = 1 if n >= len(MIX) else 0
        shares = split(n - base * len(MIX), list(MIX.values()))
        counts: dict[str, Any] = {sort: base + share for sort, share in zip(MIX, shares, strict=True)}
        return cls(**counts)
