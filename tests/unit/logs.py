"""A log in memory, as the workers see it through streams/app.py; and spans as they are begun and ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from city.tracing import Value
from streams.app import Partition, Record


@dataclass
class Written:
    """A record that a worker wrote."""

    topic: str
    value: bytes
    headers: dict[str, bytes]


@dataclass
class Message:
    """What stands for Faust's own record."""

    value: bytes | None = None


@dataclass
class Log:
    """Hands records to whoever reads a topic, and keeps what is written."""

    written: list[Written] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    assigned: set[Partition] = field(default_factory=set)
    _readers: dict[str, Callable[[list[Record]], Awaitable[None]]] = field(default_factory=dict)
    _revoked: list[Callable[[set[Partition]], Awaitable[None]]] = field(default_factory=list)
    _offset: int = -1

    def record(
        self, topic: str, value: bytes, headers: Mapping[str, bytes] | None = None, written_ms: float | None = None
    ) -> Record:
        """The next record of partition 0 of a topic."""
        self._offset += 1
        return Record(topic, 0, self._offset, value, dict(headers or {}), Message(value), 0, written_ms)

    def back(self, records: int) -> None:
        """So many of the last are handed on again."""
        self._offset -= records

    async def hand_on(self, *records: Record) -> None:
        """To the reader of their topic, as one group."""
        await self._readers[records[0].topic](list(records))

    async def take_away(self, *partitions: Partition) -> None:
        for revoked in self._revoked:
            await revoked(set(partitions))

    def consume(self, topic: str, handler: Any, on_revoked: Any = None) -> None:
        self._readers[topic] = handler
        if on_revoked is not None:
            self._revoked.append(on_revoked)

    async def produce(
        self, topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes] | None = None
    ) -> Awaitable[None]:
        self.written.append(Written(topic, value, dict(headers or {})))
        confirmed = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return confirmed

    async def confirmed(self, sent: Iterable[Awaitable[None]]) -> None:
        for confirmation in sent:
            await confirmation

    async def end(self, partition: Partition) -> int:
        return self._offset + 1

    def acknowledge(self, records: list[Record]) -> None:
        self.acknowledged += [record.offset for record in records]


@dataclass
class Span:
    """One that is kept. Its trace is its parent's, its own id a number."""

    name: str
    start_ms: float
    parent: bytes | None
    number: int
    end_ms: float = 0.0
    attributes: Mapping[str, Value] = field(default_factory=dict)

    @property
    def trace(self) -> str:
        return "the-trace"

    @property
    def traceparent(self) -> bytes:
        return b"00-the_trace-%d-01" % self.number

    def end(self, end_ms: float, attributes: Mapping[str, Value]) -> None:
        self.end_ms, self.attributes = end_ms, attributes


@dataclass
class Spans:
    """A tracer that keeps everything."""

    begun: list[Span] = field(default_factory=list)

    def root(self, name: str, start_ms: float) -> Span:
        return self._begin(name, start_ms, None)

    def child(self, name: str, start_ms: float, parent: bytes | None) -> Span | None:
        return None if parent is None else self._begin(name, start_ms, parent)

    def _begin(self, name: str, start_ms: float, parent: bytes | None) -> Span:
        self.begun.append(Span(name, start_ms, parent, len(self.begun)))
        return self.begun[-1]
