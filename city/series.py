"""What the series of a city are called. streams.series writes them, dashboards ask for them; nobody else knows both.

Tags are what one may filter and group by, and all of them come from the registry or a closed set, so that the number
of series is bounded by the city. Fields are values, and whatever has no bound: names, ids, words.
"""

from dataclasses import dataclass
from enum import StrEnum


class Measurement(StrEnum):
    """What a point is about, with its tags."""

    READING = "reading"  # device, type, site, area, class, street, community; a field an indicator, its id
    CAMERA = "camera"  # the same of cameras: kept one by one in the raw bucket alone, and put together with all others
    TRIAL = "trial"  # the same while a technician is at the device: never on the wall
    TRANSITION = "transition"  # rule, class, nature, street, area
    LETTER = "letter"  # reason
    TICK = "tick"  # ingest, shard
    METRIC = "metric"  # process, name, and the labels of that name
    CITY = "city"  # none
    AREA = "area"  # area, class, domain, street
    PLACE = "place"  # place, kind, above: an administrative unit
    HEALTH = "health"  # class, type, street, platform: devices that share all these
    PARENT = "parent"  # parent, kind, street: while it is down
    INCIDENTS = "incidents"  # nature, class, level: how many are open
    TICKETS = "tickets"  # unit, level: how many are open
    SHARD = "shard"  # shard
    INCIDENT = "incident"  # nature, class, street: one, at the time it was opened
    TICKET = "ticket"  # unit, street: one, at the time it was reported
    RULES = "rules"  # none: a pack, at the time it came into force
    SITE = "site"  # site, area, class, street, community: its record in the registry
    CONTACT = "contact"  # site, street, community, slot: one of its four contacts, by post
    SUMMARY = "summary"  # class, street: over all devices of these, of five minutes or an hour


SAID = (Measurement.READING, Measurement.CAMERA)
"""What devices said. Most of them are cameras, and speak of nothing but themselves."""
STANDINGS = (
    *(Measurement.CITY, Measurement.AREA, Measurement.PLACE, Measurement.HEALTH),
    *(Measurement.PARENT, Measurement.INCIDENTS, Measurement.TICKETS),
)
"""How things stand: all of it every STANDING_MS of log time, and what has changed at the moment that it does."""

STANDING_MS = 60_000
NONE = "-"
"""The tag's value where there is none: InfluxDB has no empty ones."""


class Statistic(StrEnum):
    """What is kept of the readings of a minute or an hour, as `reading_mean` and so on."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"

    def of(self, measurement: Measurement) -> str:
        return f"{measurement}_{self}"


@dataclass(frozen=True)
class Buckets:
    """Names of the buckets, by what one point stands for."""

    raw: str
    minute: str
    hour: str

    @classmethod
    def named(cls, name: str) -> "Buckets":
        return cls(name, f"{name}_1m", f"{name}_1h")
