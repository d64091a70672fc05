"""An Announcer determines how alerts go out: keyed by place, and with the record that each came of in its headers."""

from collections.abc import Awaitable
from itertools import zip_longest
from typing import Any

from city.clock import wall_ms
from city.log import ALERTS, ORIGIN, TRACEPARENT
from city.tracing import Span, Tracer, Value
from city.transitions import Transition, encode_transition
from streams.app import Record, StreamApp
from streams.metrics import DetectMetrics


class Announcer:
    """`worker`: its name, for traces."""

    def __init__(self, app: StreamApp, metrics: DetectMetrics, tracer: Tracer, worker: str) -> None:
        self._app, self._metrics, self._tracer, self._worker = app, metrics, tracer, worker

    async def announce(
        self, transitions: list[Transition], causes: list[Record], began_ms: float
    ) -> list[Awaitable[Any]]:
        """Write alerts. Returns what `confirmed` waits for. `causes`: the record of one shard that each came of; none
        for what is said beside the log. `began_ms`: when it was begun to judge them, ms UTC of the wall."""
        spans = {
            offset: self._tracer.child("detect", began_ms, record.headers.get(TRACEPARENT))
            for offset, record in {cause.offset: cause for cause in causes}.items()
        }
        sent = []
        for transition, cause in zip_longest(transitions, causes):
            key = (transition.admin or transition.subject).encode()
            headers = {} if cause is None else _headers(cause, spans[cause.offset])
            sent.append(await self._app.produce(ALERTS, key, encode_transition(transition), headers))
        self._metrics.announced(transitions)
        for offset, span in spans.items():
            if span is not None:
                self._end(span, [(t, c) for t, c in zip(transitions, causes, strict=True) if c.offset == offset])
        return sent

    def _end(self, span: Span, made: list[tuple[Transition, Record]]) -> None:
        _, cause = made[0]
        attributes: dict[str, Value] = {
            "qianshao.worker": self._worker,
            "qianshao.shard": cause.partition,
            "qianshao.offset": cause.offset,
            "qianshao.alerts": len(made),
            "qianshao.rules": sorted({transition.rule for transition, _ in made}),
        }
        span.end(wall_ms(), attributes)


def _headers(cause: Record, span: Span | None) -> dict[str, bytes]:
    headers = {} if cause.written_ms is None else {ORIGIN: b"%d" % cause.written_ms}
    if span is not None:
        headers[TRACEPARENT] = span.traceparent
    return headers
