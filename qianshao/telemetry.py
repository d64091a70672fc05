"""What a process tells of itself while it works: at /metrics, into the log, and as traces."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from city.tracing import Tracer, Untraced
from qianshao.offering import offered, own_registry
from qianshao.settings import Settings, TracingSettings
from streams.reporting import Reporter, reporting


@dataclass(frozen=True)
class Telemetry:
    """`registry`: for what a process counts."""

    registry: CollectorRegistry
    tracer: Tracer


async def with_telemetry(
    settings: Settings, process: str, work: Callable[[Settings, Telemetry], Awaitable[None]]
) -> None:
    """Do the work of a kind of process, and tell of it as long as it is done. Its log lines have its name."""
    registry, instance = own_registry(), instance_of(settings, process)
    structlog.contextvars.bind_contextvars(instance=instance)
    with offered(settings.metrics, registry), traced_to(settings.tracing, process, instance) as tracer:
        async with reporting(Reporter(settings.kafka.servers, registry, process, instance)):
            await work(settings, Telemetry(registry, tracer))


def instance_of(settings: Settings, process: str) -> str:
    """The name of a process among those of its kind."""
    named = {"ingest": settings.ingest.name, "detect": settings.detect.name}
    return settings.metrics.instance or named.get(process, f"{process}-1")


@contextmanager
def traced_to(settings: TracingSettings, process: str, instance: str) -> Iterator[Tracer]:
    """The tracer of the settings. Without an endpoint nothing of OpenTelemetry is loaded."""
    if not settings.endpoint:
        yield Untraced()
        return
    from qianshao.tracing import traces

    with traces(settings.endpoint, settings.share, process, instance) as tracer:
        yield tracer
