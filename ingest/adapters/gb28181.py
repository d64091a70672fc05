"""What a video platform says of its points in the words of GB/T 28181 (MANSCDP): Keepalive, Catalog, DeviceStatus, as
XML or as JSON of the same names. No SIP: platforms pass it on.

Only what is named here is read. How often a platform wants to be heard (HeartBeatInterval, HeartBeatCount, Expires),
how many points it says it has (SumNum, Num): whatever stands there, or does not, nobody is offline for it. The registry
knows which points there are, and after how long one is silent.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import msgspec

from city.clock import ms_of
from ingest.adapters.wire import BEIJING
from ingest.dead_letters import UNREADABLE, Reason, Refused

COMMANDS = ("Keepalive", "Catalog", "DeviceStatus")
CAMERAS = ("131", "132")
"""Digits 11 to 13 of a point's number; others in a catalogue are regions, groups and platforms."""
DEEPEST = 16
LARGEST_SN = 0xFFFF_FFFF
_TWO = {
    **dict.fromkeys(("ON", "ONLINE", "OK"), True),
    **dict.fromkeys(("OFF", "OFFLINE", "ERROR"), False),
}
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_-]+)["']""")
_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)


@dataclass(frozen=True)
class Point:
    """What is said of one point, by its address; None: it is not said. clock_ms: its own clock, UTC."""

    address: str
    ok: bool | None = None
    online: bool | None = None
    encoding: bool | None = None
    recording: bool | None = None
    clock_ms: int | None = None


@dataclass(frozen=True)
class Status:
    """A payload. address: who speaks. faulty: addresses of the points that a Keepalive lists as faulty; None: it is no
    Keepalive, and says nothing of it."""

    address: str
    sn: int
    points: list[Point] = field(default_factory=list)
    faulty: list[str] | None = None


def read_status(payload: bytes) -> Status:
    """Raises Refused: neither XML nor JSON, or none of the three."""
    said = _fields(payload)
    command, address = _text(said, "CmdType"), _text(said, "DeviceID")
    if command not in COMMANDS:
        raise Refused(Reason.SCHEMA, f"CmdType {command!r} is none of {', '.join(COMMANDS)}")
    if not address:
        raise Refused(Reason.SCHEMA, f"{command} without a DeviceID")
    sn = _text(said, "SN")
    number = int(sn) & LARGEST_SN if sn and sn.isascii() and sn.isdigit() and len(sn) < 20 else 0
    if command == "Keepalive":
        listed = [_plain(each) for info in _all(said, "Info") for each in _all(info, "DeviceID")]
        faulty = [each for each in listed if each]
        return Status(address, number, [Point(address, ok=_two(said, "Status"))], faulty)
    if command == "DeviceStatus":
        return Status(address, number, [_point(said, address, "Online")])
    return Status(address, number, list(_items(said)))


def _items(said: Any) -> Iterator[Point]:
    for listing in _all(said, "DeviceList"):
        for item in _all(listing, "Item"):
            address = _text(item, "DeviceID")
            if address and address[10:13] in CAMERAS:
                yield Point(address, online=_two(item, "Status"))


def _point(said: Any, address: str, online: str) -> Point:
    return Point(
        address,
        _two(said, "Status"),
        _two(said, online),
        _two(said, "Encode"),
        _two(said, "Record"),
        _clock_ms(_text(said, "DeviceTime")),
    )


def _clock_ms(text: str | None) -> int | None:
    """ISO 8601; without an offset it is Beijing time. What is no time is not said."""
    try:
        return ms_of(datetime.fromisoformat(text or ""), BEIJING)
    except (ValueError, OverflowError):
        return None


def _two(said: Any, name: str) -> bool | None:
    """ON and OFF, in whichever words; null and anything else says nothing."""
    return _TWO.get((_text(said, name) or "").upper())


def _text(said: Any, name: str) -> str | None:
    found = _all(said, name)
    return _plain(found[0]) if found else None


def _plain(value: Any) -> str | None:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else None


def _all(said: Any, name: str) -> list[Any]:
    """What stands under a name: JSON writes one as itself, several as a list."""
    value = said.get(name) if isinstance(said, dict) else None
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _fields(payload: bytes) -> Any:
    """The payload as an object; a root element, or an object of one object, is looked into."""
    if payload.lstrip()[:1] == b"<":
        return _of_xml(payload)
    try:
        found = msgspec.json.decode(payload)
    except UNREADABLE as error:
        raise Refused(Reason.NOT_JSON, f"neither XML nor JSON: {error}") from None
    if isinstance(found, dict) and len(found) == 1:
        (inner,) = found.values()
        return inner
    return found


def _of_xml(payload: bytes) -> Any:
    declared = _ENCODING.match(payload)
    name = declared[1].decode().lower() if declared else "utf-8"
    try:
        text = payload.decode("gb18030" if name.startswith("gb") else name)
        if "<!DOCTYPE" in text.upper():  # entities that blow up live there; MANSCDP has none
            raise Refused(Reason.NOT_JSON, "XML with a document type is not taken")
        root = ElementTree.fromstring(_DECLARATION.sub("", text))
    except (ElementTree.ParseError, UnicodeDecodeError, LookupError, ValueError) as error:
        raise Refused(Reason.NOT_JSON, f"neither XML nor JSON: {error}") from None
    return _children(root, DEEPEST)


def _children(element: ElementTree.Element, deeper: int) -> Any:
    """An element as JSON would have it. Raises Refused when it is too deep."""
    if not deeper:
        raise Refused(Reason.SCHEMA, f"more than {DEEPEST} elements deep")
    found: dict[str, list[Any]] = {}
    for child in element:
        found.setdefault(child.tag, []).append(_children(child, deeper - 1))
    return found or (element.text or "")
