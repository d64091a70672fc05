"""Payload bytes to a message of the contract, or the reason why not."""

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from ingest.contract import FEEDS, Gateway, Message, Will
from ingest.dead_letters import Reason, Refused, personal_keys

M = TypeVar("M", bound=Message | Will)

SECONDS_BELOW = 1e11  # an epoch below this is in seconds: in ms it would be before March 1973

_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {
    kind: msgspec.json.Decoder(kind) for kind in (*FEEDS.values(), Will)
}
_FIELDS = {kind: {f.encode_name for f in msgspec.structs.fields(kind)} for kind in _DECODERS}


def decode_message(kind: type[M], payload: bytes | msgspec.Raw) -> M:
    """A message of a kind. Unknown fields are dropped, unless they are personal. Raises Refused."""
    try:
        return _DECODERS[kind].decode(payload)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        return _look_closer(kind, payload, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Reason.NOT_JSON, str(error)) from None


def _look_closer(kind: type[M], payload: bytes | msgspec.Raw, error: Exception) -> M:
    """The slow way, for what the schema refused: is it personal, only unknown, or wrong?"""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        raise Refused(Reason.NOT_JSON, str(malformed)) from None
    if personal := personal_keys(found):
        raise Refused(Reason.PERSONAL_DATA, f"fields {', '.join(sorted(set(personal)))} must never be sent")
    if not isinstance(found, dict):
        raise Refused(Reason.SCHEMA, str(error))
    try:
        known = {key: value for key, value in found.items() if key in _FIELDS[kind]}
        return msgspec.convert(known, kind)
    except msgspec.ValidationError as still:
        raise Refused(Reason.SCHEMA, str(still)) from None


def decode_entries(gateway: Gateway) -> list[tuple[msgspec.Raw, str]]:
    """Each entry of a gateway payload with the device id it claims ("" where it claims none)."""
    return [(entry, _claimed(entry)) for entry in gateway.messages]


class _Claim(msgspec.Struct):
    device_id: str = ""


_claims = msgspec.json.Decoder(_Claim)


def _claimed(entry: msgspec.Raw) -> str:
    try:
        return _claims.decode(entry).device_id
    except msgspec.ValidationError:
        return ""


def to_ms(ts: datetime | float) -> int:
    """Milliseconds UTC of a message's `ts`; a number is seconds or milliseconds by its magnitude."""
    if isinstance(ts, datetime):
        return round(ts.timestamp() * 1000)
    return round(ts * 1000 if abs(ts) < SECONDS_BELOW else ts)
