"""A Reporter writes into the log what its process counts of itself: best effort, beside the work, never in its way."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from city.clock import wall_ms
from city.log import METRICS
from city.reports import Report, Series, Snapshot, encode_report, increments
from ingest.producer import patient

log = structlog.get_logger()

EVERY_S = 10.0
ANSWER_WITHIN_S = 30.0
"""Long, for what is confirmed later than this is told twice."""
LAST_S = 3.0
"""So long a process that stops waits for its last report."""
OURS = "qianshao_"
COUNTED = ("counter", "histogram")
CREATED = "_created"
"""prometheus_client's own: when a series began."""


def snapshot(registry: CollectorRegistry) -> Snapshot:
    """What a registry holds of ours. What is no number is left out."""
    counted: dict[Series, float] = {}
    standing: dict[Series, float] = {}
    for family in registry.collect():
        if family.name.startswith(OURS):
            into = counted if family.type in COUNTED else standing
            for sample in family.samples:
                if math.isfinite(sample.value) and not sample.name.endswith(CREATED):
                    into[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return Snapshot(counted, standing)


class Reporter:
    """Writes a report every `every_s` of the wall. One that is not confirmed is not missing: the next one tells of the
    whole time since the last that was. `process`: its kind, `instance`: its name among those."""

    def __init__(
        self, kafka: str, registry: CollectorRegistry, process: str, instance: str, every_s: float = EVERY_S
    ) -> None:
        self._kafka, self._registry, self._every_s = kafka, registry, every_s
        self._process, self._instance = process, instance
        self._producer: AIOKafkaProducer | None = None
        self._before, self._told_s = Snapshot(), asyncio.get_running_loop().time()
        self._stopping = asyncio.Event()
        self._away = False

    async def run(self) -> None:
        """Until `stop`, and then once more."""
        over = False
        while not over:
            with suppress(TimeoutError):
                over = await asyncio.wait_for(self._stopping.wait(), self._every_s)
            await self._report()
        await self._let_go()

    def stop(self) -> None:
        self._stopping.set()

    async def _report(self) -> None:
        now_s, now = asyncio.get_running_loop().time(), snapshot(self._registry)
        samples = increments(self._before, now)
        report = Report(self._process, self._instance, wall_ms(), now_s - self._told_s, samples)
        try:
            await self._write(encode_report(report))
        except (KafkaError, OSError) as error:
            await self._let_go()
            self._note_away(repr(error))
        else:
            self._before, self._told_s = now, now_s
            self._note_back()

    async def _write(self, report: bytes) -> None:
        """Until the log has it. Raises KafkaError."""
        if self._producer is None:
            self._producer = patient(
                AIOKafkaProducer(
                    bootstrap_servers=self._kafka,
                    compression_type="gzip",
                    request_timeout_ms=int(ANSWER_WITHIN_S * 1000),
                )
            )
            await self._producer.start()
        await self._producer.send_and_wait(METRICS, report)

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(producer.stop(), LAST_S)

    def _note_away(self, why: str) -> None:
        if not self._away:
            log.warning("metrics not reported: the log does not take them", detail=why)
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            log.info("metrics reported again")
        self._away = False


@asynccontextmanager
async def reporting(reporter: Reporter) -> AsyncIterator[None]:
    """While something works, report; at its end report the rest, unless that takes longer than LAST_S."""
    running = asyncio.create_task(reporter.run())
    running.add_done_callback(_say_fault)
    try:
        yield
    finally:
        reporter.stop()
        done, _ = await asyncio.wait([running], timeout=LAST_S)
        if not done:
            running.cancel()
            await asyncio.wait([running], timeout=LAST_S)


def _say_fault(running: "asyncio.Task[None]") -> None:
    """A fault of ours in here is no reason to end the process."""
    fault = None if running.cancelled() else running.exception()
    if fault is not None:
        log.error("metrics are reported no more", exc_info=fault)
