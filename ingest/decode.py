"""Payload bytes to a message of the contract, or the reason why not."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from ingest.contract import FEEDS, DeviceId, Gateway, Message, Will
from ingest.dead_letters import UNREADABLE, Reason, Refused, personal_keys

M = TypeVar("M", bound=Message | Will)

SECONDS_BELOW = 1e11  # an epoch below this is in seconds: in ms it would be before March 1973
ENTRIES = "messages"

_KINDS: tuple[type, ...] = (*FEEDS.values(), Will)
_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {kind: msgspec.json.Decoder(kind) for kind in _KINDS}
_FIELDS = {kind: {f.encode_name for f in msgspec.structs.fields(kind)} for kind in _KINDS}
_any_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_message(kind: type[M], payload: bytes | msgspec.Raw) -> M:
    """A message of a kind. Unknown fields are dropped, unless they are personal. Raises Refused."""
    try:
        return _DECODERS[kind].decode(payload)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        return _look_closer(kind, payload, error)
    except UNREADABLE as error:
        raise Refused(Reason.NOT_JSON, str(error)) from None


def _look_closer(kind: type[M], payload: bytes | msgspec.Raw, error: Exception) -> M:
    """The slow way, for what the schema refused: is it personal, only unknown, or wrong?"""
    try:
        fields = _undecoded_fields(payload)
        own = {name: value for name, value in fields.items() if kind is not Gateway or name != ENTRIES}
        personal = personal_keys(msgspec.json.decode(msgspec.json.encode(own)))
    except UNREADABLE as malformed:
        raise Refused(Reason.NOT_JSON, str(malformed)) from None
    if personal:
        raise Refused(Reason.PERSONAL_DATA, f"fields {', '.join(sorted(set(personal)))} must never be sent")
    known = {name: value for name, value in fields.items() if name in _FIELDS[kind]}
    try:
        return _DECODERS[kind].decode(msgspec.json.encode(known))  # type: ignore[no-any-return]
    except msgspec.DecodeError as still:
        raise Refused(Reason.SCHEMA, str(still if known else error)) from None


def _undecoded_fields(payload: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """An object's fields as they are written; what is no object counts as one field without a name."""
    try:
        return _any_object.decode(payload)
    except msgspec.ValidationError:
        return {"": msgspec.Raw(bytes(payload))}


class _Claim(msgspec.Struct):
    device_id: DeviceId


_claims = msgspec.json.Decoder(_Claim)


def claimed_device(entry: msgspec.Raw) -> str:
    """The device id that one entry of a gateway's payload claims. Raises Refused."""
    try:
        return _claims.decode(entry).device_id
    except msgspec.ValidationError as error:
        raise Refused(Reason.SCHEMA, str(error)) from None
    except UNREADABLE as error:
        raise Refused(Reason.NOT_JSON, str(error)) from None


def to_ms(ts: datetime | float) -> int:
    """Milliseconds UTC of a message's `ts`; a number is seconds or milliseconds by its magnitude."""
    if isinstance(ts, datetime):
        return round(ts.timestamp() * 1000)
    return round(ts * 1000 if abs(ts) < SECONDS_BELOW else ts)
