"""The registry as ingest needs it: by device id, what it may send and where its readings go."""

from dataclasses import dataclass

from city.catalogue import Catalogue, DeviceType
from city.city import City
from city.fleet import Fleet, fleet_of
from city.sharding import shard_of_rows
from ingest.contract import FEEDS, SEGMENTS, Message, Telemetry

TOPIC_ROOT = "citysafety"


@dataclass(frozen=True, slots=True)
class Measure:
    """An indicator as a device's class has it: its number in the log and its plausible range."""

    id: str
    number: int
    lowest: float
    highest: float
    unit: str


@dataclass(frozen=True)
class KindOfDevice:
    """What one kind of device sends: the message's type, and the indicators that its fields mean, by name."""

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
            KindOfDevice(FEEDS[types[device_type].feed], _measures(city.catalogue, risk_class, types[device_type]))
            for risk_class, device_type in fleet.kinds
        ]
        by_kind = [kind.measures for kind in self._kinds]
        self.measures: list[dict[str, Measure]] = [by_kind[kind] for kind in self._kind]
        self.topic_prefix: list[bytes] = _topic_prefixes(city, fleet, self._kind, self._kinds)

    def kind(self, row: int) -> KindOfDevice:
        return self._kinds[self._kind[row]]


def _measures(catalogue: Catalogue, risk_class: str, device_type: DeviceType) -> dict[str, Measure]:
    """The indicators by name that devices of a type may tell in areas of a class: a station what its type measures;
    others all of the class, since it is the fields of their feeds that say what they measure."""
    names_its_own = FEEDS[device_type.feed] is Telemetry
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
