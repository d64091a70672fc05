"""The log, followed: what it says goes to InfluxDB, and only then does it count as read. All that is written is the
same after a replay, so that nothing comes twice."""

import asyncio
from collections.abc import Callable
from zlib import crc32

import structlog
from prometheus_client import CollectorRegistry
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from city.clock import wall_ms
from city.errors import Unavailable
from city.log import ALERTS, DEAD_LETTERS, METRICS, READINGS
from city.series import Measurement
from ingest.dead_letters import DeadLetter, Reason, encode_dead_letter
from streams.app import Partition, Record, StreamApp
from streams.metrics import SeriesMetrics
from streams.poison import UNREADABLE
from streams.series.influx import Influx, Refused
from streams.series.log_lines import LogLines
from streams.series.sampler import Sampler

log = structlog.get_logger()

WORKER = "series"
PATIENCE_S = 60.0
"""So long InfluxDB may be away before this process ends, to wait outside the consumer group until it answers."""
SAMPLE_EVERY_S = 1.0
SPEAKER = (ALERTS, 0)
"""Of several workers, the owner of this partition says how the city stands."""


class SeriesWorker:
    """Writes what the app hands it, and how the city stands. `begin`: makes a sampler that goes on where InfluxDB ends;
    raises Unavailable."""

    def __init__(
        self,
        app: StreamApp,
        influx: Influx,
        lines: LogLines,
        begin: Callable[[], Sampler],
        metrics: SeriesMetrics | None = None,
    ) -> None:
        self._app, self._influx, self._lines, self._begin = app, influx, lines, begin
        self._metrics = metrics or SeriesMetrics(CollectorRegistry())
        self._offsets: dict[Partition, int] = {}
        self._away = False
        for topic in (READINGS, ALERTS, DEAD_LETTERS, METRICS):
            app.consume(topic, self._take, self._give_up)

    @property
    def offsets(self) -> dict[Partition, int]:
        """Offset of the last record written of each partition, for the watchdog; none while InfluxDB is away: who
        waits is not stuck."""
        return {} if self._away else dict(self._offsets)

    async def run(self) -> None:
        """Say how the city stands while that is ours to do, until cancelled. Raises Unavailable."""
        sampler: Sampler | None = None
        while True:
            if SPEAKER not in self._app.assigned:
                sampler = None
            elif sampler is None:
                sampler = await asyncio.to_thread(self._begin)
            if sampler is None or await self._say(sampler):
                await asyncio.sleep(SAMPLE_EVERY_S)

    async def _say(self, sampler: Sampler) -> bool:
        """Write what is to be said. Whether that was all for now."""
        lines = await asyncio.to_thread(sampler.lines)
        await self._write(lines)
        behind_ms = sampler.behind_ms
        self._metrics.behind.set(behind_ms / 1000)
        return not lines or behind_ms == 0

    async def _take(self, records: list[Record]) -> None:
        lines: list[str] = []
        for record in records:
            try:  # who judges it sets it aside: one dead letter is enough
                lines += self._lines.of(record)
            except UNREADABLE as error:
                log.error("record unreadable", topic=record.topic, offset=record.offset, error=repr(error))
            record.release()
        await self._write(lines)
        for record in records:
            self._offsets[record.topic, record.partition] = record.offset
        self._app.acknowledge(records)

    async def _write(self, lines: list[str]) -> None:
        """Write lines, however often it takes; what is refused goes to the dead letters. Raises Unavailable."""
        if not lines:
            return
        began_s = asyncio.get_running_loop().time()
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(0.2, max=5.0),
            stop=stop_after_delay(PATIENCE_S),
            before_sleep=lambda state: self._note_away(state.outcome.exception() if state.outcome else None),
            reraise=True,
        ):
            with attempt:
                refused = await asyncio.to_thread(self._influx.write, lines)
        self._note_back()
        self._metrics.written(len(lines) - len(refused), len(refused), asyncio.get_running_loop().time() - began_s)
        await self._set_aside(refused)

    async def _set_aside(self, refused: list[Refused]) -> None:
        """Refused lines to the dead letters; but not those about dead letters, which would come back for ever."""
        for each in refused:
            log.error("line refused", line=each.line[:200], why=each.why[:200])
        letters = [_letter(each) for each in refused if not each.line.startswith(f"{Measurement.LETTER},")]
        sent = [await self._app.produce(DEAD_LETTERS, None, encode_dead_letter(letter)) for letter in letters]
        await self._app.confirmed(sent)

    def _note_away(self, error: BaseException | None) -> None:
        if not self._away:
            log.error("InfluxDB is away, waiting", detail=str(error))
        self._away = True
        self._metrics.away.set(1)

    def _note_back(self) -> None:
        if self._away:
            log.info("InfluxDB answers")
        self._away = False
        self._metrics.away.set(0)

    async def _give_up(self, partitions: set[Partition]) -> None:
        for partition in partitions:
            self._offsets.pop(partition, None)


def _letter(refused: Refused) -> DeadLetter:
    payload = refused.line.encode()
    return DeadLetter(
        reason=Reason.POISON,
        detail=f"InfluxDB: {refused.why}",
        topic=READINGS,
        payload=payload,
        payload_bytes=len(payload),
        payload_crc=crc32(payload),
        received_ms=int(wall_ms()),
        ingest=WORKER,
    )
