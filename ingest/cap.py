"""CAP 1.2, as warning centres send it, to signals: one for each of its `info` blocks.

Read are the standard's fields and those of the national profile (GB/T 35965.1: senderCode, sendTime, eventType), with a
namespace or without. Everything else, texts and contacts above all, is passed over.
"""

from collections.abc import Iterator
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ingest.contract import Reference, Signal
from ingest.dead_letters import Reason, Refused

COLOUR_PARAMETERS = ("color", "colour", "颜色", "预警颜色", "signalcolor")
"""Names of the parameter that holds the native colour, in lower case. Where there is none, the severity is the word."""
_TYPES = {"Alert": "alert", "Update": "update", "Cancel": "cancel"}
_REPORTS = {"Actual": "live", "Exercise": "exercise"}
UNREADABLE_XML = (ParseError, DefusedXmlException, ValueError, LookupError)
"""Among them: entities and document types, and encodings that nobody knows."""


def is_xml(payload: bytes) -> bool:
    return payload.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def read_cap(payload: bytes, device_id: str) -> list[Signal]:
    """The signals of a CAP message that came from a source, in the order of its info blocks. Raises Refused."""
    try:
        alert = fromstring(payload, forbid_dtd=True)
    except UNREADABLE_XML as error:
        raise Refused(Reason.NOT_XML, str(error) or type(error).__name__) from None
    if alert.tag.rpartition("}")[2] != "alert":
        raise Refused(Reason.SCHEMA, f"a CAP message is an alert, not <{alert.tag.rpartition('}')[2]}>")
    kind = _TYPES.get(_text(alert, "msgType"))
    if kind is None:
        raise Refused(Reason.SCHEMA, f"msgType {_text(alert, 'msgType')!r} is none of {', '.join(_TYPES)}")
    infos = alert.findall("{*}info")
    if not infos:
        raise Refused(Reason.SCHEMA, "no info: what is warned of, and where, must be said even by a Cancel")
    return [_signal(alert, info, kind, device_id) for info in infos]


def _signal(alert: Element, info: Element, kind: str, device_id: str) -> Signal:
    """One info block, with what the message says of all."""
    ends = _text(info, "expires")
    return Signal(
        v=1,
        device_id=device_id,
        seq=0,
        ts=_time(_text(alert, "sent", "sendTime"), "sent"),
        type=kind,  # type: ignore[arg-type]
        report=_REPORTS.get(_text(alert, "status"), "test"),  # type: ignore[arg-type]
        id=_text(alert, "identifier") or None,
        sender=_text(alert, "senderCode", "sender") or None,
        hazard=_text(info, "eventCode/{*}value", "eventType", "event") or None,
        level=_colour(info) or None,
        places=[place for place in (_own(value) for value in info.iterfind("{*}area/{*}geocode/{*}value")) if place],
        expires=_time(ends, "expires") if ends else None,
        references=list(_references(_text(alert, "references"))),
    )


def _text(element: Element, *paths: str) -> str:
    """The text at the first of some paths that is not empty."""
    return next((text for path in paths if (text := _own(element.find(f"{{*}}{path}")))), "")


def _own(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _colour(info: Element) -> str:
    """The native colour where a parameter tells it, else the severity."""
    for parameter in info.iterfind("{*}parameter"):
        if _text(parameter, "valueName").casefold() in COLOUR_PARAMETERS:
            return _text(parameter, "value")
    return _text(info, "severity")


def _references(text: str) -> Iterator[Reference]:
    """`sender,identifier,sent`, separated by blanks."""
    for reference in text.split():
        parts = reference.split(",")
        if len(parts) != 3:
            raise Refused(Reason.SCHEMA, f"reference {reference!r} is not sender,identifier,sent")
        yield Reference(id=parts[1], ts=_time(parts[2], "the time of a reference"))


def _time(text: str, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(Reason.SCHEMA, f"{what} {text!r} is no time") from None
    if moment.tzinfo is None:
        raise Refused(Reason.SCHEMA, f"{what} {text!r} has no offset, e.g. +08:00")
    return moment
