"""What was refused, kept with its reason so that it can be mended and sent again."""

import re
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import Any

import msgspec

from city.errors import ContractError
from ingest.contract import PERSONAL_FIELDS

KEPT_BYTES = 256 * 1024
UNREADABLE_KEPT_BYTES = 1024
"""Of what is no JSON: enough to see what it is, too little for a picture."""
REMOVED = "removed: personal"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, or JSON nested hundreds deep."""


class Reason(Enum):
    """Why a message, or a reading in it, is refused. docs/mqtt.md says what to do about each."""

    TOPIC = "topic"
    OVERSIZE = "oversize"
    NOT_JSON = "not-json"
    NOT_XML = "not-xml"
    SCHEMA = "schema"
    PERSONAL_DATA = "personal-data"
    UNKNOWN_DEVICE = "unknown-device"
    WRONG_DEVICE = "wrong-device"
    RANGE = "range"
    UNIT = "unit"
    INDICATOR = "indicator"
    SIGNAL = "signal"
    CLOCK = "clock"
    FRAME = "frame"
    POISON = "poison"


class Refused(ContractError):
    """A message breaks the contract."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.value, detail)
        self.why = reason


class Frame(bytes):
    """A payload that is no text, but a frame of a wire protocol: it is kept in hexadecimal digits."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A refused message as it came. payload_bytes: its full size, payload_crc: CRC-32 of all of it; `payload` is what
    `keepable` lets us keep of it. topic: where it came in; of a frame: protocol/device/peer. device: the id that the
    topic claims. received_ms: (played) time at ingest."""

    reason: Reason
    detail: str
    topic: str
    payload: bytes
    payload_bytes: int
    payload_crc: int
    received_ms: int
    ingest: str
    device: str | None = None


encode_dead_letter = msgspec.json.Encoder().encode
decode_dead_letter = msgspec.json.Decoder(DeadLetter).decode


def keepable(payload: bytes) -> bytes:
    """The payload as it may be kept: JSON without the values of personal fields, XML without contacts and files, cut to
    KEPT_BYTES; of anything else the first UNREADABLE_KEPT_BYTES. Nothing of what is no JSON and names a personal field.
    A frame in hexadecimal digits."""
    if isinstance(payload, Frame):
        return _without_persons(payload).hex().upper().encode()
    if _XML.match(payload) and not _NAMES_PERSONS.search(payload):
        return _XML_FILLED.sub(rb"\1" + REMOVED.encode(), payload)[:KEPT_BYTES]
    try:
        found = msgspec.json.decode(payload)
        if not personal_keys(found):
            return payload[:KEPT_BYTES]
        _remove_persons(found)
        return msgspec.json.encode(found)[:KEPT_BYTES]
    except UNREADABLE:
        return _without_persons(payload)


def _without_persons(payload: bytes) -> bytes:
    return REMOVED.encode() if _NAMES_PERSONS.search(payload) else payload[:UNREADABLE_KEPT_BYTES]


def personal_keys(value: Any) -> list[str]:
    """The personal fields anywhere in decoded JSON, as spelt there."""
    return [key for found in _objects(value) for key in found if means_person(key)]


def _remove_persons(value: Any) -> None:
    for found in _objects(value):
        for key in filter(means_person, found):
            found[key] = REMOVED


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object anywhere in decoded JSON. No recursion: hostile messages nest as deep as the parser lets them."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            yield inner
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def _bare(key: str) -> str:
    return re.sub(r"[_\-\s]", "", key.lower())


def _as_read(field: str) -> Iterator[str]:
    """A field's name as UTF-8 reads it; and as it misreads its GBK, where those bytes happen to be UTF-8."""
    yield field
    with suppress(UnicodeDecodeError):
        yield field.encode("gbk").decode()


_BARE_PERSONAL = frozenset(_bare(read) for field in PERSONAL_FIELDS for read in _as_read(field))


def means_person(key: str) -> bool:
    """Whether a field or a value is named as what means a person is."""
    return _bare(key) in _BARE_PERSONAL


def _spelling(field: str, encoding: str) -> bytes:
    """A pattern for a field's name in bytes, as a word of its own if it is in Latin letters."""
    if not field.isascii():
        return re.escape(field.encode(encoding))
    return rb"(?<![a-z0-9])" + field.replace("_", "[_-]?").encode() + rb"(?![a-z0-9])"


_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
_XML_FILLED = re.compile(rb"(<(?:\w+:)?(?:contact|derefUri)\b[^>]*>)[^<]*")
"""Elements of CAP that hold whom to call, or a file, and what is in them."""
_NAMES_PERSONS = re.compile(
    b"|".join(sorted({_spelling(field, code) for field in PERSONAL_FIELDS for code in ("utf-8", "gbk")})), re.IGNORECASE
)
