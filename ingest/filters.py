"""The topics of several ingest processes: whole streets, so that a gateway and the devices behind it stay together."""

from city.city import City
from city.errors import SettingError
from city.fleet import fleet_of
from ingest.registry import topic_prefix


def divide(city: City, parts: int) -> list[list[str]]:
    """Topic filters of each part: together all streets that have areas, by how often their devices report about alike.
    Raises SettingError where there are fewer streets than parts."""
    rate_of = _messages_per_s(city)
    if parts > len(rate_of):
        raise SettingError("parts", f"{parts} are more than there are streets", f"{len(rate_of)} at most")
    shares: list[list[str]] = [[] for _ in range(parts)]
    loads = [0.0] * parts
    for topic in sorted(rate_of, key=lambda topic: (-rate_of[topic], topic)):
        lightest = min(range(parts), key=lambda part: (loads[part], len(shares[part])))
        shares[lightest].append(topic)
        loads[lightest] += rate_of[topic]
    return [sorted(share) for share in shares]


def _messages_per_s(city: City) -> dict[str, float]:
    """What the devices below each street's topics send at least."""
    fleet = fleet_of(city)
    street_of = [f"{topic_prefix(city, area).rsplit('/', 2)[0]}/#" for area in fleet.area_ids]
    rates = dict.fromkeys(street_of, 0.0)
    for area, interval_ms in zip(fleet.area.tolist(), fleet.interval_ms.tolist(), strict=True):
        rates[street_of[area]] += 1000 / interval_ms
    return rates
