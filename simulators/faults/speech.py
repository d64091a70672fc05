"""Faults of what is said: firmware that breaks the contract, and clocks that are wrong."""

from typing import ClassVar, Literal

import msgspec

from simulators.faults.fault import Fault, Target, Transform
from simulators.faults.values import depth_of, with_fields
from simulators.message import Message
from simulators.words import Duration, SignedDuration, ms_of

_encode = msgspec.json.Encoder().encode
OBVIOUSLY_FAKE = {"name": "张三(假)", "phone": "00000000000"}


class _Said(Fault, frozen=True):
    """Changes every message of its time."""

    def transform(self, target: Target) -> Transform:
        def change(message: Message) -> tuple[Message, ...]:
            return (self.said(message, target),) if target.span.holds(message.taken_ms) else (message,)

        return change

    def said(self, message: Message, target: Target) -> Message:
        raise NotImplementedError(self.fault)


class Garbage(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes that are no JSON: a cut or scrambled payload."""

    cause: ClassVar[str | None] = "refused-format"
    mutes: ClassVar[bool] = True
    anonymous: ClassVar[bool] = True
    phase: ClassVar[int] = 2

    def said(self, message: Message, target: Target) -> Message:
        return msgspec.structs.replace(message, body=b"\x00\xff" + target.rng.bytes(40))


class NotANumber(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bare NaN (no JSON), or a text where a number belongs, in place of the depth or of the version."""

    cause: ClassVar[str | None] = "refused-format"
    mutes: ClassVar[bool] = True
    anonymous: ClassVar[bool] = True
    phase: ClassVar[int] = 2
    write: Literal["nan", "text"] = "nan"

    def said(self, message: Message, _target: Target) -> Message:
        if isinstance(message.body, bytes):
            return message
        field = "v" if depth_of(message) is None else "depth_cm"
        if self.write == "text":
            return with_fields(message, {field: f"{message.body[field]} cm"})
        text = _encode(message.body | {field: "NaN"}).replace(b'"NaN"', b"NaN")
        return msgspec.structs.replace(message, body=text)


class WrongDeviceId(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload names another device than the topic."""

    cause: ClassVar[str | None] = "refused-format"
    mutes: ClassVar[bool] = True
    anonymous: ClassVar[bool] = True
    phase: ClassVar[int] = 1
    claims: str = "WRONG-0001"

    def said(self, message: Message, _target: Target) -> Message:
        return message if isinstance(message.body, bytes) else with_fields(message, {"device_id": self.claims})


class PersonalField(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that means a person, which must never be sent. Its value here is nobody's."""

    cause: ClassVar[str | None] = "refused-format"
    mutes: ClassVar[bool] = True
    phase: ClassVar[int] = 1

    def said(self, message: Message, _target: Target) -> Message:
        return message if isinstance(message.body, bytes) else with_fields(message, dict(OBVIOUSLY_FAKE))


class EpochSeconds(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The time in seconds since 1970, where documents promise milliseconds: to be understood by its magnitude."""

    phase: ClassVar[int] = 1

    def said(self, message: Message, _target: Target) -> Message:
        if isinstance(message.body, bytes):
            return message
        seconds = message.event_ms // 1000
        return msgspec.structs.replace(message, event_ms=seconds * 1000, body=message.body | {"ts": seconds})


class ClockSkew(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clock that is ahead, or behind (-)."""

    cause: ClassVar[str | None] = "clock"
    phase: ClassVar[int] = 1
    by: SignedDuration

    def said(self, message: Message, target: Target) -> Message:
        return claiming(message, message.event_ms + ms_of(self.by), target)


class Clock1970(_Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clock that power loss has set back to 1970, and that counts on from there."""

    cause: ClassVar[str | None] = "clock"
    mutes: ClassVar[bool] = True
    phase: ClassVar[int] = 1

    def said(self, message: Message, target: Target) -> Message:
        return claiming(message, message.taken_ms - target.span.start_ms, target)


class StaleRetained(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of days ago that was published to be retained, and comes again."""

    phase: ClassVar[int] = 1
    age: Duration = "3d"
    depth_cm: float = 60.0

    def transform(self, target: Target) -> Transform:
        to_come = [True]

        def change(message: Message) -> tuple[Message, ...]:
            if not to_come or isinstance(message.body, bytes) or not target.span.holds(message.taken_ms):
                return (message,)
            to_come.clear()
            old = claiming(message, message.event_ms - ms_of(self.age), target)
            if depth_of(message) is not None:
                old = with_fields(old, {"depth_cm": self.depth_cm})
            return (msgspec.structs.replace(old, retain=True), message)

        return change


class Unregistered(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second device beside this one that sends the same under an id that nobody has registered."""

    phase: ClassVar[int] = 1
    claims: str = "{device}-X"

    def transform(self, target: Target) -> Transform:
        ghost = self.claims.format(device=target.device.id)
        address = None

        def change(message: Message) -> tuple[Message, ...]:
            nonlocal address
            if isinstance(message.body, bytes) or not target.span.holds(message.taken_ms):
                return (message,)
            address = address or f"{message.address.rpartition('/')[0]}/{ghost}"
            other = with_fields(message, {"device_id": ghost})
            return (message, msgspec.structs.replace(other, device=ghost, address=address))

        return change


def claiming(message: Message, event_ms: int, target: Target) -> Message:
    """The message with another time in it, written as it writes times."""
    if isinstance(message.body, bytes):
        return message
    ts = target.stamper.like(message.body["ts"], event_ms)
    return msgspec.structs.replace(message, event_ms=event_ms, body=message.body | {"ts": ts})
