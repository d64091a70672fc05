"""What all faults have: a time, devices, and a change of their messages."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np

from city.registry import Device
from simulators.choosing import Selector
from simulators.message import Message, Stamper
from simulators.words import Duration, Span, ms_of

Transform = Callable[[Message], Sequence[Message]]
"""What becomes of one message. Called in order of `taken_ms`; what it gives may be published in any later order."""

GAUGES = ("electronic-water-gauge", "buried-pressure-level", "radar-level", "pressure-level")


@dataclass(frozen=True)
class Target:
    """One device as one fault meets it: when, and with what chance. `span`: the fault's time."""

    device: Device
    span: Span
    rng: np.random.Generator
    stamper: Stamper
    interval_ms: int


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """fault: its kind. name: tells two of a kind apart. from, for: its time from the scenario's start; all of the rest
    when `for` is not given.

    Of each kind: `types` are the device types it may befall (empty: any), `cause` the cause of the device incident that
    follows when it lasts, `mutes` whether nothing of the device is understood meanwhile, `adds_cm` by how much it may
    make water look deeper than it is, `distorts` whether the depth told is not the true one, `anonymous` whether nobody
    can tell whose message it is once a gateway has passed it on.
    """

    fault: str
    name: str = ""
    start: Duration = msgspec.field(name="from", default="0s")
    length: Duration | None = msgspec.field(name="for", default=None)
    devices: Selector = Selector()

    types: ClassVar[tuple[str, ...]] = ()
    cause: ClassVar[str | None] = None
    mutes: ClassVar[bool] = False
    distorts: ClassVar[bool] = False
    anonymous: ClassVar[bool] = False
    phase: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """What seeds its chance."""
        return self.name or self.fault

    def within(self, play: Span) -> Span:
        """The fault's time in a play."""
        start_ms = play.start_ms + ms_of(self.start)
        end_ms = play.end_ms if self.length is None else start_ms + ms_of(self.length)
        return Span(start_ms, min(end_ms, play.end_ms))

    def transform(self, target: Target) -> Transform:
        """The change of one device's messages."""
        raise NotImplementedError(self.fault)

    def dark(self, _target: Target) -> list[Span]:
        """When nothing of the device is published. The same for the same chance."""
        return []

    def adds_cm(self, _span: Span) -> float:
        return 0.0


def in_order(messages: Iterable[Message], transforms: list[Transform]) -> Iterator[Message]:
    """The messages as faults change them, in order of publication. Lazy: it looks no further than it must."""
    waiting: list[tuple[int, int, Message]] = []
    count = 0
    for message in messages:
        for result in _changed(message, transforms):
            heapq.heappush(waiting, (result.at_ms, count, result))
            count += 1
        while waiting and waiting[0][0] <= message.taken_ms:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _changed(message: Message, transforms: list[Transform]) -> Sequence[Message]:
    """What becomes of a message after all transforms, each on all that the one before has made."""
    results: Sequence[Message] = (message,)
    for transform in transforms:
        if len(results) == 1:
            results = transform(results[0])
        else:
            results = [made for result in results for made in transform(result)]
    return results
