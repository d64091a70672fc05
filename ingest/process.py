"""One ingest process: an MQTT session, and stations over TCP, into the log, with ticks. A message is acknowledged, and
a frame answered, when the log has confirmed its readings, or its dead letter, and those of everything before it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client import CollectorRegistry

from city.city import City
from city.clock import MARKS_TOPIC, Clock, MarkedClock, wall_ms
from city.log import BATCH, DEAD_LETTERS, READINGS, TICK
from city.readings import Tick, encode, encode_tick
from city.tracing import Span, Tracer, Untraced
from ingest.acks import AckWindow, Flush
from ingest.dead_letters import DeadLetter, encode_dead_letter
from ingest.intake import Intake
from ingest.metrics import IngestMetrics, WireMetrics
from ingest.mqtt import MqttOptions, MqttSource
from ingest.stations import Stations
from ingest.wires import WireOptions, Wires
from ingest.writer import LogRecord, LogWriter

log = structlog.get_logger()

REPORT_EVERY_S = 30.0
DRAIN_S = 10.0
FIRST_SESSION_S = 10.0
MARKS = MARKS_TOPIC.encode()
TICKS_UNDER_WAY = 8
"""Ticks that the log has not confirmed, at which no more are written. While the log is away we take nothing in: the
gap in our ticks then tells the shards that they did not see. Fewer than the ten that a shard has patience for."""


@dataclass(frozen=True)
class IngestOptions:
    """`name`: fixed id of this process, in its ticks. `linger_ms`: longest wait for a batch to grow. `tick_s`: wall
    time between ticks; with a MarkedClock there is one a mark. `most_rows`: rows at which a batch is written at once.
    `most_unacknowledged`: messages taken in and not yet in the log, at which reading stops."""

    name: str
    kafka: str
    shards: int
    mqtt: MqttOptions
    wires: WireOptions = field(default_factory=WireOptions)
    clock: Clock | MarkedClock = field(default_factory=Clock)
    linger_ms: float = 25.0
    tick_s: float = 1.0
    most_rows: int = 4096
    most_unacknowledged: int = 16384


@dataclass(slots=True)
class Taken:
    """Messages and frames since the last flush, bytes of their payloads, packet ids in order of receipt, and whom to
    tell of frames that the log has. `first_ms`: when the first came that a flush waited for, ms UTC of the wall; 0 when
    none did."""

    messages: int = 0
    payload_bytes: int = 0
    ids: list[int] = field(default_factory=list)
    frames: list[Callable[[], None]] = field(default_factory=list)
    first_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Writing:
    """A flush under way to the log, in the window of its connection, since `began_s` of the loop's clock."""

    window: AckWindow
    flush: Flush
    messages: int
    began_s: float
    span: Span | None
    frames: list[Callable[[], None]]


class IngestProcess:
    def __init__(
        self,
        city: City,
        options: IngestOptions,
        metrics: IngestMetrics | None = None,
        tracer: Tracer | None = None,
        wire_metrics: WireMetrics | None = None,
    ) -> None:
        self._options = options
        self._tracer = tracer or Untraced()
        self._metrics = metrics or IngestMetrics(CollectorRegistry())
        self._metrics.watch(lambda: self._unwritten, lambda: self.up)
        self._intake = Intake(city, options.shards, options.name)
        self._source = MqttSource(options.mqtt, self._message, self._new_session)
        told = wire_metrics or WireMetrics(CollectorRegistry())
        self._wires = Wires(options.wires, Stations(self._intake), told, options.clock.now_ms, self._frame)
        self._writer = LogWriter(options.kafka)
        self._window = AckWindow()
        self._marked = options.clock if isinstance(options.clock, MarkedClock) else None
        self._taken = Taken()
        self._unwritten = 0  # messages that the log has not confirmed, of this connection and those before
        self._ticks_under_way = 0
        self._stopping = False
        self._flush_timer: asyncio.TimerHandle | None = None
        self._messages = self._letters = 0

    @property
    def up(self) -> bool:
        """Whether the MQTT session stands."""
        return self._source.up

    async def run(self) -> None:
        """Until cancelled; then everything taken in is written and acknowledged. Raises Unavailable, SettingError."""
        await self._wires.open()
        await self._writer.start()
        source, writing = asyncio.create_task(self._source.run()), asyncio.create_task(self._writer.run())
        ticks = [] if self._marked is not None else [self._ticks()]
        beside = [asyncio.create_task(part) for part in (*ticks, self._report())]
        try:
            await _first_failure(source, writing, *beside)
        finally:
            await _cancel(*beside)
            self._stopping = True
            self._source.pause()
            self._wires.stop_reading()
            self._flush()
            if not writing.done():
                await self._drain()
            self._wires.close()
            await _cancel(source, writing)
            await self._writer.stop()

    async def _drain(self) -> None:
        """Wait for the log, but not for ever: what it has not confirmed, the broker sends again."""
        try:
            await asyncio.wait_for(self._writer.drain(), DRAIN_S)
        except TimeoutError:
            log.error("log did not confirm in time", ingest=self._options.name, unacknowledged=self._unwritten)

    def _new_session(self) -> None:
        """Packet ids of an earlier connection mean nothing on this one."""
        self._window = AckWindow()
        self._taken.ids = []

    def _message(self, topic: bytes, payload: bytes, packet_id: int, retained: bool) -> None:
        taken = self._taken
        if packet_id:
            taken.ids.append(packet_id)
        taken.messages += 1
        taken.payload_bytes += len(payload)
        self._unwritten += 1
        if self._marked is not None and topic == MARKS:
            self._take_mark(self._marked, int(payload))
        else:
            self._intake.accept(topic, payload, retained, self._options.clock.now_ms())
        self._write_soon()

    def _frame(self, size: int, confirmed: Callable[[], None]) -> None:
        """A frame over TCP has been taken in."""
        taken = self._taken
        taken.messages += 1
        taken.payload_bytes += size
        taken.frames.append(confirmed)
        self._unwritten += 1
        self._write_soon()

    def _write_soon(self) -> None:
        """Write what was taken in when it is much, or after a moment; read no more when too much is under way."""
        options = self._options
        if self._intake.buffers.size >= options.most_rows or 2 * len(self._taken.ids) >= options.mqtt.receive_maximum:
            self._flush()
        elif self._flush_timer is None:
            self._taken.first_ms = wall_ms()
            self._flush_timer = asyncio.get_running_loop().call_later(options.linger_ms / 1000, self._flush)
        if self._unwritten >= options.most_unacknowledged:
            self._source.pause()

    def _take_mark(self, clock: MarkedClock, played_ms: int) -> None:
        """Played time goes on, and our ticks with it. As many are under way as the session lets messages be."""
        clock.marked_ms = max(clock.marked_ms, played_ms)
        self._flush()
        self._write_tick(clock.step_ms)

    def _flush(self) -> None:
        """Write everything taken in so far."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        taken, self._taken = self._taken, Taken()
        if not taken.messages:
            return
        intake = self._intake
        letters, intake.letters = intake.letters, []
        self._count(taken, letters)
        span = self._tracer.root("ingest batch", taken.first_ms or wall_ms())
        said_by = None if span is None else span.traceparent
        records = [LogRecord(READINGS, shard, encode(batch), BATCH, said_by) for shard, batch in intake.buffers.cut()]
        records += [LogRecord(DEAD_LETTERS, None, encode_dead_letter(each), None, said_by) for each in letters]
        now_s = asyncio.get_running_loop().time()
        writing = Writing(self._window, self._window.open(taken.ids), taken.messages, now_s, span, taken.frames)
        self._writer.put(records, lambda: self._written(writing))

    def _count(self, taken: Taken, letters: list[DeadLetter]) -> None:
        self._messages += taken.messages
        self._letters += len(letters)
        self._metrics.flushed(taken.messages, taken.payload_bytes, self._intake.buffers.size, letters)

    def _written(self, writing: Writing) -> None:
        """The log has a flush."""
        self._metrics.written(asyncio.get_running_loop().time() - writing.began_s)
        if writing.span is not None:
            writing.span.end(wall_ms(), {"qianshao.ingest": self._options.name, "qianshao.messages": writing.messages})
        window = writing.window
        self._unwritten -= writing.messages
        if window is self._window:  # else of a connection that is gone: the broker sends those messages again
            self._source.acknowledge(window.confirm(writing.flush))
        for confirmed in writing.frames:
            confirmed()
        if self._unwritten < self._options.most_unacknowledged and not self._stopping:
            self._source.resume()

    async def _ticks(self) -> None:
        """Say to every shard how far our clock has come, behind everything that reached us before."""
        step_ms = round(self._options.tick_s * 1000)
        await self._first_session()
        while True:
            if self._ticks_under_way < TICKS_UNDER_WAY:
                self._flush()
                self._write_tick(step_ms)
            await asyncio.sleep(self._options.tick_s)

    async def _first_session(self) -> None:
        """Give MQTT a moment to come up before we say that it is down."""
        deadline_s = asyncio.get_running_loop().time() + FIRST_SESSION_S
        while not self._source.up and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(0.05)

    def _write_tick(self, step_ms: int) -> None:
        clock_ms, now = self._options.clock.now_ms(), wall_ms()
        tick = encode_tick(Tick(self._options.name, clock_ms, step_ms, self._source.up, now))
        span = self._tracer.root("ingest tick", now)
        said_by = None if span is None else span.traceparent
        records = [LogRecord(READINGS, shard, tick, TICK, said_by) for shard in range(self._options.shards)]
        self._ticks_under_way += 1
        self._writer.put(records, lambda: self._tick_written(span))

    def _tick_written(self, span: Span | None) -> None:
        if span is not None:
            span.end(wall_ms(), {"qianshao.ingest": self._options.name})
        self._ticks_under_way -= 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            log.info(
                "ingest rate",
                ingest=self._options.name,
                messages_per_s=round(self._messages / REPORT_EVERY_S, 1),
                dead_letters=self._letters,
                unacknowledged=self._unwritten,
                up=self._source.up,
            )
            self._messages = self._letters = 0


async def _first_failure(*tasks: asyncio.Task[None]) -> None:
    """Until one of the tasks fails; raises what it raised. Cancelling this cancels none of them."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
