"""Faults of the link: messages that come late, twice, in bursts, or not at all."""

from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np

from simulators.faults.fault import Fault, Target, Transform
from simulators.faults.values import with_fields
from simulators.message import Body, Message
from simulators.words import Duration, DurationRange, Share, Span, ms_of, share_of

WILL_AFTER_MS = 90_000
"""A broker publishes the last will after one and a half keepalives, of 60 s here."""


class Late(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the messages is under way for long."""

    phase: ClassVar[int] = 3
    messages: Share
    delay: DurationRange = ("5m", "40m")

    def transform(self, target: Target) -> Transform:
        rng, span, share, (least, most) = target.rng, target.span, share_of(self.messages), range_ms(self.delay)

        def change(message: Message) -> tuple[Message, ...]:
            if not span.start_ms <= message.taken_ms < span.end_ms or rng.random() >= share:
                return (message,)
            at_ms = message.at_ms + int(least + (most - least) * rng.random())
            return (msgspec.structs.replace(message, at_ms=at_ms),)

        return change


class Lost(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the messages never arrives, one by one."""

    phase: ClassVar[int] = 3
    messages: Share

    def transform(self, target: Target) -> Transform:
        rng, span, share = target.rng, target.span, share_of(self.messages)

        def change(message: Message) -> tuple[Message, ...]:
            return () if span.holds(message.taken_ms) and rng.random() < share else (message,)

        return change


class Duplicate(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the messages comes again, byte for byte: QoS 1 delivers at least once, and gateways try again."""

    phase: ClassVar[int] = 4
    messages: Share = "100%"
    copies: Annotated[int, msgspec.Meta(ge=1)] = 1
    after: DurationRange = ("1s", "30s")

    def transform(self, target: Target) -> Transform:
        rng, span, share, (least, most) = target.rng, target.span, share_of(self.messages), range_ms(self.after)

        def change(message: Message) -> tuple[Message, ...]:
            if not span.start_ms <= message.taken_ms < span.end_ms or rng.random() >= share:
                return (message,)
            delays = (least + (most - least) * rng.random() for _ in range(self.copies))
            again = (msgspec.structs.replace(message, at_ms=message.at_ms + int(delay)) for delay in delays)
            return (message, *again)

        return change


class DropOut(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The 4G link is gone for a while, once. `then`: the device sends what it kept in one burst, shuffled, or has lost
    it. `backfill`: whether it says that it is catching up. The broker publishes its will."""

    phase: ClassVar[int] = 5
    lasts: DurationRange
    then: Literal["burst", "lost"] = "burst"
    burst: Duration = "20s"
    backfill: bool = True

    def dark(self, target: Target) -> list[Span]:
        least, most = range_ms(self.lasts)
        lasts_ms = int(least + (most - least) * target.rng.random())
        room_ms = max(0, target.span.length_ms - lasts_ms)
        start_ms = target.span.start_ms + int(room_ms * target.rng.random())
        return [Span(start_ms, min(start_ms + lasts_ms, target.span.end_ms))]

    def transform(self, target: Target) -> Transform:
        spans = self.dark(target)
        kept_for = ms_of(self.burst) if self.then == "burst" else None
        return hold_back(spans, target, kept_for, self.backfill, wills=True)


class Flapping(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The link comes and goes; what was said meanwhile is lost."""

    phase: ClassVar[int] = 5
    off: DurationRange
    on: DurationRange

    def dark(self, target: Target) -> list[Span]:
        spans: list[Span] = []
        now_ms = target.span.start_ms
        while True:
            on_ms, off_ms = (_draw(range_ms(r), target.rng) for r in (self.on, self.off))
            if now_ms + on_ms + off_ms > target.span.end_ms:
                return spans
            spans.append(Span(now_ms + on_ms, now_ms + on_ms + off_ms))
            now_ms += on_ms + off_ms

    def transform(self, target: Target) -> Transform:
        return hold_back(self.dark(target), target, None, False, wills=False)


class NoBeat(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera that registers again and again and never beats (wvp-GB28181-pro issue 2006)."""

    types: ClassVar[tuple[str, ...]] = ("ipc-class1", "ipc-class2")
    cause: ClassVar[str | None] = "no-beat"
    phase: ClassVar[int] = 1
    every: Duration = "100s"

    def transform(self, target: Target) -> Transform:
        step_ms, due_ms = ms_of(self.every), [0]

        def change(message: Message) -> tuple[Message, ...]:
            body = message.body
            if isinstance(body, bytes) or not target.span.holds(message.taken_ms):
                return (message,)
            if message.taken_ms < due_ms[0]:
                return ()
            due_ms[0] = message.taken_ms + step_ms
            told = {key: body[key] for key in ("v", "device_id", "seq", "ts", "class", "platform_id") if key in body}
            return (msgspec.structs.replace(message, kind="evt", body=told | {"event": "register"}),)

        return change


def hold_back(spans: list[Span], target: Target, burst_ms: int | None, backfill: bool, wills: bool) -> Transform:
    """Nothing is published within the spans. Then, if `burst_ms` is given, what was held back comes within that time,
    shuffled; else it is lost. `wills`: the broker tells that it lost the device."""
    rng, left, kept = target.rng, list(reversed(spans)), list[Message]()
    told: list[bool] = []

    def release(end_ms: int) -> list[Message]:
        burst = [
            msgspec.structs.replace(_late(message, backfill), at_ms=end_ms + int((burst_ms or 0) * rng.random()))
            for message in kept
        ]
        kept.clear()
        told.clear()
        return burst

    def change(message: Message) -> list[Message]:
        out: list[Message] = []
        while left and message.taken_ms >= left[-1].end_ms:
            out += release(left.pop().end_ms)
        if not left or not left[-1].holds(message.at_ms):
            return [*out, message]
        if burst_ms is not None:
            kept.append(message)
        if wills and not told and left[-1].length_ms > WILL_AFTER_MS:
            told.append(True)
            out.append(_will(message, left[-1], target))
        return out

    return change


def _late(message: Message, backfill: bool) -> Message:
    if not backfill or isinstance(message.body, bytes):
        return message
    return with_fields(message, {"report": "backfill"})


def _will(message: Message, span: Span, target: Target) -> Message:
    """What the broker publishes: when the device had connected, as it said itself."""
    connected_ms = target.span.start_ms - 3_600_000
    body: Body = {"v": 1, "device_id": message.device, "ts": target.stamper.iso(connected_ms)}
    at_ms = span.start_ms + WILL_AFTER_MS
    return Message(message.device, message.address, "will", 0, at_ms, connected_ms, at_ms, body, retain=True)


def range_ms(pair: DurationRange) -> tuple[int, int]:
    return ms_of(pair[0]), ms_of(pair[1])


def _draw(pair: tuple[int, int], rng: np.random.Generator) -> int:
    return int(pair[0] + (pair[1] - pair[0]) * rng.random())
