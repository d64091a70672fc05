"""The registry as ingest needs it: by device id, what it may send and where its readings go."""

from dataclasses import dataclass

from city.catalogue import Catalogue, DeviceType
from city.city import City
from city.fleet import NOWHERE, Fleet, fleet_of
from city.registry import PARENT_KINDS, ParentKind
from city.sharding import shard_of_rows
from ingest.contract import FEEDS, SEGMENTS, Gateway, Message, Telemetry, Video

TOPIC_ROOT = "citysafety"
PLATFORM_FEED = "gb28181"
MESSAGES: dict[str, type[Message]] = {**FEEDS, PLATFORM_FEED: Gateway}


@dataclass(frozen=True, slots=True)
class Measure:
    """An indicator as a device's class has it: its number in the log and its plausible range."""

    id: str
    number: int
    lowest: float
    highest: float
    unit: str


@dataclass(frozen=True, slots=True)
class Post:
    """A device at an address: its row, and the ids of the indicators that its type reports, and that its class has."""

    row: int
    reports: frozenset[str]
    of_class: frozenset[str]


@dataclass(frozen=True)
class KindOfDevice:
    """What one kind of device sends: the message's type, and the indicators that its fields mean, by name. A video
    platform's, which are of its own form, are told as a gateway's."""

    feed: str
    message: type[Message]
    measures: dict[str, Measure]


class Registry:
    """Lookups by row of the fleet. Plain lists: a million lookups a second go through them."""

    def __init__(self, city: City, shards: int) -> None:
        fleet = fleet_of(city)
        types = {t.slug: t for t in city.catalogue.device_types}
        self.row_of: dict[str, int] = fleet.row_of
        self.number: list[int] = fleet.number.tolist()
        self.shard: list[int] = shard_of_rows(fleet, shards).tolist()
        self._kind: list[int] = fleet.kind.tolist()
        self._kinds = [
            KindOfDevice(
                types[device_type].feed,
                MESSAGES[types[device_type].feed],
                _measures(city.catalogue, risk_class, types[device_type]),
            )
            for risk_class, device_type in fleet.kinds
        ]
        by_kind = [kind.measures for kind in self._kinds]
        self.measures: list[dict[str, Measure]] = [by_kind[kind] for kind in self._kind]
        self.topic_prefix: list[bytes] = _topic_prefixes(city, fleet, self._kind, self._kinds)
        self.ids: list[str] = fleet.ids
        self.posts: dict[str, list[Post]] = _posts(city, fleet)
        self.points_of: dict[int, frozenset[int]] = self._points_of(fleet)

    def kind(self, row: int) -> KindOfDevice:
        return self._kinds[self._kind[row]]

    def _points_of(self, fleet: Fleet) -> dict[int, frozenset[int]]:
        """Rows of the video points on a platform, by the row of the device that speaks for it."""
        platform = fleet.parents[:, PARENT_KINDS.index(ParentKind.PLATFORM)].tolist()
        on: dict[int, set[int]] = {}
        for row, parent in enumerate(platform):
            if parent != NOWHERE and self.kind(row).message is Video:
                on.setdefault(parent, set()).add(row)
        speakers = [row for row in range(len(fleet)) if self.kind(row).feed == PLATFORM_FEED]
        return {row: frozenset(on.get(platform[row], set())) for row in speakers}


def _posts(city: City, fleet: Fleet) -> dict[str, list[Post]]:
    """The devices at each address, in order of their numbers."""
    posts: dict[str, list[Post]] = {}
    for row, device_id in enumerate(fleet.ids):
        device = city.devices[device_id]
        if device.address is not None:
            risk_class = city.area_of(device).risk_class
            reported = frozenset(i.id for i in city.catalogue.reported(risk_class, device.type))
            of_class = frozenset(i.id for i in city.catalogue.of_class(risk_class))
            posts.setdefault(device.address, []).append(Post(row, reported, of_class))
    return posts


def _measures(catalogue: Catalogue, risk_class: str, device_type: DeviceType) -> dict[str, Measure]:
    """The indicators by name that devices of a type may tell in areas of a class: a station what its type measures;
    others all of the class, since it is the fields of their feeds that say what they measure."""
    names_its_own = MESSAGES[device_type.feed] is Telemetry
    told = catalogue.reported(risk_class, device_type.slug) if names_its_own else catalogue.of_class(risk_class)
    return {i.id: Measure(i.id, i.number, i.valid_min, i.valid_max, i.unit) for i in told}


def _topic_prefixes(city: City, fleet: Fleet, kind: list[int], kinds: list[KindOfDevice]) -> list[bytes]:
    """What a device's topics begin with, up to and including the slash before its id; few distinct, shared."""
    shared: dict[tuple[int, str | None], bytes] = {}
    prefixes = []
    for area_row, kind_row in zip(fleet.area.tolist(), kind, strict=True):
        key = (area_row, SEGMENTS.get(kinds[kind_row].message))
        if key not in shared:
            shared[key] = topic_prefix(city, fleet.area_ids[area_row], key[1]).encode()
        prefixes.append(shared[key])
    return prefixes


def topic_prefix(city: City, area_id: str, segment: str | None = None) -> str:
    """citysafety/{district}/{street}/{class}/ for the devices of an area. District and street are admin codes.
    segment: in place of the class, of SEGMENTS."""
    area = city.areas[area_id]
    district = list(city.ancestors(area.admin))[-1].code
    return f"{TOPIC_ROOT}/{district}/{area.admin}/{segment or area.risk_class}/"
