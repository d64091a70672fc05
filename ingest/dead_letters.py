"""What was refused, kept with its reason so that it can be mended and sent again."""

from enum import Enum
from typing import Any

import msgspec

from city.errors import ContractError
from ingest.contract import PERSONAL_FIELDS

KEPT_BYTES = 256 * 1024


class Reason(Enum):
    """Why a message, or a reading in it, is refused. docs/mqtt.md says what to do about each."""

    TOPIC = "topic"
    OVERSIZE = "oversize"
    NOT_JSON = "not-json"
    SCHEMA = "schema"
    PERSONAL_DATA = "personal-data"
    UNKNOWN_DEVICE = "unknown-device"
    WRONG_DEVICE = "wrong-device"
    RANGE = "range"
    UNIT = "unit"
    CLOCK = "clock"
    POISON = "poison"


class Refused(ContractError):
    """A message breaks the contract."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.value, detail)
        self.why = reason


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A refused message as it came. payload_bytes: its full size; `payload` holds at most KEPT_BYTES of it, and none
    of the values of personal fields. device: the id that the topic claims. received_ms: (played) time at ingest."""

    reason: Reason
    detail: str
    topic: str
    payload: bytes
    payload_bytes: int
    received_ms: int
    ingest: str
    device: str | None = None


encode_dead_letter = msgspec.json.Encoder().encode
decode_dead_letter = msgspec.json.Decoder(DeadLetter).decode


def keepable(payload: bytes) -> bytes:
    """The payload as it may be kept: cut to KEPT_BYTES, and without the values of personal fields."""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return payload[:KEPT_BYTES]
    if not personal_keys(found):
        return payload[:KEPT_BYTES]
    return msgspec.json.encode(_without_persons(found))[:KEPT_BYTES]


def personal_keys(value: Any) -> list[str]:
    """The personal fields anywhere in decoded JSON, as spelt there."""
    if isinstance(value, dict):
        own = [key for key in value if key.lower() in PERSONAL_FIELDS]
        return own + [key for inner in value.values() for key in personal_keys(inner)]
    if isinstance(value, list):
        return [key for inner in value for key in personal_keys(inner)]
    return []


def _without_persons(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "removed: personal" if key.lower() in PERSONAL_FIELDS else _without_persons(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_persons(inner) for inner in value]
    return value
