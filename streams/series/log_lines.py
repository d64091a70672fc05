"""What a record of the log says, as lines."""

from collections.abc import Callable

import numpy as np
import structlog

from city.city import City
from city.log import ALERTS, KIND, METRICS, READINGS, TICK
from city.readings import Batch, decode, decode_tick
from city.reports import decode_report
from city.transitions import decode_transition
from ingest.dead_letters import decode_dead_letter
from streams.app import Record
from streams.series.lines import ReadingLines, letter_line, report_lines, tick_line, transition_line

log = structlog.get_logger()


class LogLines:
    """`oldest_ms`: event time before which InfluxDB would throw a point away at once, asked anew each time."""

    def __init__(self, city: City, oldest_ms: Callable[[], float]) -> None:
        self._readings, self._oldest_ms = ReadingLines(city), oldest_ms

    def of(self, record: Record) -> list[str]:
        """Lines of a record. Raises one of UNREADABLE."""
        if record.topic == READINGS:
            return self._of_tick(record) if record.headers.get(KIND) == TICK else self._of_batch(record)
        if record.topic == ALERTS:
            transition = decode_transition(record.value)
            return [transition_line(transition)] if transition.event_ms > self._oldest_ms() else []
        if record.topic == METRICS:
            report = decode_report(record.value)
            return report_lines(report) if report.wall_ms > self._oldest_ms() else []
        letter = decode_dead_letter(record.value)
        return [letter_line(letter, record.offset)] if letter.received_ms > self._oldest_ms() else []

    def _of_tick(self, record: Record) -> list[str]:
        tick = decode_tick(record.value)
        line = tick_line(tick, record.partition) if tick.clock_ms > self._oldest_ms() else None
        return [] if line is None else [line]

    def _of_batch(self, record: Record) -> list[str]:
        batch = decode(record.value)
        kept = self._kept(batch)
        lines, unknown = self._readings.of(kept)
        if unknown or len(kept) < len(batch):
            log.info("readings not written", unknown=unknown, too_old=len(batch) - len(kept), offset=record.offset)
        return lines

    def _kept(self, batch: Batch) -> Batch:
        fresh = batch.event_ms > self._oldest_ms()
        return batch if fresh.all() else Batch(*(np.ascontiguousarray(column[fresh]) for column in batch.columns))
