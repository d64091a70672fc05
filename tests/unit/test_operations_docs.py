"""docs/operations.md names every metric that there is, its kind and its labels, and no other; and every log line of
trouble."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.console.app import create_app
from alerts.store.database import Database
from city.clock import Clock
from ingest.metrics import IngestMetrics, WireMetrics
from qianshao.processes.web_metrics import WebMetrics
from qianshao.system import METRICS_PORTS
from streams.metrics import ArchiveMetrics, DetectMetrics, IncidentsMetrics, LagMetrics, SeriesMetrics
from tests.unit.stories import district

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
ROW = re.compile(r"^\| `(qianshao_\w+)`(?: `\{([\w, ]+)\}`)? \| (\w+) \| ([\w, ]+) \|", re.MULTILINE)
SAID = re.compile(r'log\.(?:warning|error|critical|exception)\(\s*"([^"]+)"')
SPEAKERS = (
    "ingest/*.py",
    "streams/*.py",
    "streams/archive/*.py",
    "alerts/console/*.py",
    "qianshao/processes/*.py",
    "qianshao/*ing.py",
)
"""Who says something in the log of a process."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> CollectorRegistry:
    """Everything that any process counts."""
    registry = CollectorRegistry()
    kinds = (IngestMetrics, WireMetrics, DetectMetrics, IncidentsMetrics, SeriesMetrics, ArchiveMetrics, LagMetrics)
    for metrics in kinds:
        metrics(registry)
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('page') / 'any.db'}")
    WebMetrics(registry, create_app(database, district(), Clock(), "embedded").state.console)
    return registry


def labels_of(collector: object) -> list[str]:
    return list(getattr(collector, "_labelnames", ()))


def test_the_page_has_every_metric_with_its_kind_and_labels(registry: CollectorRegistry) -> None:
    written = {name: (kind, labels.split(", ") if labels else []) for name, labels, kind, _ in ROW.findall(PAGE)}
    there = {}
    for metric in registry._collector_to_names:
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        there[name] = (family.type, labels_of(metric))
    assert written == there


def test_each_metric_is_of_the_process_in_its_name(registry: CollectorRegistry) -> None:
    for name, _, _, processes in ROW.findall(PAGE):
        room = name.split("_")[1]
        assert processes == ("detect, incidents, series, archive" if room == "log" else room)
        assert set(processes.split(", ")) <= set(METRICS_PORTS)


def test_the_page_says_which_port_is_whose() -> None:
    for place, name in enumerate(METRICS_PORTS):
        assert re.search(rf"\b{name}\s+(is\s+)?at\s+{9100 + place}\b", PAGE), name


def test_the_page_explains_every_line_of_trouble() -> None:
    files = [file for speakers in SPEAKERS for file in ROOT.glob(speakers)]
    said = {line for file in files for line in SAID.findall(file.read_text("utf-8"))}
    assert len(said) > 15
    assert {line for line in said if f"`{line}`" not in PAGE} == set()
