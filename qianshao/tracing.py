"""Traces by OpenTelemetry, delivered over OTLP/HTTP from a thread of their own. Loaded only where traces are on."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from city.log import TRACEPARENT
from city.tracing import Tracer, Value

log = structlog.get_logger()

DELIVER_EVERY_MS = 1000.0
DELIVER_WITHIN_S = 5.0
LAST_S = 3.0
"""So long a process that stops waits until its last spans are delivered."""
PATH = "/v1/traces"
NS_PER_MS = 1e6


@contextmanager
def traces(endpoint: str, share: float, process: str, instance: str) -> Iterator[Tracer]:
    """A tracer whose spans go to an endpoint. `share`: of the traces that begin here, so many are kept."""
    exporter = Delivery(OTLPSpanExporter(full_url(endpoint), timeout=DELIVER_WITHIN_S), endpoint)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)),
        resource=Resource.create({"service.name": f"qianshao-{process}", "service.instance.id": instance}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=DELIVER_EVERY_MS))
    try:
        yield OtelTracer(provider.get_tracer("qianshao"))
    finally:
        closing = threading.Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(LAST_S)


def full_url(endpoint: str) -> str:
    """An address with OTLP's own path, where it has none."""
    parts = urlsplit(endpoint)
    return endpoint if parts.path.strip("/") else urlunsplit(parts._replace(path=PATH))


class OtelSpan:
    """A span that is kept."""

    def __init__(self, span: api.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> bytes:
        told: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(told, api.set_span_in_context(self._span, Context()))
        return told[TRACEPARENT].encode()

    @property
    def trace(self) -> str:
        return api.format_trace_id(self._span.get_span_context().trace_id)

    def end(self, end_ms: float, attributes: Mapping[str, Value]) -> None:
        self._span.set_attributes(attributes)
        self._span.end(int(end_ms * NS_PER_MS))


class OtelTracer:
    """Begins spans of OpenTelemetry."""

    def __init__(self, tracer: api.Tracer) -> None:
        self._tracer = tracer

    def root(self, name: str, start_ms: float) -> OtelSpan | None:
        return self._begin(name, start_ms, Context(), api.SpanKind.PRODUCER)

    def child(self, name: str, start_ms: float, parent: bytes | None) -> OtelSpan | None:
        if parent is None:
            return None
        told = {TRACEPARENT: parent.decode("ascii", "replace")}
        context = TraceContextTextMapPropagator().extract(told, Context())
        if not api.get_current_span(context).get_span_context().is_valid:
            return None
        return self._begin(name, start_ms, context, api.SpanKind.CONSUMER)

    def _begin(self, name: str, start_ms: float, context: Context, kind: api.SpanKind) -> OtelSpan | None:
        span = self._tracer.start_span(name, context, kind, start_time=int(start_ms * NS_PER_MS))
        return OtelSpan(span) if span.is_recording() else None


class Delivery(SpanExporter):
    """Delivers spans with another exporter, and says once that it cannot, and once that it can again."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter, self._endpoint = exporter, endpoint
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("traces not delivered, going on without", endpoint=self._endpoint, spans=len(spans))
        elif self._failing and not failed:
            log.info("traces delivered again", endpoint=self._endpoint)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
