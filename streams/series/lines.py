"""Points as InfluxDB's line protocol. Every time is in nanoseconds: of what happens within one millisecond, a device's
own count, or an id, tells one point from the other, and a replay writes the same point again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from zlib import crc32

from city.city import City
from city.readings import Batch, Flag, Tick
from city.reports import Report
from city.series import NONE, Measurement
from city.transitions import Transition
from ingest.dead_letters import DeadLetter

PRECISION = "ns"
NS_PER_MS, NS_PER_US = 1_000_000, 1_000
TICK_EVERY_MS = 10_000
CAMERAS = "video"
"""The feed of cameras in the catalogue."""

Value = int | float | str
_KEY = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ ", "\n": "\\ ", "\\": "/"})
_TEXT = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": " "})


@dataclass(frozen=True)
class Point:
    """One point but for its time. Fields that are int are integers for ever, float are floats: see `value_text`."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, Value]

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells its series from others."""
        return self.measurement, tuple(self.tags.items())

    def line(self, at_ms: int, within: str = "") -> str:
        """As it is at a moment; `within`: what tells it from others of that millisecond and series."""
        fields = ",".join(f"{name}={value_text(value)}" for name, value in self.fields.items())
        at_ns = at_ms * NS_PER_MS + (crc32(within.encode()) % NS_PER_MS if within else 0)
        return f"{head(self.measurement, self.tags)} {fields} {at_ns}"


def head(measurement: str, tags: Mapping[str, str]) -> str:
    """A line up to its fields. Empty tags become NONE."""
    return ",".join([measurement, *(f"{name}={(value or NONE).translate(_KEY)}" for name, value in tags.items())])


def value_text(value: Value) -> str:
    """A field's value; its Python type decides the field's type, and InfluxDB refuses another one later."""
    if isinstance(value, str):
        return f'"{value.translate(_TEXT)}"'
    return f"{value}i" if isinstance(value, int) else repr(value)


class ReadingLines:
    """Readings of a city's devices as lines. What one message said is one point: its values share device, event time
    and count."""

    def __init__(self, city: City) -> None:
        feeds = {each.slug: each.feed for each in city.catalogue.device_types}
        kinds = {slug: Measurement.CAMERA if feed == CAMERAS else Measurement.READING for slug, feed in feeds.items()}
        self._tags = {device.number: _device_tags(city, device.id) for device in city.devices.values()}
        self._measurement = {device.number: kinds[device.type] for device in city.devices.values()}
        self._fields = {indicator.number: indicator.id for indicator in city.catalogue.indicators}

    def of(self, batch: Batch) -> tuple[list[str], int]:
        """The lines, and how many readings are of no device or indicator that the registry knows (any more)."""
        lines, unknown = [], 0
        for (number, event_ms, seq, trial), rows in groupby(_rows(batch), key=lambda row: row[0]):
            said = [(self._fields.get(indicator), value) for _, indicator, value in rows]
            fields = [f"{name}={value!r}" for name, value in said if name is not None]
            tags = self._tags.get(number)
            if tags is not None and fields:
                measurement = Measurement.TRIAL if trial else self._measurement[number]
                lines.append(f"{measurement}{tags} {','.join(fields)} {event_ms * NS_PER_MS + seq % 1_000 * NS_PER_US}")
            unknown += len(said) if tags is None else len(said) - len(fields)
        return lines, unknown


def _rows(batch: Batch) -> Iterator[tuple[tuple[int, int, int, bool], int, float]]:
    """What tells a message from another, indicator, value."""
    columns = (batch.device, batch.event_ms, batch.seq, batch.flags & Flag.TEST, batch.indicator, batch.value)
    for device, event_ms, seq, trial, indicator, value in zip(*(c.tolist() for c in columns), strict=True):
        yield (device, event_ms, seq, bool(trial)), indicator, value


def _device_tags(city: City, device_id: str) -> str:
    device = city.devices[device_id]
    area = city.area_of(device)
    tags = {"device": device.id, "type": device.type, "site": device.site, "area": area.id}
    community = city.grids[city.sites[device.site].grid].parent
    return head("", tags | {"class": area.risk_class, "street": area.admin, "community": community})


def transition_line(transition: Transition) -> str:
    """A change of level. Its subject is a field: a tag for each device and rule would be too many series."""
    t = transition
    tags = {"rule": t.rule, "class": t.risk_class or NONE, "nature": t.nature.value, "street": t.admin or NONE}
    fields: dict[str, Value] = {
        "to": int(t.level_to),
        "from": int(t.level_from),
        "value": float(t.value),
        "unit": t.unit,
        "title": t.title,
        "subject": t.subject,
        "alert": t.alert,
        "suspected": int(t.suspected),
        "explained_by": t.explained_by or "",
    }
    return Point(Measurement.TRANSITION, tags | {"area": t.area or NONE}, fields).line(t.event_ms, t.id)


def letter_line(letter: DeadLetter, offset: int) -> str:
    """A dead letter. `offset`: of its record."""
    device, ingest = letter.device or "", letter.ingest
    fields: dict[str, Value] = {"count": 1, "device": device, "bytes": letter.payload_bytes, "ingest": ingest}
    return Point(Measurement.LETTER, {"reason": letter.reason.value}, fields).line(letter.received_ms, str(offset))


def report_lines(report: Report) -> list[str]:
    """What a process reports of itself: a point a sample. Two processes of a kind may speak at one moment."""
    at_ms, process = int(report.wall_ms), report.process
    return [
        Point(Measurement.METRIC, {"process": process, "name": s.name, **s.labels}, {"value": float(s.value)}).line(
            at_ms, report.instance
        )
        for s in report.samples
    ]


def tick_line(tick: Tick, shard: int) -> str | None:
    """An ingest's sign of life: of each TICK_EVERY_MS the first, and each that tells of no session."""
    first = tick.clock_ms // TICK_EVERY_MS != (tick.clock_ms - tick.step_ms) // TICK_EVERY_MS
    if tick.up and not first:
        return None
    fields: dict[str, Value] = {"up": int(tick.up), "step_ms": tick.step_ms}
    return Point(Measurement.TICK, {"ingest": tick.ingest, "shard": str(shard)}, fields).line(tick.clock_ms)
