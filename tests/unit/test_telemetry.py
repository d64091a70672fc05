"""What is set decides what a process tells of itself; where nothing is set, nothing is opened and nothing is loaded."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter, Histogram, enable_created_metrics

from alerts.console.app import create_app
from alerts.store.database import Database
from city.clock import Clock
from city.reports import SECONDS
from city.tracing import Untraced, traced
from ingest.dead_letters import Reason
from ingest.metrics import IngestMetrics
from qianshao.offering import offered, own_registry
from qianshao.processes.web_metrics import WebMetrics, count_requests
from qianshao.settings import DetectSettings, MetricsSettings, Settings, TracingSettings
from qianshao.system import METRICS_PORTS, System
from qianshao.telemetry import instance_of, traced_to
from streams.metrics import Delays, DetectMetrics, IncidentsMetrics, LagMetrics, SeriesMetrics
from streams.reporting import COUNTED, snapshot
from tests.journeys.collector import collector
from tests.servers.places import HOST, free_port
from tests.unit.stories import district
from tests.waiting import until

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INCREMENTS = ("_total", "_bucket", "_sum", "_count")
"""How names end of what is told as increments."""


@pytest.fixture
def said() -> Iterator[list[dict[str, object]]]:
    """The log lines."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def all_of_ours(tmp_path: Path) -> CollectorRegistry:
    """Everything that any process counts, in one registry."""
    registry = CollectorRegistry()
    for metrics in (IngestMetrics, DetectMetrics, IncidentsMetrics, SeriesMetrics, LagMetrics):
        metrics(registry)
    app = create_app(Database(f"sqlite:///{tmp_path / 'any.db'}"), district(), Clock(), "embedded")
    WebMetrics(registry, app.state.console)
    return registry


# Offered ----------------------------------------------------------------------------------------------------------


def fetched(port: int) -> str:
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_without_a_port_nothing_is_opened() -> None:
    assert Settings().metrics.port == 0
    with offered(Settings().metrics, CollectorRegistry()):
        pass


def test_with_a_port_everything_is_offered_there_as_long_as_the_process_works() -> None:
    port, registry = free_port(), own_registry()
    Counter("qianshao_tests_things_total", "", registry=registry).inc(3)
    with offered(MetricsSettings(port=port), registry):
        page = fetched(port)
    assert "qianshao_tests_things_total 3.0" in page
    assert all(name in page for name in ("process_resident_memory_bytes", "python_info", "python_gc_collections_total"))
    with pytest.raises(urllib.error.URLError):
        fetched(port)


def test_a_port_that_is_taken_is_said_and_hinders_nobody(said: list[dict[str, object]]) -> None:
    settings = MetricsSettings(port=free_port())
    with offered(settings, CollectorRegistry()), offered(settings, CollectorRegistry()):
        pass
    assert [(line["event"], line["port"]) for line in said] == [("metrics not offered", settings.port)]


def test_processes_on_one_machine_have_ports_side_by_side() -> None:
    children = System(Settings(metrics=MetricsSettings(port=9100))).supervisor.children
    ports = {child.name: child.settings.metrics.port for child in children}
    assert ports == {
        name: 9100 + METRICS_PORTS.index(name) for name in ("ingest", "detect", "incidents", "web", "archive")
    }


def test_where_none_is_set_none_has_any() -> None:
    assert {child.settings.metrics.port for child in System(Settings()).supervisor.children} == {0}


# Told -------------------------------------------------------------------------------------------------------------


def test_a_snapshot_has_what_is_ours_and_nothing_of_the_library() -> None:
    enable_created_metrics()
    registry = own_registry()
    Counter("qianshao_tests_things_total", "", registry=registry).inc(2)
    Histogram("qianshao_tests_seconds", "", buckets=(1, 5), registry=registry).observe(3)
    taken = snapshot(registry)
    assert taken.standing == {}
    assert taken.counted == {
        ("qianshao_tests_things_total", ()): 2,
        ("qianshao_tests_seconds_bucket", (("le", "1.0"),)): 0,
        ("qianshao_tests_seconds_bucket", (("le", "5.0"),)): 1,
        ("qianshao_tests_seconds_bucket", (("le", "+Inf"),)): 1,
        ("qianshao_tests_seconds_sum", ()): 3,
        ("qianshao_tests_seconds_count", ()): 1,
    }


def test_a_histogram_that_takes_groups_tells_the_same_as_the_one_of_the_library() -> None:
    seconds = [0.0, 0.001, 0.0011, 0.25, 0.3, 5.0, 300.0, 1000.0]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    delays = Delays("qianshao_tests_seconds", "", ours)
    library = Histogram("qianshao_tests_seconds", "", buckets=SECONDS, registry=theirs)
    delays.observe(seconds[:3])
    delays.observe(seconds[3:])
    for each in seconds:
        library.observe(each)
    assert snapshot(ours) == snapshot(theirs)


def test_by_its_name_everybody_knows_what_is_told_as_an_increment(all_of_ours: CollectorRegistry) -> None:
    for family in all_of_ours.collect():
        assert family.name.startswith("qianshao_")
        assert family.name.endswith(INCREMENTS) is False, "a gauge would be taken for a count"
        assert family.type in (*COUNTED, "gauge")
    taken = snapshot(all_of_ours)
    assert all(name.endswith(INCREMENTS) for name, _ in taken.counted)
    assert not any(name.endswith(INCREMENTS) for name, _ in taken.standing)


def test_reasons_that_nothing_was_refused_for_are_told_as_none() -> None:
    registry = CollectorRegistry()
    IngestMetrics(registry)
    told = {dict(labels)["reason"]: n for (name, labels), n in snapshot(registry).counted.items() if "letters" in name}
    assert told == {reason.value: 0 for reason in Reason}


def test_the_lag_of_a_partition_that_went_to_another_worker_is_not_ours_any_more() -> None:
    registry = CollectorRegistry()
    lag = LagMetrics(registry)
    lag.show({("readings", 0): 5, ("readings", 1): 7})
    lag.show({("readings", 1): 0})
    told = {labels: n for (_, labels), n in snapshot(registry).standing.items()}
    assert told == {(("partition", "1"), ("topic", "readings")): 0}


def test_a_process_is_named_by_its_settings() -> None:
    settings = Settings(detect=DetectSettings(name="detect-7"))
    assert [instance_of(settings, kind) for kind in ("ingest", "detect", "series")] == [
        "ingest-1",
        "detect-7",
        "series-1",
    ]
    assert instance_of(Settings(metrics=MetricsSettings(instance="series-b")), "series") == "series-b"


def test_the_page_counts_its_answers_and_says_whether_it_can_read(tmp_path: Path) -> None:
    database, registry = Database(f"sqlite:///{tmp_path / 'page.db'}"), CollectorRegistry()
    database.migrate()
    app = create_app(database, district(), Clock(), "embedded")
    count_requests(app, registry)
    with TestClient(app) as page:
        assert (page.get("/healthz").status_code, page.get("/nothing").status_code) == (200, 404)
        until(lambda: registry.get_sample_value("qianshao_web_database_up") == 1)
    assert registry.get_sample_value("qianshao_web_requests_total", {"code": "2xx"}) == 1
    assert registry.get_sample_value("qianshao_web_requests_total", {"code": "4xx"}) == 1
    assert registry.get_sample_value("qianshao_web_request_seconds_count") == 2


# Traced -----------------------------------------------------------------------------------------------------------

# FastAPI, which only the page's process has, loads OpenTelemetry's interfaces by itself.
LOADS_NOTHING = """
import sys
from qianshao.processes import detect, incidents, ingest, series
from qianshao.settings import TracingSettings
from qianshao.telemetry import traced_to
with traced_to(TracingSettings(), "ingest", "ingest-1"):
    print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_where_traces_are_off_nothing_of_them_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADS_NOTHING], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_traces_are_off_there_are_no_spans() -> None:
    with traced_to(TracingSettings(), "ingest", "ingest-1") as tracer:
        assert isinstance(tracer, Untraced)
        assert (tracer.root("any", 0.0), tracer.child("any", 0.0, PARENT)) == (None, None)


def test_a_span_is_delivered_with_its_parent_times_and_attributes() -> None:
    with collector() as kept, traced_to(TracingSettings(endpoint=kept.url, share=1), "ingest", "ingest-7") as tracer:
        root = tracer.root("first", 1_000.5)
        child = tracer.child("second", 1_001.0, root.traceparent)
        child.end(1_002.0, {"qianshao.rules": ["a", "b"], "qianshao.shard": 3})
        root.end(1_003.0, {})
        until(lambda: len(kept.spans) == 2)
    (first,), (second,) = kept.named("first"), kept.named("second")
    assert (first.parent, second.parent, first.trace) == ("", first.id, second.trace)
    assert (first.start_ns, first.end_ns) == (1_000_500_000, 1_003_000_000)
    assert second.attributes == {"qianshao.rules": ["a", "b"], "qianshao.shard": 3}
    assert traced(root.traceparent) == {"trace": first.trace} == {"trace": root.trace}
    assert first.service == "qianshao-ingest"


def test_a_share_of_none_begins_none_and_what_others_began_is_gone_on_with() -> None:
    with collector() as kept, traced_to(TracingSettings(endpoint=kept.url, share=0), "detect", "detect-1") as tracer:
        assert tracer.root("first", 0.0) is None
        tracer.child("second", 0.0, PARENT).end(1.0, {})
        until(lambda: kept.named("second"))
    assert kept.named("second")[0].trace == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize("parent", [None, b"", b"rubbish", b"00-zz-zz-01", PARENT[:-1] + b"0"])
def test_what_does_not_come_of_a_trace_begins_none(parent: bytes | None) -> None:
    with collector() as kept, traced_to(TracingSettings(endpoint=kept.url, share=1), "detect", "detect-1") as tracer:
        assert tracer.child("any", 0.0, parent) is None


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
def test_an_address_without_a_path_has_that_of_the_protocol(path: str) -> None:
    with collector() as kept, traced_to(TracingSettings(endpoint=kept.url + path, share=1), "a", "a-1") as tracer:
        tracer.root("any", 0.0).end(1.0, {})
        until(lambda: kept.named("any"))


def test_a_collector_that_refuses_is_said_once_and_hinders_nobody(said: list[dict[str, object]]) -> None:
    with collector() as kept, traced_to(TracingSettings(endpoint=kept.url, share=1), "a", "a-1") as tracer:
        kept.refuse = 400
        for attempt in (1, 2):
            tracer.root("first", 0.0).end(1.0, {})
            until(lambda attempt=attempt: kept.refused == attempt)
        kept.refuse = 0
        tracer.root("second", 0.0).end(1.0, {})
        until(lambda: kept.named("second"))
        assert [line["event"] for line in said][:1] == ["traces not delivered, going on without"]
        until(lambda: [line["event"] for line in said][1:] == ["traces delivered again"])


@pytest.mark.parametrize(
    ("traceparent", "told"),
    [(None, {}), (b"", {}), (b"rubbish", {}), (PARENT, {"trace": "4bf92f3577b34da6a3ce929d0e0e4736"})],
)
def test_a_log_line_has_the_trace_of_what_it_is_about_if_there_is_one(
    traceparent: bytes | None, told: dict[str, str]
) -> None:
    assert traced(traceparent) == told
