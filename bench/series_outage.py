"""Is anything lost or slowed while InfluxDB is away?

Our processes on Mosquitto, Apache Kafka, PostgreSQL and InfluxDB, brokers, databases and publisher on the same cores;
10,000 messages of one reading each a second. InfluxDB is stopped for ten minutes and started again, and the messages go
on coming while the series catch up. What only looks on (InfluxDB and the series process) has the lowest priority, as in
docker-compose.yml.

missing: points of messages that are not in InfluxDB in the end. lost: messages that are not in the log, and probes
without a ticket. p99_ms: from handing a probe (a tampered sentry) to the broker to the commit that makes its ticket
visible: before the outage, during it, and after it, while the series catch up. p99_ratio: of the worse of the last two
to the first. caught_up_after_s: from InfluxDB's answering again to its having all that had come by then.

Beside it, at the same time, the naive way: the client library's own batching, which writes from a thread of its own
while the consumer commits what it has handed over. Of one batch of readings in ten. naive_missing: of naive_points.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from influxdb_client import InfluxDBClient

from bench.end_to_end import PROBES_A_SECOND, SHARDS, USUAL, Bench, gauges, running
from bench.parts.common import options, show
from bench.parts.load import Plan, Sent, publish
from city.generate import FleetRequest
from city.log import ALERTS, READINGS
from city.series import Measurement
from qianshao.accounts import percentiles
from qianshao.processes.series import init
from qianshao.settings import InfluxSettings, Settings
from qianshao.supervisor import LAST
from qianshao.system import SERIES
from streams.lag import lag
from tests.servers.influxdb import INFLUXDB, ORG, TOKEN, server_in, set_up
from tests.servers.places import scratch_folder
from tests.servers.process import Server

BUCKET, NAIVE_BUCKET = "bench", "naive"
PATIENCE_S = 3_600.0
LOOK_EVERY_S = 1.0
TICKS, UNDER_WAY = 4 * SHARDS, 1_500
"""Records that are always uncommitted: ticks of some seconds alone, or while messages come."""


@dataclass(frozen=True)
class Spans:
    """Seconds before the outage, of it, and of publishing after it. `warm`: at the beginning, which does not count."""

    warm: float
    before: float
    away: float
    after: float

    @property
    def publishing(self) -> float:
        return self.warm + self.before + self.away + self.after


@dataclass(frozen=True)
class Outage:
    """Wall ms of stopping InfluxDB, and of its answering again."""

    began_ms: float
    ended_ms: float


@contextmanager
def looking_on() -> Iterator[Server]:
    """An InfluxDB at the lowest priority that keeps what it has."""
    with scratch_folder("influxdb") as folder:
        server = server_in(INFLUXDB.find(own=True), folder, {})
        assert server.launch is not None
        server.launch = replace(server.launch, command=["nice", "-n", str(LAST), *server.launch.command])
        server.start()
        try:
            set_up(server.address)
            yield server
        finally:
            server.kill()


@contextmanager
def naive_writer(kafka: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """The naive way, once it reads. Says how many points it has handed to the client when it is terminated."""
    command = ["nice", "-n", str(LAST), sys.executable, "-m", "bench.naive.series", kafka, url, TOKEN, ORG]
    quiet = subprocess.DEVNULL  # the client says much while it tries again
    with subprocess.Popen([*command, NAIVE_BUCKET], stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.terminate()


def outage(influx: Server, bench: Bench, spans: Spans) -> Outage:
    """Stop it in time, and start it again."""
    look_after(bench, spans.warm + spans.before)
    began_ms = time.time() * 1000
    influx.stop()
    look_after(bench, spans.away)
    influx.start()
    return Outage(began_ms, time.time() * 1000)


def look_after(bench: Bench, seconds: float) -> None:
    """As `qianshao up` does: the series process ends when InfluxDB stays away, and is started again."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        bench.system.supervisor.look()
        time.sleep(LOOK_EVERY_S)


def wait_until_written(bench: Bench, but_for: int) -> float:
    """Until the series process has committed the log but for so many records. Returns wall ms."""
    partitions = [(topic, shard) for topic in (READINGS, ALERTS) for shard in range(SHARDS)]
    deadline_s = time.monotonic() + PATIENCE_S
    while sum(asyncio.run(lag(bench.log.address, SERIES, partitions)).values()) > but_for:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"the series did not catch up within {PATIENCE_S:.0f} s")
        look_after(bench, LOOK_EVERY_S)
    return time.time() * 1000


def missing(client: InfluxDBClient, bench: Bench, plan: Plan, sent: Sent) -> int:
    """Messages without a point, device by device."""
    found = counts(client, BUCKET, Measurement.READING, "water_depth", sent)
    number = {device.id: device.number for device in bench.city.devices.values()}
    written = {number[name]: count for name, count in found.items()}
    said = np.bincount(np.arange(sent.messages) % len(plan.voices), minlength=len(plan.voices))
    return sum(
        max(0, int(wanted) - written.get(voice.numbers[0], 0)) for voice, wanted in zip(plan.voices, said, strict=True)
    )


def counts(client: InfluxDBClient, bucket: str, measurement: str, field: str, sent: Sent) -> dict[str, int]:
    """Points of each device since the first message."""
    start = datetime.fromtimestamp(sent.began_ms / 1000 - 1, UTC).isoformat()
    flux = f"""from(bucket: "{bucket}") |> range(start: {start})
        |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}") |> count()"""
    return {row["device"]: row["_value"] for table in client.query_api().query(flux) for row in table.records}


def slowness(latency: dict[float, float], sent: Sent, spans: Spans, away: Outage) -> dict[str, Any]:
    """Percentiles of each span."""
    bounds = {
        "before": (sent.began_ms + spans.warm * 1000, away.began_ms),
        "during": (away.began_ms, away.ended_ms),
        "after": (away.ended_ms, float("inf")),
    }
    found, p99 = dict[str, Any](), dict[str, float]()
    for name, (begin, end) in bounds.items():
        took_ms = [ms for said_ms, ms in latency.items() if begin <= said_ms < end]
        found[f"{name}_ms"], p99[name] = percentiles(took_ms), float(np.percentile(took_ms, 99))
    return found | {"p99_ratio": round(max(p99["during"], p99["after"]) / p99["before"], 2)}


def run(spans: Spans, gauges_count: int, rate: float) -> dict[str, Any]:
    probes = int(spans.publishing * PROBES_A_SECOND) + 1
    fleet = FleetRequest(water_gauges=gauges_count, sentries=probes)
    with ExitStack() as stack:
        influx = stack.enter_context(looking_on())
        named = InfluxSettings(url=f"http://{influx.address}", token=TOKEN, org=ORG, bucket=BUCKET)
        list(init(Settings(influx=named)))
        client = stack.enter_context(InfluxDBClient(named.url, TOKEN, org=ORG, timeout=600_000))
        client.buckets_api().create_bucket(bucket_name=NAIVE_BUCKET)
        bench = stack.enter_context(running(fleet, named))
        naive = stack.enter_context(naive_writer(bench.log.address, named.url or ""))
        publisher = stack.enter_context(ThreadPoolExecutor(1))
        plan = gauges(bench.city, rate, spans.publishing)
        publishing = publisher.submit(publish, bench.broker.host, bench.broker.port, plan)
        away = outage(influx, bench, spans)
        caught_up_ms = wait_until_written(bench, UNDER_WAY)
        while not publishing.done():
            look_after(bench, LOOK_EVERY_S)
        sent = publishing.result()
        drained = bench.system.drain()
        wait_until_written(bench, TICKS)
        naive.terminate()
        naive_points = int(naive.communicate()[0])
        latency = bench.latency(sent)
        naive_found = counts(client, NAIVE_BUCKET, "reading", "value", sent)
        return {
            "rate": rate,
            "messages": sent.messages,
            "away_s": round((away.ended_ms - away.began_ms) / 1000, 1),
            "missing": missing(client, bench, plan, sent),
            "lost": bench.lost(plan, sent) + len(sent.probes) - len(latency) + (not drained),
            **slowness(latency, sent, spans, away),
            "caught_up_after_s": round((caught_up_ms - away.ended_ms) / 1000, 1),
            "naive_points": naive_points,
            "naive_missing": naive_points - sum(naive_found.values()),
        }


def main() -> None:
    given = options(__doc__).parse_args()
    spans = Spans(5, 15, 60, 15) if given.quick else Spans(20, 100, 600, 100)
    show("series_outage", **run(spans, 2_000 if given.quick else 20_000, USUAL))


if __name__ == "__main__":
    main()
