"""The tables of the archive: their columns, and which day and class a row is of.

The day is that of log time in the city's time zone: of the clock of the newest tick before a record in its shard; of
what comes before the first tick, of its own newest event time. So days of a shard follow one another as its offsets do,
and a reading that came late lies under the day on which it came. Of an incident it is the day it was opened.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from city.catalogue import COMMON
from city.city import City
from city.readings import SCHEMA as READING
from city.readings import Batch, Tick
from city.transitions import Transition, encode_transition

READINGS, TICKS, ALERTS, INCIDENTS = "readings", "ticks", "alerts", "incidents"
TABLES = (READINGS, TICKS, ALERTS, INCIDENTS)
STRANGE = "unknown"
"""The class of readings whose device the registry did not have when they were written."""

_PLACE = [("log", pa.uint16()), ("shard", pa.uint16()), ("offset", pa.int64())]
READINGS_SCHEMA = pa.schema([*_PLACE, ("row", pa.uint32()), *READING])
TICKS_SCHEMA = pa.schema(
    [
        *_PLACE,
        ("ingest", pa.string()),
        ("clock_ms", pa.int64()),
        ("step_ms", pa.int64()),
        ("up", pa.bool_()),
        ("wall_ms", pa.float64()),
        ("retired", pa.bool_()),
    ]
)
ALERTS_SCHEMA = pa.schema(
    [
        *_PLACE,
        *((name, pa.string()) for name in ("id", "alert", "rule", "rule_version", "title", "nature")),
        *((name, pa.string()) for name in ("subject_kind", "subject", "area", "site", "admin", "cause", "unit")),
        *((name, pa.int8()) for name in ("level_from", "level_to")),
        *((name, pa.int64()) for name in ("event_ms", "log_ms", "since_ms")),
        ("value", pa.float64()),
        ("suspected", pa.bool_()),
        ("explained_by", pa.string()),
        ("transition", pa.string()),  # whole, as the log has it: JSON
    ]
)
INCIDENTS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "key", "nature", "title", "cause", "subject")),
        *((name, pa.string()) for name in ("admin", "area", "site", "merged_into")),
        *((name, pa.int32()) for name in ("version", "level", "peak_level", "alerts", "explained")),
        *((name, pa.int64()) for name in ("opened_ms", "updated_ms", "recovered_ms")),
        *((name, pa.bool_()) for name in ("suspected", "exercise", "open")),
    ]
)
SCHEMAS = {READINGS: READINGS_SCHEMA, TICKS: TICKS_SCHEMA, ALERTS: ALERTS_SCHEMA, INCIDENTS: INCIDENTS_SCHEMA}
DELTAS = {"offset", "row", "event_time", "seq", "clock_ms", "event_ms", "log_ms", "since_ms"}
"""Columns that mostly rise by little."""
DICTIONARIES = {field.name for schema in SCHEMAS.values() for field in schema} - DELTAS - {"id", "transition"}


def day_in(time_zone: str) -> Callable[[int], str]:
    """The day of a time, ms UTC, in a time zone: YYYY-MM-DD."""
    zone = ZoneInfo(time_zone)

    @lru_cache(maxsize=64)
    def day_of_minute(minute: int) -> str:
        return f"{datetime.fromtimestamp(minute * 60, zone):%Y-%m-%d}"

    return lambda ms: day_of_minute(ms // 60_000)


def bounds_in(time_zone: str) -> Callable[[str], tuple[int, int]]:
    """When a day of a time zone begins, and the next one does, ms UTC."""
    zone = ZoneInfo(time_zone)

    def begin_ms(day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)

    return lambda day: (begin_ms(date.fromisoformat(day)), begin_ms(date.fromisoformat(day) + timedelta(days=1)))


def day_before(day: str) -> str:
    return str(date.fromisoformat(day) - timedelta(days=1))


class ClassOf:
    """Which class devices are of, many at a time."""

    def __init__(self, city: City) -> None:
        devices = sorted(city.devices.values(), key=lambda device: device.number)
        of = [city.area_of(device).risk_class for device in devices]
        self.classes = (*sorted(set(of)), STRANGE)
        place = {name: number for number, name in enumerate(self.classes)}
        self._number = np.array([device.number for device in devices], np.uint32)
        self._class = np.array([*(place[name] for name in of), place[STRANGE]], np.uint8)

    def __call__(self, numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        """Place in `classes` of each device: (n,) uint8."""
        rows = np.searchsorted(self._number, numbers)
        known = rows < len(self._number)
        known[known] = self._number[rows[known]] == numbers[known]
        return self._class[np.where(known, rows, len(self._number))]


def reading_rows(log: int, shard: int, batches: Sequence[tuple[int, Batch]]) -> pa.Table:
    """Rows of batches of one shard, each with its offset, in their order."""
    lengths = [len(batch) for _, batch in batches]
    n = sum(lengths)
    columns = [np.concatenate(found) for found in zip(*(batch.columns for _, batch in batches), strict=True)]
    place = [np.full(n, log, np.uint16), np.full(n, shard, np.uint16)]
    place.append(np.repeat(np.array([offset for offset, _ in batches], np.int64), lengths))
    place.append(np.concatenate([np.arange(length, dtype=np.uint32) for length in lengths]))
    return pa.Table.from_arrays([pa.array(column) for column in (*place, *columns)], schema=READINGS_SCHEMA)


def tick_rows(log: int, shard: int, ticks: Sequence[tuple[int, Tick]]) -> pa.Table:
    """Rows of ticks of one shard, each with its offset."""
    place = [{"log": log, "shard": shard, "offset": offset} for offset, _ in ticks]
    said = [msgspec.structs.asdict(tick) for _, tick in ticks]
    return pa.Table.from_pylist([at | what for at, what in zip(place, said, strict=True)], TICKS_SCHEMA)


def alert_rows(log: int, shard: int, told: Sequence[tuple[int, Transition]]) -> pa.Table:
    """Rows of transitions of one partition, each with its offset."""
    rows = [{"log": log, "shard": shard, "offset": offset, **_alert(transition)} for offset, transition in told]
    return pa.Table.from_pylist(rows, ALERTS_SCHEMA)


def _alert(transition: Transition) -> dict[str, Any]:
    row = msgspec.to_builtins(transition)
    named = {name: row[name] for name in ALERTS_SCHEMA.names if name in row}
    return named | {"id": transition.id, "transition": encode_transition(transition).decode()}


def class_of_alert(transition: Transition) -> str:
    return transition.risk_class or COMMON
