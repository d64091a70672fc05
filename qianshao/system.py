"""The whole system on one machine: brokers (embedded, where the profile says so) and processes, in order."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import select

from alerts.store import schema
from alerts.store.database import Database
from city.errors import Unavailable
from city.log import ALERTS, DEAD_LETTERS, READINGS
from qianshao.embedded import UNACKNOWLEDGED_TO_A_CLIENT, EmbeddedBrokers
from qianshao.settings import Settings
from qianshao.supervisor import LAST, Child, Supervisor
from streams.lag import lag
from streams.topics import ensure_topics

log = structlog.get_logger()

READY_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.5
PROCESSES = ("incidents", "detect", "web", "ingest")  # readers before writers
SERIES, ARCHIVE = "series", "archive"
METRICS_PORTS = ("ingest", "detect", "incidents", "web", SERIES, ARCHIVE)
"""Who offers metrics at the port of the settings, who at the next, and so on."""
ARGUMENTS = {SERIES: ("run",), ARCHIVE: ("run",)}
"""Of the commands that are groups."""
NICE = {SERIES: LAST, ARCHIVE: LAST}


class System:
    """Starts, watches, drains and stops. `settings` are those that the `processes` get."""

    def __init__(self, settings: Settings, processes: tuple[str, ...] = PROCESSES) -> None:
        """With an InfluxDB in the settings, the series process is among them; with a folder for it, the archive's."""
        folder = settings.data.absolute() / "run"
        if settings.influx.url is not None:
            processes = (SERIES, *processes)
        if settings.archive_folder is not None:
            processes = (ARCHIVE, *processes)
        if settings.profile == "embedded":
            window = min(settings.mqtt.receive_maximum, UNACKNOWLEDGED_TO_A_CLIENT)
            settings = settings.model_copy(
                update={"mqtt": settings.mqtt.model_copy(update={"receive_maximum": window})}
            )
        self.settings = settings
        self.supervisor = Supervisor(
            [
                Child(name, _of_child(settings, name), folder, ARGUMENTS.get(name, ()), NICE.get(name, 0))
                for name in processes
            ]
        )
        self._folder = folder
        self._brokers = EmbeddedBrokers(settings, folder) if settings.profile == "embedded" else None
        self.database = Database(settings.database)

    def child(self, name: str) -> Child:
        return next(child for child in self.supervisor.children if child.name == name)

    def start(self) -> None:
        """Until every process does its work. Raises Unavailable."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Brokers, tables and topics; the processes begin. Raises Unavailable."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._brokers is not None:
            self._brokers.start()
        self.database.migrate()
        asyncio.run(self._ensure_topics())
        self.supervisor.start()

    def wait_ready(self) -> None:
        """Until every process does its work. Raises Unavailable."""
        late = self.supervisor.wait_ready(READY_TIMEOUT_S)
        if late:
            where = ", ".join(str(self.child(name).log_file) for name in late)
            raise Unavailable(f"process {', '.join(late)}", f"see {where}")

    def look(self) -> None:
        """Once in a while: start again what has ended, and the embedded log when it has grown too large."""
        self.supervisor.look()
        if self._brokers is not None and self._brokers.log_mb > self.settings.embedded_log_mb:
            self.renew_log()

    def stop(self) -> None:
        """Drain and stop everything."""
        self.finish()
        self.supervisor.stop()
        if self._brokers is not None:
            self._brokers.stop()
        self.database.dispose()

    def finish(self) -> None:
        """Stop all but the page: what was taken in becomes tickets before the processes end."""
        self.child("ingest").stop()
        self.drain()
        for name in self._workers:
            self.child(name).stop()

    @property
    def _workers(self) -> list[str]:
        """Processes that read the log."""
        return [child.name for child in self.supervisor.children if child.name not in ("ingest", "web")]

    def drain(self) -> bool:
        """Wait until all that is in the log now has had its effects: first the readings, then the alerts they made.
        Whether it had within DRAIN_TIMEOUT_S. Ticks may go on coming."""
        deadline_s = time.monotonic() + DRAIN_TIMEOUT_S
        for topics in (self._partitions(READINGS), [*self._partitions(ALERTS), (DEAD_LETTERS, 0)]):
            log_id, ends = asyncio.run(self._ends(topics))
            while not self._has_done(log_id, ends):
                if time.monotonic() > deadline_s:
                    log.error("the log did not drain in time", after_s=DRAIN_TIMEOUT_S)
                    return False
                self.supervisor.look()
                time.sleep(LOOK_EVERY_S / 4)
        return SERIES not in self._workers or self._brokers is None or self._drain_series(deadline_s)

    def _drain_series(self, deadline_s: float) -> bool:
        """Wait until InfluxDB has what an embedded log has, which is gone when it ends."""
        partitions = self._partitions(READINGS) + self._partitions(ALERTS) + [(DEAD_LETTERS, 0)]
        while any(asyncio.run(lag(self.settings.kafka.servers, SERIES, partitions)).values()):
            if time.monotonic() > deadline_s:
                log.error("the series did not drain in time", after_s=DRAIN_TIMEOUT_S)
                return False
            self.supervisor.look()
            time.sleep(LOOK_EVERY_S)
        return True

    def judged_until_ms(self) -> int:
        """Log time up to which every shard's checkpoint has judged, ms UTC; 0 before there are any."""
        with self.database.reading() as connection:
            times = list(connection.execute(select(schema.shards.c.log_ms)).scalars())
        return min(times) if len(times) == self.settings.kafka.shards and None not in times else 0

    def renew_log(self) -> None:
        """The embedded log is never trimmed: drain it, stop who uses it, and begin a new one. Messages wait at MQTT."""
        assert self._brokers is not None
        log.warning("embedded log is full: beginning a new one", mb=round(self._brokers.log_mb))
        self.finish()
        self._brokers.stop_log()
        self._brokers.start_log()
        asyncio.run(self._ensure_topics())
        for name in (*self._workers, "ingest"):
            self.child(name).start()

    def _partitions(self, topic: str) -> list[tuple[str, int]]:
        return [(topic, shard) for shard in range(self.settings.kafka.shards)]

    async def _ensure_topics(self) -> str:
        kafka = self.settings.kafka
        return await ensure_topics(kafka.servers, kafka.shards, kafka.replicas)

    async def _ends(self, partitions: list[tuple[str, int]]) -> tuple[str, dict[tuple[str, int], int]]:
        """The log's id, and how far it goes: offset of each partition's next record."""
        log_id = await self._ensure_topics()
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka.servers)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(*partition) for partition in partitions])
        finally:
            await consumer.stop()
        return log_id, {(tp.topic, tp.partition): end for tp, end in ends.items()}

    def _has_done(self, log_id: str, ends: dict[tuple[str, int], int]) -> bool:
        done = self._done(log_id)
        return all(done.get(partition, -1) >= end - 1 for partition, end in ends.items())

    def _done(self, log_id: str) -> dict[tuple[str, int], int]:
        """Offset of the last record of each partition whose effects are in the store."""
        shards, positions = schema.shards, schema.positions
        with self.database.reading() as connection:
            read = connection.execute(select(shards).where(shards.c.log_id == log_id))
            done = {(READINGS, row.shard): row.offset for row in read}
            for row in connection.execute(select(positions).where(positions.c.log_id == log_id)):
                done[(row.topic, row.partition)] = row.offset
        return done


def _of_child(settings: Settings, name: str) -> Settings:
    """The settings of one process of several on one machine."""
    metrics = settings.metrics
    if metrics.port == 0 or name not in METRICS_PORTS:
        return settings
    port = metrics.port + METRICS_PORTS.index(name)
    return settings.model_copy(update={"metrics": metrics.model_copy(update={"port": port})})
