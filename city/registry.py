"""Records of the registry: places, what stands there, and who answers for it.

Every record may carry `valid_from` and `valid_to` (dates, the end exclusive): catalogues, grids and fleets change
by the year, and a past storm is replayed against the city of its day. Names here are of places and posts, never
of persons; telephone numbers do not belong in these tables.
"""

from datetime import date
from enum import Enum
from typing import Annotated

import msgspec

Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
"""WGS-84, in degrees."""
Positive = Annotated[float, msgspec.Meta(gt=0)]
DeviceId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
"""What the message contract lets a device call itself, and a topic hold."""
Address = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,27}\Z")]
"""What a device is called in a protocol that knows no ids of ours: MN of HJ 212, ten digits of SL 651, twenty of
GB/T 28181."""
RegistryNumber = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
"""As wide as the column `device` of a batch."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a table, valid from a day to before another. `None`: open end."""

    valid_from: date | None = None
    valid_to: date | None = None

    def valid_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


class AdminUnit(Record, frozen=True):
    """A unit of the administrative tree above the grids: 区, 街道, 社区, or 市, 镇, 村: the pack says how deep.
    `slug` is its name in ids that we make."""

    code: str
    name: str
    kind: str  # one of the pack's admin_kinds
    parent: str | None = None
    slug: str | None = None
    code_system: str = "NBS"
    lat: Latitude | None = None
    lon: Longitude | None = None
    special: bool = False  # e.g. an airport with a code of its own that is not one of the streets
    illustrative: bool = False

    @property
    def short(self) -> str:
        """Its name without its kind, on a street or town: 新安街道 is 新安."""
        for kind in ("街道办事处", "街道", "镇", "乡"):
            if self.name.endswith(kind) and len(self.name) > len(kind) + 1:
                return self.name.removesuffix(kind)
        return self.name


class Grid(Record, frozen=True):
    """基础网格: the smallest unit; `parent` is a unit of the deepest kind (a community or village), never higher."""

    code: str
    name: str
    parent: str
    lat: Latitude | None = None
    lon: Longitude | None = None
    illustrative: bool = False


class Zone(Record, frozen=True):
    """片区: areas whose sensors confirm each other. All its readings live on one shard."""

    id: str
    name: str


class Area(Record, frozen=True):
    """监测区域: one of the monitored areas, of exactly one risk class."""

    id: str
    name: str
    risk_class: str
    admin: str  # code of the street or town it lies in
    zone: str
    lat: Latitude
    lon: Longitude
    radius_m: Positive = 300.0
    illustrative: bool = False


class Site(Record, frozen=True):
    """点位: where devices stand. `reference_levels` are its own marks by indicator, e.g. 警戒水深 in cm. `upstream`:
    ids of the sites directly above it along a river, a drain or an outfall, in the same zone."""

    id: str
    name: str
    area: str
    grid: str
    lat: Latitude
    lon: Longitude
    reference_levels: dict[str, float] = {}
    reference_elevation_m: float | None = None
    upstream: list[str] = []
    road_section: str = ""
    illustrative: bool = False


class ParentKind(Enum):
    """What a device hangs on; when it fails, its devices go silent together. Most specific first."""

    GATEWAY = "gateway"
    POWER = "power"
    NETWORK = "network"
    PLATFORM = "platform"

    @property
    def zh(self) -> str:
        return {"gateway": "网关", "power": "供电区", "network": "网络区", "platform": "平台"}[self.value]


PARENT_KINDS = tuple(ParentKind)


class Parent(Record, frozen=True):
    """上级: a gateway, platform, power zone or network zone."""

    id: str
    kind: ParentKind
    name: str
    admin: str


class Device(Record, frozen=True):
    """设备. `number` is its name in the log: given once, never reused, so that old logs stay readable. `address`: its
    number in the protocol that it speaks, if that is not ours. Devices on one telemetry unit share its address."""

    number: RegistryNumber
    id: DeviceId
    type: str
    site: str
    gateway: str | None = None
    power: str | None = None
    network: str | None = None
    platform: str | None = None
    interval_s: int | None = None  # None: the interval of its type
    address: Address | None = None
    in_service: bool = True

    def parent(self, kind: ParentKind) -> str | None:
        value: str | None = getattr(self, kind.value)
        return value


class Unit(Record, frozen=True):
    """处置单位: who handles. It answers in `scope` (an administrative code and all below it), for `classes`
    (empty: any). `staffed` units are manned around the clock and may end a route."""

    id: str
    name: str
    scope: str
    classes: list[str] = []
    staffed: bool = False


class Officer(Record, frozen=True):
    """网格员, by post and not by name."""

    id: str
    grid: str
    unit: str


class Contact(Record, frozen=True):
    """One of the four contacts (四个联系人) of a site: slot 1 to 4, a post in a unit."""

    site: str
    slot: int
    role: str
    unit: str
