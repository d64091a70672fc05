"""What devices hang on: gateways and NVRs, power zones, network zones, platforms, in the devices' street."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from city.catalogue import DeviceType
from city.generate.addresses import address_of
from city.generate.names import Names
from city.registry import AdminUnit, Device, Parent, ParentKind


@dataclass(frozen=True)
class Wiring:
    """How the devices of one feed are wired. slug: the feed's word in ids; zh: its word in names.

    gateway: type, id stem and Chinese name of its gateways. per_gateway, per_power, per_network: devices on one,
    0 for none of them. platform: whether the street has one platform for them all. spokesman: type of the device by
    which a platform speaks for them, where devices have addresses.
    """

    slug: str
    zh: str
    gateway: tuple[str, str, str] = ("gateway", "GW", "采集网关")
    per_gateway: int = 0
    per_power: int = 0
    per_network: int = 0
    platform: bool = False
    spokesman: str = ""


@dataclass(frozen=True)
class Standing:
    """A device that stands at a site and hangs on nothing yet."""

    id: str
    type: str
    site: str
    interval_s: int | None = None


@dataclass
class Hanger:
    """Hangs devices on parents that it makes as needed, and numbers the devices from `next_number` on.

    existing: ids of the parents that the city had before; spoken_for: of its devices. types: those of which devices
    have addresses, by slug.
    """

    prefix: str
    names: Names
    next_number: int
    existing: set[str]
    spoken_for: Container[str] = ()
    types: Mapping[str, DeviceType] = field(default_factory=dict)
    parents: list[Parent] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def hang(self, street: AdminUnit, wiring: Wiring, standing: list[Standing]) -> None:
        """Devices of one street, in the order in which cables would reach them: neighbours share parents.

        A gateway is a device too. It comes before those that hang on it, stands where the first of them does, and
        lists itself as its gateway.
        """
        count = len(standing)
        gateway = self._gateways(street, wiring, count)
        power = self._zones(street, wiring, ParentKind.POWER, wiring.per_power, count)
        network = self._zones(street, wiring, ParentKind.NETWORK, wiring.per_network, count)
        platform = self._platform(street, wiring) if wiring.platform and count else None
        for i, device in enumerate(standing):
            its_gateway = gateway[i]
            if its_gateway is not None and (i == 0 or its_gateway != gateway[i - 1]):
                first = Standing(its_gateway, wiring.gateway[0], device.site)
                self._add(street, first, its_gateway, power[i], network[i], platform)
            self._add(street, device, its_gateway, power[i], network[i], platform)
        if platform is not None and wiring.spokesman in self.types and platform not in self.spoken_for:
            self._add(street, Standing(platform, wiring.spokesman, standing[0].site), None, None, None, platform)

    def hang_source(self, parent: Parent, source: Standing, points: list[Standing]) -> None:
        """An upstream source, a device and what its points hang on; and its points."""
        self.parents.append(parent)
        for device in (source, *points):
            self._add(None, device, parent.id, None, None, None)

    def _add(
        self,
        street: AdminUnit | None,
        device: Standing,
        gateway: str | None,
        power: str | None,
        network: str | None,
        platform: str | None,
    ) -> None:
        known = self.types.get(device.type)
        self.devices.append(
            Device(
                number=self.next_number,
                id=device.id,
                type=device.type,
                site=device.site,
                gateway=gateway,
                power=power,
                network=network,
                platform=platform,
                interval_s=device.interval_s,
                address=address_of(known, self.next_number, street) if known and street else None,
            )
        )
        self.next_number += 1

    def _gateways(self, street: AdminUnit, wiring: Wiring, count: int) -> list[str | None]:
        """Id of each device's gateway."""
        if not wiring.per_gateway:
            return [None] * count
        _, stem, zh = wiring.gateway
        index = np.arange(count) // wiring.per_gateway
        return self._made(ParentKind.GATEWAY, f"{self.prefix}-{stem}-", 4, f"{street.name}{zh}", street, index)

    def _zones(
        self, street: AdminUnit, wiring: Wiring, kind: ParentKind, per_zone: int, count: int
    ) -> list[str | None]:
        """Id of each device's power or network zone."""
        if not per_zone:
            return [None] * count
        code = {ParentKind.POWER: "PW", ParentKind.NETWORK: "NW"}[kind]
        stem = f"{self.prefix}-{code}-{wiring.slug}-{street.slug or street.code}-"
        index = zone_index(count, per_zone, wiring.per_gateway)
        return self._made(kind, stem, 2, f"{street.name}{wiring.zh}{kind.zh}", street, index)

    def _platform(self, street: AdminUnit, wiring: Wiring) -> str:
        """Id of the street's platform for a feed, which may be there already."""
        platform = f"{self.prefix}-PF-{wiring.slug}-{street.slug or street.code}"
        if platform not in self.existing:
            self.existing.add(platform)
            name = f"{street.name}{wiring.zh}{ParentKind.PLATFORM.zh}"
            self.parents.append(Parent(id=platform, kind=ParentKind.PLATFORM, name=name, admin=street.code))
        return platform

    def _made(
        self, kind: ParentKind, stem: str, width: int, name: str, street: AdminUnit, index: npt.NDArray[np.int64]
    ) -> list[str | None]:
        """Parents made for an index (n,) that counts up from 0, and the id of each device's one."""
        count = int(index[-1]) + 1 if len(index) else 0
        ids = self.names.take(stem, count, self.names.width(stem, count, width))
        self.parents += [
            Parent(id=id_, kind=kind, name=f"{name}{id_.removeprefix(stem)}", admin=street.code) for id_ in ids
        ]
        return [ids[i] for i in index.tolist()]


def zone_index(count: int, per_zone: int, per_gateway: int) -> npt.NDArray[np.int64]:
    """Zone of each of `count` devices in a row: (count,) int64, counting up from 0 without gaps.

    A zone that is no smaller than a gateway's devices takes whole gateways: those whose middle falls into it.
    """
    place = np.arange(count)
    if 0 < per_gateway <= per_zone:
        place = place // per_gateway * per_gateway + per_gateway // 2
    return place // per_zone
