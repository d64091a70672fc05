"""What a process counts, offered at /metrics to whoever asks, as Prometheus does."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from qianshao.settings import MetricsSettings

log = structlog.get_logger()


def own_registry() -> CollectorRegistry:
    """A registry with what Python and the system know of this process."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


@contextmanager
def offered(settings: MetricsSettings, registry: CollectorRegistry) -> Iterator[None]:
    """Answer at /metrics, if a port is set. Where that cannot be had it is said: a process that cannot be watched works
    all the same."""
    if settings.port == 0:
        yield
        return
    disable_created_metrics()  # type: ignore[no-untyped-call]  # series of their own for when each began: nobody asks
    try:
        server, _ = start_http_server(settings.port, settings.host, registry)
    except OSError as error:
        log.error("metrics not offered", host=settings.host, port=settings.port, error=str(error))
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
