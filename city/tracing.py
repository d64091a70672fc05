"""What leads from a reading to its ticket: a span for each hand that it goes through, the next one naming the one
before in a header of its record (W3C Trace Context). Off unless somebody is named who keeps traces; see
qianshao/tracing.py for what is behind it then."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Value = str | int | float | bool | Sequence[str]


class Span(Protocol):
    """Something that is under way. `traceparent`: what comes of it names it by this. `trace`: id of the whole trace."""

    @property
    def traceparent(self) -> bytes: ...

    @property
    def trace(self) -> str: ...

    def end(self, end_ms: float, attributes: Mapping[str, Value]) -> None:
        """It is done. `end_ms`: ms UTC of the wall. Attributes are ids and counts; nothing personal."""


class Tracer(Protocol):
    """Begins spans."""

    def root(self, name: str, start_ms: float) -> Span | None:
        """The first span of a new trace; None where chance leaves this one out. `start_ms`: ms UTC of the wall."""

    def child(self, name: str, start_ms: float, parent: bytes | None) -> Span | None:
        """A span that comes of another. `parent`: its traceparent, None where it has none; then so has this."""


class Untraced:
    """The tracer where traces are off."""

    def root(self, *_: object, **__: object) -> None:
        return None

    def child(self, *_: object, **__: object) -> None:
        return None


def traced(traceparent: bytes | None) -> dict[str, str]:
    """For the log line of a record: `trace`, the id of its trace, where it has one."""
    version, _, rest = (traceparent or b"").decode("ascii", "replace").partition("-")
    return {"trace": rest.partition("-")[0]} if version and rest else {}
