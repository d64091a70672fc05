"""The town of a file of tests: a few devices, and just as much of a city around them as rules can see."""

import math
from typing import Annotated, Literal

import msgspec

from city.catalogue import Catalogue
from city.city import City, by_id
from city.registry import AdminUnit, Area, Device, DeviceId, Grid, Parent, ParentKind, Site, Zone

LAT, LON = 22.55, 113.9
METRES_A_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371.0 km, as rules measure distances."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class TownDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device. at: metres east and north of the town's middle. site: devices of one site stand together; its own if
    left out. marks: of its site. upstream: sites above it. gateway, power, network, platform: what it hangs on."""

    id: DeviceId
    type: str
    risk_class: str = msgspec.field(name="class")
    at: tuple[float, float] = (0.0, 0.0)
    site: Name | None = None
    street: Name = "street"
    zone: Name = "zone"
    marks: dict[str, float] = {}
    upstream: list[str] = []
    interval_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | None = None
    gateway: Name | None = None
    power: Name | None = None
    network: Name | None = None
    platform: Name | None = None

    @property
    def site_id(self) -> str:
        return self.site or f"site-{self.id}"

    @property
    def area_id(self) -> str:
        return f"{self.risk_class}@{self.street}/{self.zone}"


Kind = Literal["gateway", "power", "network", "platform"]
KINDS: tuple[Kind, ...] = ("gateway", "power", "network", "platform")


def build_town(devices: list[TownDevice], catalogue: Catalogue, time_zone: str) -> City:
    """A city with these devices: an area for each class, street and zone, one community and grid a street."""
    streets = list(dict.fromkeys(device.street for device in devices))
    admin = [AdminUnit(code="0", name="测试区", kind="区", slug="town")]
    admin += [AdminUnit(code=street, name=street, kind="街道", parent="0", slug=street) for street in streets]
    admin += [AdminUnit(code=f"{street}-c", name=street, kind="社区", parent=street) for street in streets]
    parents = {(kind, name) for device in devices for kind in KINDS if (name := getattr(device, kind))}
    return City(
        id="town",
        name="测试小城",
        time_zone=time_zone,
        admin_kinds=("区", "街道", "社区"),
        grid_pattern=".+",
        catalogue=catalogue,
        admin=by_id(admin, "code"),
        grids=by_id([Grid(code=f"{street}-g", name=street, parent=f"{street}-c") for street in streets], "code"),
        zones=by_id([Zone(id=zone, name=zone) for zone in dict.fromkeys(device.zone for device in devices)]),
        areas=by_id([_area(device) for device in {device.area_id: device for device in devices}.values()]),
        sites=by_id([_site(device, devices) for device in {d.site_id: d for d in reversed(devices)}.values()]),
        parents=by_id([Parent(id=name, kind=ParentKind(kind), name=name, admin="0") for kind, name in sorted(parents)]),
        devices=by_id([_device(number, device) for number, device in enumerate(devices, 1)]),
        units={},
        officers={},
        contacts={},
    )


def _area(device: TownDevice) -> Area:
    return Area(
        id=device.area_id,
        name=device.area_id,
        risk_class=device.risk_class,
        admin=device.street,
        zone=device.zone,
        lat=LAT,
        lon=LON,
    )


def _site(first: TownDevice, devices: list[TownDevice]) -> Site:
    """The site of a device and of those that share it."""
    sharing = [device for device in devices if device.site_id == first.site_id]
    east_m, north_m = first.at
    return Site(
        id=first.site_id,
        name=first.site_id,
        area=first.area_id,
        grid=f"{first.street}-g",
        lat=LAT + north_m / METRES_A_DEGREE,
        lon=LON + east_m / METRES_A_DEGREE / math.cos(math.radians(LAT)),
        reference_levels={name: mark for device in sharing for name, mark in device.marks.items()},
        upstream=sorted({site for device in sharing for site in device.upstream}),
    )


def _device(number: int, device: TownDevice) -> Device:
    above = {kind: getattr(device, kind) for kind in KINDS}
    return Device(
        number=number, id=device.id, type=device.type, site=device.site_id, interval_s=device.interval_s, **above
    )
