"""The whole system, from a reading to its ticket, tells of itself: at /metrics, into the log, and as one trace."""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from alerts.store import schema
from city.clock import wall_ms
from city.reports import Report
from ingest.registry import topic_prefix
from qianshao.doctor.findings import Finding, Outcome
from qianshao.doctor.run import examine
from qianshao.settings import KafkaSettings, MetricsSettings, MqttSettings, TracingSettings
from qianshao.system import METRICS_PORTS, System
from tests.journeys.collector import Collector, Kept, collector
from tests.journeys.devices import SENTRY, bao_an
from tests.journeys.district import SHARDS, settings_of
from tests.journeys.reports import read_reports
from tests.servers.places import HOST, free_port, free_ports
from tests.waiting import until

pytestmark = pytest.mark.servers

WAIT_S = 60
LANE = next(device for device in bao_an().devices.values() if device.type == SENTRY)


@contextmanager
def embedded(folder: Path, **more: Any) -> Iterator[System]:
    """The system of `qianshao up`, with the embedded brokers."""
    ports = {"port": free_port(), "port_v311": free_port()}
    settings = settings_of(
        folder,
        bao_an(),
        mqtt=MqttSettings(**ports),
        kafka=KafkaSettings(servers=f"{HOST}:{free_port()}", shards=SHARDS),
        **more,
    )
    system = System(settings)
    try:
        system.start()
        yield system
    finally:
        system.stop()


def publish(system: System, *payloads: dict[str, Any]) -> None:
    """As the lane does."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect(system.settings.mqtt.host, system.settings.mqtt.port)
    client.loop_start()
    topic = f"{topic_prefix(bao_an(), bao_an().sites[LANE.site].area)}{LANE.id}/up"
    for seq, payload in enumerate(payloads):
        body = {"v": 1, "device_id": LANE.id, "seq": seq, "ts": wall_ms(), "kind": "hb", **payload}
        client.publish(topic, json.dumps(body), qos=1).wait_for_publish(WAIT_S)
    client.disconnect()
    client.loop_stop()


def tickets(system: System) -> list[Any]:
    t, a = schema.tickets.c, schema.alerts.c
    with system.database.reading() as connection:
        query = select(t.id, t.incident, a.rule).where(a.incident == t.incident, a.rule == "tamper")
        return list(connection.execute(query))


def offered(system: System, process: str) -> dict[str, float]:
    """What a process offers, without labels."""
    port = system.settings.metrics.port + METRICS_PORTS.index(process)
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=WAIT_S) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {sample.name: sample.value for family in families for sample in family.samples}


def test_every_process_offers_what_it_counts_and_the_reports_in_the_log_add_up_to_it(tmp_path: Path) -> None:
    with embedded(tmp_path, metrics=MetricsSettings(port=free_ports(len(METRICS_PORTS)))) as system:
        publish(system, {}, {"alarm": "tamper"}, {"phone": "1"})
        opened = "qianshao_incidents_tickets_opened_total"
        until(lambda: offered(system, "incidents")[opened] == 1, WAIT_S, "a ticket is counted")
        assert tickets(system)
        assert offered(system, "ingest")["qianshao_ingest_session_up"] == 1
        assert offered(system, "detect")["qianshao_detect_readings_total"] > 0
        assert offered(system, "web")["qianshao_web_database_up"] == 1
        until(lambda: "qianshao_log_lag_records" in offered(system, "detect"), WAIT_S, "the watchdog has looked")
        assert not any(name.endswith("_created") for name in offered(system, "detect"))
        for process in ("ingest", "detect", "incidents", "web"):
            assert offered(system, process)["process_resident_memory_bytes"] > 0
        until(lambda: all_is_reported(summed(reports(system))), WAIT_S, "what a process cannot tell at its end is told")
        system.finish()
        said = reports(system)
    assert {(r.process, r.instance) for r in said} == {
        ("ingest", "ingest-1"),
        ("detect", "detect-1"),
        ("incidents", "incidents-1"),
    }
    sums = summed(said)
    assert sums["qianshao_ingest_messages_total", ""] == 3
    assert sums["qianshao_ingest_dead_letters_total", "personal-data"] == 1
    assert sums["qianshao_incidents_dead_letters_total", "personal-data"] == 1
    assert sums["qianshao_detect_readings_total", ""] == sums["qianshao_ingest_readings_total", ""] > 0
    assert sums["qianshao_incidents_tickets_opened_total", ""] == 1
    assert sums["qianshao_incidents_ticket_delay_seconds_count", ""] >= 1
    assert sums["qianshao_ingest_write_seconds_count", ""] >= 1
    assert sums["qianshao_detect_checkpoint_seconds_count", ""] >= SHARDS


def reports(system: System) -> list[Report]:
    return asyncio.run(read_reports(system.settings.kafka.servers))


def summed(reports: list[Report]) -> Counter[tuple[str, str]]:
    """By name and reason."""
    sums: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for sample in report.samples:
            sums[sample.name, sample.labels.get("reason", "")] += sample.value
    return sums


def all_is_reported(sums: Counter[tuple[str, str]]) -> bool:
    """Whether what each process counts last has been told of."""
    judged, taken_in = (sums[f"qianshao_{name}_readings_total", ""] for name in ("detect", "ingest"))
    kept = sums["qianshao_incidents_dead_letters_total", "personal-data"]
    opened, saved = (
        sums[f"qianshao_{name}", ""] for name in ("incidents_tickets_opened_total", "detect_checkpoint_seconds_count")
    )
    return bool(judged == taken_in and kept and opened and saved >= SHARDS)


def test_the_doctor_finds_a_system_that_runs_well_and_says_so_of_each_of_its_servers(tmp_path: Path) -> None:
    with embedded(tmp_path) as system:
        publish(system, {})
        until(lambda: not unwell(system), WAIT_S, lambda: str(unwell(system)))
        found = {finding.what for finding in examine(system.settings)}
    assert {"Kafka", "topics", "MQTT broker", "checkpoints", "log time", "lag of detect", "lag of incidents"} <= found


def unwell(system: System) -> list[Finding]:
    """What the doctor finds that is not well, but for what is this machine's, and what was never read because nothing
    was ever written."""
    of_this_machine = {"disk", "clock"}
    return [f for f in examine(system.settings) if f.outcome is not Outcome.OK and f.what not in of_this_machine]


def test_one_trace_leads_from_a_reading_to_its_ticket(tmp_path: Path) -> None:
    with collector() as kept:
        with embedded(tmp_path, tracing=TracingSettings(endpoint=kept.url, share=1.0)) as system:
            publish(system, {"alarm": "tamper"})
            until(lambda: tickets(system), WAIT_S, "there is a ticket")
            ((ticket, incident, _),) = tickets(system)
            until(lambda: recorded(kept, ticket), WAIT_S, "its span is delivered")
            until(lambda: len(kept.path_to(recorded(kept, ticket)[0])) == 3, WAIT_S, "so are those before it")
            log = system.child("incidents").log_file.read_text()
        ingest, detect, incidents = kept.path_to(recorded(kept, ticket)[0])
        assert [(span.service, span.name) for span in (ingest, detect, incidents)] == [
            ("qianshao-ingest", "ingest batch"),
            ("qianshao-detect", "detect"),
            ("qianshao-incidents", "incidents"),
        ]
        assert ingest.attributes == {"qianshao.ingest": "ingest-1", "qianshao.messages": 1}
        assert detect.attributes["qianshao.rules"] == ["tamper"]
        assert (incidents.attributes["qianshao.rule"], incidents.attributes["qianshao.incident"]) == (
            "tamper",
            incident,
        )
        assert all(span.start_ns <= span.end_ns for span in (ingest, detect, incidents))
        assert ingest.start_ns <= detect.start_ns <= incidents.start_ns
        (line,) = [json.loads(line) for line in log.splitlines() if '"ticket opened"' in line]
        assert (line["trace"], line["ticket"]) == (incidents.trace, ticket)


def recorded(kept: Collector, ticket: str) -> list[Kept]:
    """The spans in which a ticket was opened."""
    return [
        span
        for span in kept.named("incidents")
        if span.attributes.get("qianshao.ticket") == ticket and span.attributes["qianshao.opened"]
    ]
