"""What an ingest process counts of itself. Counted a flush at a time, never a message at a time."""

from collections import Counter as Tally
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from city.reports import SECONDS
from ingest.dead_letters import DeadLetter, Reason


class IngestMetrics:
    """Made once a registry: a second time, prometheus_client raises ValueError."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._messages = Counter("qianshao_ingest_messages_total", "Messages and frames taken in", registry=registry)
        self._payload_bytes = Counter(
            "qianshao_ingest_payload_bytes_total", "Bytes of their payloads", registry=registry
        )
        self._readings = Counter("qianshao_ingest_readings_total", "Readings made of them", registry=registry)
        letters = Counter(
            "qianshao_ingest_dead_letters_total",
            "Messages, or values in them, refused, by reason",
            ["reason"],
            registry=registry,
        )
        self._letters = {reason: letters.labels(reason.value) for reason in Reason}
        self._unacknowledged = Gauge(
            "qianshao_ingest_unacknowledged_messages",
            "Messages taken in that the log has not confirmed",
            registry=registry,
        )
        self._session_up = Gauge(
            "qianshao_ingest_session_up", "1 while the MQTT session stands, else 0", registry=registry
        )
        self._write = Histogram(
            "qianshao_ingest_write_seconds",
            "From writing a batch until the log has confirmed it",
            buckets=SECONDS,
            registry=registry,
        )

    def watch(self, unacknowledged: Callable[[], int], session_up: Callable[[], bool]) -> None:
        """Ask these whenever somebody wants to know."""
        self._unacknowledged.set_function(unacknowledged)
        self._session_up.set_function(session_up)

    def flushed(self, messages: int, payload_bytes: int, readings: int, letters: list[DeadLetter]) -> None:
        """Note what was taken in since the last flush."""
        self._messages.inc(messages)
        self._payload_bytes.inc(payload_bytes)
        self._readings.inc(readings)
        for reason, count in Tally(letter.reason for letter in letters).items():
            self._letters[reason].inc(count)

    def written(self, seconds: float) -> None:
        """The log has confirmed a flush, so long after it was written."""
        self._write.observe(seconds)


class WireMetrics:
    """Of the stations' side of an ingest process (HJ 212, SL 651). Made once a registry, too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._frames = Counter(
            "qianshao_ingest_frames_total",
            "Frames of stations over TCP, and pieces of a stream that are none",
            ["protocol", "whole"],
            registry=registry,
        )
        self._ignored = Counter(
            "qianshao_ingest_ignored_values_total",
            "Values in them that the catalogue has no indicator for",
            ["protocol"],
            registry=registry,
        )
        self._connections = Gauge(
            "qianshao_ingest_connections", "Stations connected over TCP", ["protocol"], registry=registry
        )
        self._closed = Counter(
            "qianshao_ingest_connections_closed_total",
            "Connections that we closed, by why",
            ["protocol", "why"],
            registry=registry,
        )

    def watch(self, protocol: str, connections: Callable[[], int]) -> None:
        """Ask this whenever somebody wants to know."""
        self._connections.labels(protocol).set_function(connections)

    def frame(self, protocol: str, whole: bool, ignored: int) -> None:
        """Note a piece of a stream, and how many values in it have no meaning here."""
        self._frames.labels(protocol, "yes" if whole else "no").inc()
        if ignored:
            self._ignored.labels(protocol).inc(ignored)

    def closed(self, protocol: str, why: str) -> None:
        self._closed.labels(protocol, why).inc()
