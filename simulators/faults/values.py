"""Faults of what is measured: the sensor lies (domain notes 3.1, "field faults")."""

from collections.abc import Callable
from typing import Annotated, ClassVar

import msgspec

from simulators.faults.fault import GAUGES, Fault, Target, Transform
from simulators.fleets.gauges import depth_fields
from simulators.message import Message
from simulators.words import Duration, Span, ms_of

Tell = Callable[[float, int], float]
"""What a gauge tells, cm, of a depth in cm measured at a time in ms UTC."""


class DepthFault(Fault, frozen=True):
    """Changes the depth that a gauge tells."""

    types: ClassVar[tuple[str, ...]] = GAUGES
    distorts: ClassVar[bool] = True

    def transform(self, target: Target) -> Transform:
        tell = self.tell(target)

        def change(message: Message) -> tuple[Message, ...]:
            depth_cm = depth_of(message)
            if depth_cm is None or not target.span.holds(message.taken_ms):
                return (message,)
            return (with_fields(message, depth_fields(tell(depth_cm, message.taken_ms))),)

        return change

    def tell(self, target: Target) -> Tell:
        raise NotImplementedError(self.fault)


class Stuck(DepthFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first value, or a given one, again and again."""

    value_cm: float | None = None

    def tell(self, _target: Target) -> Tell:
        stuck_at: list[float] = [] if self.value_cm is None else [self.value_cm]

        def tell(depth_cm: float, _ms: int) -> float:
            stuck_at.append(depth_cm)
            return stuck_at[0]

        return tell


class Spike(DepthFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sample far off, once, or again after every so long."""

    value_cm: float = 180.0
    every: Duration | None = None

    def tell(self, target: Target) -> Tell:
        step_ms = ms_of(self.every) if self.every else target.span.length_ms + 1
        due_ms = [target.span.start_ms]

        def tell(depth_cm: float, ms: int) -> float:
            if ms < due_ms[0]:
                return depth_cm
            due_ms[0] += step_ms
            return self.value_cm

        return tell


class Drift(DepthFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More and more too much: sediment, or a clogged pressure port."""

    cause: ClassVar[str | None] = "baseline"
    cm_an_hour: float

    def tell(self, target: Target) -> Tell:
        return lambda depth_cm, ms: depth_cm + self.cm_an_hour * (ms - target.span.start_ms) / 3_600_000

    def adds_cm(self, span: Span) -> float:
        return max(0.0, self.cm_an_hour * span.length_ms / 3_600_000)


class Debris(DepthFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leaves on the sensor, a parked car under the radar: a step that stays."""

    cause: ClassVar[str | None] = "baseline"
    step_cm: float

    def tell(self, _target: Target) -> Tell:
        return lambda depth_cm, _: depth_cm + self.step_cm

    def adds_cm(self, _span: Span) -> float:
        return max(0.0, self.step_cm)


class Negative(DepthFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A depth far below nothing, which no contract allows."""

    cause: ClassVar[str | None] = "refused-range"
    value_cm: Annotated[float, msgspec.Meta(lt=0)] = -5.0

    def tell(self, _target: Target) -> Tell:
        return lambda *_: self.value_cm


class Millimetres(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """depth_cm in millimetres, ten times too much, while raw_mm and ref_mm tell the truth.

    standing_cm: water that stands at the sensor meanwhile (a dry one gives 0 in any unit).
    """

    types: ClassVar[tuple[str, ...]] = GAUGES
    cause: ClassVar[str | None] = "refused-unit"
    distorts: ClassVar[bool] = True
    standing_cm: Annotated[float, msgspec.Meta(ge=0)] = 2.0

    def transform(self, target: Target) -> Transform:
        def change(message: Message) -> tuple[Message, ...]:
            depth_cm = depth_of(message)
            if depth_cm is None or not target.span.holds(message.taken_ms):
                return (message,)
            true_cm = depth_cm + self.standing_cm
            return (with_fields(message, depth_fields(true_cm) | {"depth_cm": round(true_cm * 10, 1)}),)

        return change


class LowBattery(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The 12 V battery is worn out, or nothing loads it."""

    cause: ClassVar[str | None] = "low-battery"
    volts: Annotated[float, msgspec.Meta(gt=0)] = 11.0

    def transform(self, target: Target) -> Transform:
        def change(message: Message) -> tuple[Message, ...]:
            body = message.body
            if isinstance(body, bytes) or "batt_v" not in body or not target.span.holds(message.taken_ms):
                return (message,)
            return (with_fields(message, {"batt_v": round(self.volts + 0.1 * target.rng.random(), 2)}),)

        return change


def depth_of(message: Message) -> float | None:
    """The depth that a message tells, cm, if it tells one."""
    body = message.body
    return None if isinstance(body, bytes) else body.get("depth_cm")


def with_fields(message: Message, fields: dict[str, object]) -> Message:
    """The message with other values in some fields."""
    assert isinstance(message.body, dict)
    return msgspec.structs.replace(message, body=message.body | fields)
