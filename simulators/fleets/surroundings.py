"""What is around the devices while they are played: the time, the storm, back ends that are down."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

import msgspec
import numpy as np

from city.city import City
from city.registry import Device
from simulators.message import Body, Message, Stamper, topic_prefix
from simulators.seeds import rng_of
from simulators.storms import Storm
from simulators.words import Span
from simulators.world import Course, World

DAY_MS = 86_400_000


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of fleets. through_gateways: feeds whose devices send by their gateway, where they have one.
    passages_per_min: of a lane at its busiest time of the day."""

    through_gateways: list[Literal["waterlogging", "sentry", "video", "telemetry"]] = []
    passages_per_min: Annotated[float, msgspec.Meta(ge=0, le=60)] = 8.0


@dataclass(frozen=True)
class Outage:
    """A verify back end that does not answer. Times out after `timeout_ms`; lanes decide alone after `local_after_ms`;
    it takes `ramp_ms` until `worst` (a share) of the verifications fail; a queue grows to `longest_queue` at most."""

    span: Span
    timeout_ms: int
    local_after_ms: int
    ramp_ms: int
    worst: float
    longest_queue: int


@dataclass(frozen=True)
class Surroundings:
    """All that a device's behaviour depends on. `courses`: what the scenario says of indicators. `outages`: of verify
    back ends, by platform. `dark`: by gateway, devices that hang on it and are not heard at times, with those times.
    `moved_ms`: by how much the play was moved;
    people and the sun keep to the hours of the day that the scenario has."""

    city: City
    seed: int
    span: Span
    behaviour: Behaviour = field(default_factory=Behaviour)
    storm: Storm | None = None
    courses: list[Course] = field(default_factory=list)
    outages: dict[str, list[Outage]] = field(default_factory=dict)
    dark: dict[str, list[tuple[str, list[Span]]]] = field(default_factory=dict)
    moved_ms: int = 0

    @property
    def stamper(self) -> Stamper:
        return Stamper(self.city.time_zone)

    @property
    def midnight_ms(self) -> int:
        """A local midnight before the play, by the scenario's hours."""
        text = self.stamper.iso(self.span.start_ms - self.moved_ms)
        hours, minutes = int(text[11:13]), int(text[14:16])
        return self.span.start_ms // 60_000 * 60_000 - (hours * 60 + minutes) * 60_000

    @cached_property
    def world(self) -> World:
        return World(self.city, self.span, self.midnight_ms, self.storm, self.courses)


@dataclass
class Voice:
    """A device as it speaks: counts its messages and knows its topic and its own chance."""

    device: Device
    address: str
    interval_ms: int
    stamper: Stamper
    rng: np.random.Generator
    latency_ms: tuple[float, float]
    seq: int = 0
    last_at_ms: int = 0

    @property
    def phase_ms(self) -> int:
        """A draw of where in its interval the device reports."""
        return int(self.rng.random() * self.interval_ms)

    def head(self, taken_ms: int, text: bool = True) -> Body:
        """What every message begins with; counts it. The time as text, or as milliseconds."""
        self.seq += 1
        return {
            "v": 1,
            "device_id": self.device.id,
            "seq": self.seq,
            "ts": self.stamper.iso(taken_ms) if text else taken_ms,
        }

    def message(self, kind: str, taken_ms: int, body: Body) -> Message:
        """The message of a body that was begun by `head`, published after the network's delay, in order."""
        least, most = self.latency_ms
        at_ms = max(self.last_at_ms, taken_ms + int(least + (most - least) * self.rng.random()))
        self.last_at_ms = at_ms
        return Message(self.device.id, self.address, kind, self.seq, taken_ms, taken_ms, at_ms, body)


NETWORK_MS = {
    "waterlogging": (300.0, 2500.0),
    "sentry": (40.0, 400.0),
    "video": (30.0, 500.0),
    "telemetry": (100.0, 2000.0),
    "gateway": (30.0, 300.0),
    "gb28181": (30.0, 300.0),
    "signal": (30.0, 300.0),
    "report": (30.0, 300.0),
}
"""Least and most time from a device to the broker: 4G or NB-IoT for gauges and stations, lines for the rest. Operator
default."""


class Voices:
    """Gives devices their voices. `stamper` is shared by them all."""

    def __init__(self, around: Surroundings) -> None:
        self._around, self._stamper = around, around.stamper
        self._types = {t.slug: t for t in around.city.catalogue.device_types}
        self._prefixes: dict[tuple[str, str], str] = {}

    def of(self, device: Device) -> Voice:
        """How a device speaks. Its sequence numbers go on from some number that it had before."""
        device_type = self._types[device.type]
        rng = rng_of(self._around.seed, device.id)
        return Voice(
            device,
            self._prefix(device, device_type.feed) + device.id,
            (device.interval_s or device_type.interval_s) * 1000,
            self._stamper,
            rng,
            NETWORK_MS[device_type.feed],
            seq=int(rng.random() * 1_000_000),
        )

    def feed(self, device: Device) -> str:
        return self._types[device.type].feed

    def _prefix(self, device: Device, feed: str) -> str:
        """What the topics of a device begin with; the same for all of one feed in an area."""
        area = self._around.city.sites[device.site].area
        if (area, feed) not in self._prefixes:
            self._prefixes[(area, feed)] = topic_prefix(self._around.city, area, feed)
        return self._prefixes[(area, feed)]


def every(span: Span, first_ms: int, step_ms: int) -> Iterator[int]:
    """Times in a span, `step_ms` apart, from `first_ms` after its start."""
    return iter(range(span.start_ms + first_ms, span.end_ms, step_ms))
