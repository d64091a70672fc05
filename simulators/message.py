"""What a device sends, while it is on its way: first as a message that faults may change, then as bytes on a topic."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from city.city import City
from city.clock import MARKS_TOPIC

TOPIC_ROOT, GATEWAY_FEED, SIGNAL_FEED, REPORT_FEED = "citysafety", "gateway", "signal", "report"
PLATFORM_FEED = "gb28181"
SEGMENTS = {GATEWAY_FEED: "gateway", PLATFORM_FEED: "gateway", SIGNAL_FEED: "upstream", REPORT_FEED: "upstream"}
"""What stands in topics in place of the class, by feed of those that speak for others."""
MINUTES_KEPT = 4096
Body = dict[str, Any]


class Message(msgspec.Struct, frozen=True):
    """One message of one device.

    taken_ms: when it was really made; rises along a device's messages. event_ms: what its `ts` claims. at_ms: when it
    is published. address: topic up to the kind. kind: up, hb, evt or will. body: fields, or bytes that are no message.
    """

    device: str
    address: str
    kind: str
    seq: int
    taken_ms: int
    event_ms: int
    at_ms: int
    body: Body | bytes
    retain: bool = False


class Emission(msgspec.Struct, frozen=True):
    """A message at the moment its device publishes it. at_ms: played time, ms UTC. event_ms: what the device claims."""

    at_ms: int
    topic: str
    payload: bytes
    retain: bool
    device: str
    seq: int
    event_ms: int


_encode = msgspec.json.Encoder().encode


def emission_of(message: Message) -> Emission:
    body = message.body
    return Emission(
        message.at_ms,
        f"{message.address}/{message.kind}",
        body if isinstance(body, bytes) else _encode(body),
        message.retain,
        message.device,
        message.seq,
        message.event_ms,
    )


def marks(start_ms: int, end_ms: int, step_ms: int) -> Iterator[Emission]:
    """What a play's clock says on MARKS_TOPIC, from its start to its end. No device says it."""
    for ms in (*range(start_ms, end_ms, step_ms), end_ms):
        yield Emission(ms, MARKS_TOPIC, str(ms).encode(), False, "", 0, ms)


class Stamper:
    """Writes times as devices do, 2025-05-06T13:42:00.000+08:00, and keeps the minutes it has written."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._minutes: dict[int, tuple[str, str]] = {}

    def iso(self, ms: int) -> str:
        """A time in ms UTC as ISO 8601 with the zone's offset."""
        minute, rest_ms = divmod(ms, 60_000)
        parts = self._minutes.get(minute)
        if parts is None:
            if len(self._minutes) >= MINUTES_KEPT:
                self._minutes.clear()
            text = datetime.fromtimestamp(minute * 60, self._zone).isoformat()
            parts = self._minutes[minute] = text[:17], text[19:]
        return f"{parts[0]}{rest_ms // 1000:02d}.{rest_ms % 1000:03d}{parts[1]}"

    def like(self, example: str | float, ms: int) -> str | int:
        """A time written in the way of an example: as text, or as milliseconds since 1970."""
        return self.iso(ms) if isinstance(example, str) else ms


def topic_prefix(city: City, area_id: str, feed: str) -> str:
    """citysafety/{district}/{street}/{class}/ of an area's devices. District and street are administrative codes."""
    area = city.areas[area_id]
    *_, district = city.ancestors(area.admin)
    return f"{TOPIC_ROOT}/{district.code}/{area.admin}/{SEGMENTS.get(feed, area.risk_class)}/"
