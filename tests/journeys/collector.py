"""Who keeps traces: a small server that speaks OTLP/HTTP as collectors do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.servers.places import HOST

PATH = "/v1/traces"


@dataclass(frozen=True)
class Kept:
    """A span. Ids are hexadecimal; `parent` is empty for the first of a trace."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]


@dataclass
class Collector:
    """`refuse`: an HTTP status to answer with instead; `refused`: how often that was done."""

    url: str
    spans: list[Kept] = field(default_factory=list)
    refuse: int = 0
    refused: int = 0

    def named(self, name: str) -> list[Kept]:
        return [span for span in list(self.spans) if span.name == name]

    def path_to(self, span: Kept) -> list[Kept]:
        """The spans that led to one, and that one, from the first on."""
        before = [each for each in self.spans if each.trace == span.trace and each.id == span.parent]
        return [*(self.path_to(before[0]) if before else []), span]


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            refuse = kept.refuse  # once: who sees that we refused may let us take the next before we have said so
            if self.path == PATH and not refuse:
                kept.spans += _spans(body)
            kept.refused += bool(refuse)
            self.send_response(refuse or (200 if self.path == PATH else 404))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    kept = Collector(f"http://{HOST}:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


def _spans(body: bytes) -> Iterator[Kept]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = str(_plain(resource.resource.attributes)["service.name"])
        for scope in resource.scope_spans:
            for span in scope.spans:
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                times = (span.start_time_unix_nano, span.end_time_unix_nano)
                yield Kept(service, span.name, *ids, *times, _plain(span.attributes))


def _plain(attributes: list[KeyValue]) -> dict[str, object]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, str(kind))
