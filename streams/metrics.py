"""What the workers count of themselves. Counted a group of records at a time, never a reading at a time."""

import math
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from city.levels import Level
from city.reports import SECONDS
from city.transitions import Nature, Transition
from ingest.dead_letters import Reason
from streams.app import Partition, Record


def delays_s(records: Iterable[Record], now_ms: float) -> list[float]:
    """How long ago, s, the log got each record of which it is known; never less than nothing, where clocks differ."""
    return [max(0.0, now_ms - record.written_ms) / 1000 for record in records if record.written_ms is not None]


class Delays(Collector):
    """A histogram that takes a whole group of observations, s. prometheus_client's own takes one at a time, which adds
    up where a group has many."""

    def __init__(self, name: str, about: str, registry: CollectorRegistry) -> None:
        self._name, self._about = name, about
        self._counts, self._sum = [0] * (len(SECONDS) + 1), 0.0
        registry.register(self)

    def observe(self, seconds: Iterable[float]) -> None:
        for each in seconds:
            self._counts[bisect_left(SECONDS, each)] += 1
            self._sum += each

    def describe(self) -> list[Metric]:
        return [HistogramMetricFamily(self._name, self._about)]

    def collect(self) -> list[Metric]:
        bounds = [str(floatToGoString(bound)) for bound in (*SECONDS, math.inf)]  # type: ignore[no-untyped-call]
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        return [HistogramMetricFamily(self._name, self._about, buckets, self._sum)]


class DetectMetrics:
    """Of a detect worker. Made once a registry, as all of these: a second time, prometheus_client raises ValueError."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._readings = Counter("qianshao_detect_readings_total", "Readings judged", registry=registry)
        self._lost = Counter(
            "qianshao_detect_lost_records_total",
            "Records that were gone from the log before they were read",
            registry=registry,
        )
        self._outcomes = Counter(
            "qianshao_detect_outcomes_total",
            "Readings by how they ended, at checkpoints",
            ["outcome"],
            registry=registry,
        )
        transitions = Counter(
            "qianshao_detect_transitions_total",
            "Alerts that went to a level, by nature and that level",
            ["nature", "level"],
            registry=registry,
        )
        self._transitions = {(n, level): transitions.labels(n.value, level.slug) for n in Nature for level in Level}
        self._delay = Delays(
            "qianshao_detect_delay_seconds", "From the log having a record until it is judged and announced", registry
        )
        self._checkpoint = Histogram(
            "qianshao_detect_checkpoint_seconds",
            "Saving a shard, alerts confirmed before",
            buckets=SECONDS,
            registry=registry,
        )
        self._checkpoint_bytes = Gauge(
            "qianshao_detect_checkpoint_bytes", "Newest checkpoints of the owned shards, stored", registry=registry
        )
        self._shards = Gauge("qianshao_detect_shards", "Shards that this worker owns", registry=registry)
        self._blind = Gauge("qianshao_detect_blind_shards", "Those of them that are blind", registry=registry)
        self._version = Gauge(
            "qianshao_detect_rules_version",
            "Number of the version of the rules that judges, 0 where it is the folder of the settings",
            registry=registry,
        )
        self._refused = Gauge(
            "qianshao_detect_rules_refused",
            "1 while the newest published rules do not load here, else 0",
            registry=registry,
        )
        self._timers = Counter(
            "qianshao_detect_reload_timers_total",
            "Timers of rules by what became of them when other rules came into force",
            ["fate"],
            registry=registry,
        )
        self._pause = Histogram(
            "qianshao_detect_reload_pause_seconds",
            "For how long nothing was judged while a shard went over to other rules",
            buckets=SECONDS,
            registry=registry,
        )

    def judged(self, readings: int) -> None:
        self._readings.inc(readings)

    def lost(self, records: int) -> None:
        self._lost.inc(records)

    def delayed(self, records: Iterable[Record], now_ms: float) -> None:
        """These have been judged, and what came of them announced."""
        self._delay.observe(delays_s(records, now_ms))

    def announced(self, transitions: Iterable[Transition]) -> None:
        for what, count in Tally((t.nature, t.level_to) for t in transitions).items():
            self._transitions[what].inc(count)

    def saved(self, seconds: float) -> None:
        self._checkpoint.observe(seconds)

    def ended(self, outcomes: Mapping[str, int]) -> None:
        """So many readings more ended so."""
        for outcome, count in outcomes.items():
            self._outcomes.labels(outcome).inc(count)

    def judges_by(self, version: int | None, refused: bool) -> None:
        """The rules that judge, and whether others ought to."""
        self._version.set(version or 0)
        self._refused.set(refused)

    def reloaded(self, carried: Mapping[str, int], pause_s: float) -> None:
        """A shard went over to other rules."""
        self._pause.observe(pause_s)
        for fate, count in carried.items():
            self._timers.labels(fate).inc(count)

    def owns(self, shards: int, blind: int, checkpoint_bytes: int) -> None:
        """How it stands now."""
        self._shards.set(shards)
        self._blind.set(blind)
        self._checkpoint_bytes.set(checkpoint_bytes)


class IncidentsMetrics:
    """Of an incidents worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._transitions = Counter(
            "qianshao_incidents_transitions_total", "Transitions recorded that were not known before", registry=registry
        )
        self._incidents = Counter("qianshao_incidents_incidents_opened_total", "Incidents opened", registry=registry)
        self._tickets = Counter("qianshao_incidents_tickets_opened_total", "Tickets opened", registry=registry)
        letters = Counter(
            "qianshao_incidents_dead_letters_total", "Dead letters recorded, by reason", ["reason"], registry=registry
        )
        self._letters = {reason: letters.labels(reason.value) for reason in Reason}
        self._delay = Histogram(
            "qianshao_incidents_ticket_delay_seconds",
            "From the log having what a new transition came of, until it and its ticket are committed",
            buckets=SECONDS,
            registry=registry,
        )

    def recorded(self, transitions: int, incidents: int, tickets: int) -> None:
        self._transitions.inc(transitions)
        self._incidents.inc(incidents)
        self._tickets.inc(tickets)

    def committed(self, origins_ms: Iterable[float], now_ms: float) -> None:
        """What came of records that the log got at these times is in the store."""
        for origin_ms in origins_ms:
            self._delay.observe(max(0.0, now_ms - origin_ms) / 1000)

    def letters(self, reasons: Iterable[Reason]) -> None:
        for reason, count in Tally(reasons).items():
            self._letters[reason].inc(count)


class SeriesMetrics:
    """Of a series worker. `away` and `behind`: how it stands, for the worker to say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._points = Counter("qianshao_series_points_total", "Points that InfluxDB took", registry=registry)
        self._refused = Counter("qianshao_series_refused_total", "Points that it refused", registry=registry)
        self._write = Histogram(
            "qianshao_series_write_seconds",
            "From having points until InfluxDB has them, however often it was tried",
            buckets=SECONDS,
            registry=registry,
        )
        self.away = Gauge("qianshao_series_away", "1 while InfluxDB does not answer, else 0", registry=registry)
        self.behind = Gauge(
            "qianshao_series_behind_seconds",
            "Log time of which it is still to be said how the city stands",
            registry=registry,
        )

    def written(self, points: int, refused: int, seconds: float) -> None:
        self._points.inc(points)
        self._refused.inc(refused)
        self._write.observe(seconds)


class ArchiveMetrics:
    """Of an archive process. `bytes`, `oldest`: how it stands, for the process to say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter("qianshao_archive_rows_total", "Rows written, by table", ["table"], registry=registry)
        self._lost = Counter(
            "qianshao_archive_lost_records_total",
            "Records that the log no longer had when they were to be written",
            registry=registry,
        )
        self._write = Histogram(
            "qianshao_archive_write_seconds",
            "Writing what was read, until it is on the disk and in the catalogue",
            buckets=SECONDS,
            registry=registry,
        )
        self._files = Gauge("qianshao_archive_files", "Files in the catalogue", registry=registry)
        self._bytes = Gauge("qianshao_archive_bytes", "Bytes of them", registry=registry)

    def written(self, rows: Mapping[str, int], seconds: float) -> None:
        """So many rows of tables."""
        for table, count in rows.items():
            self._rows.labels(table).inc(count)
        self._write.observe(seconds)

    def lost(self, records: int) -> None:
        self._lost.inc(records)

    def holds(self, files: int, size: int) -> None:
        """How it stands now."""
        self._files.set(files)
        self._bytes.set(size)


class LagMetrics:
    """How far a worker is behind the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Gauge(
            "qianshao_log_lag_records",
            "Records of a partition that its worker has not handled",
            ["topic", "partition"],
            registry=registry,
        )
        self._shown: set[Partition] = set()

    def show(self, lags: Mapping[Partition, int]) -> None:
        """What it is of each partition of ours. Those that are not ours any more are left out."""
        for topic, partition in self._shown - lags.keys():
            self._lag.remove(topic, str(partition))
        for (topic, partition), lag in lags.items():
            self._lag.labels(topic, str(partition)).set(lag)
        self._shown = set(lags)
