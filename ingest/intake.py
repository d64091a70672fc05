"""A message on a topic becomes rows of readings, or dead letters, or both: every part of it one or the other.

Pure: time comes in, rows and letters are gathered for whoever writes them.
"""

from datetime import UTC, datetime
from zlib import crc32

import msgspec
import structlog

from city.city import City
from city.misfits import nearest
from city.readings import HISTORY_ONLY, Flag
from ingest.batching import Buffers
from ingest.cap import is_xml, read_cap
from ingest.contract import TOPIC_KINDS, Gateway, Message, Report, Signal, Telemetry, Video, Waterlogging, Will
from ingest.dead_letters import DeadLetter, Reason, Refused, keepable, means_person
from ingest.decode import claimed_device, decode_message, to_ms
from ingest.findings import CLOCK_ERROR, Findings
from ingest.measures import BEAT, FAULTY, LINK, measured
from ingest.platforms import Platforms
from ingest.registry import PLATFORM_FEED, Measure, Registry
from ingest.upstream import Upstream

log = structlog.get_logger()

LARGEST_BYTES = 256 * 1024
EARLIEST_MS = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
FUTURE_MS = 300_000  # device_health_common of the domain: beyond it the clock is suspect and our time is taken
CLOCK_OFF_MS = 60_000
FURTHEST_OFF_S = 1e12
DETAIL_LETTERS, TOPIC_LETTERS, ID_LETTERS = 400, 1000, 64
"""What is kept of text that others wrote."""
_KINDS = {kind.encode() for kind in TOPIC_KINDS}
_BACKFILL, _TEST, _RETAINED, _SUSPECT = (int(f) for f in (Flag.BACKFILL, Flag.TEST, Flag.RETAINED, Flag.SUSPECT_CLOCK))
_HISTORY = int(HISTORY_ONLY)
_REPORT_FLAGS = {"backfill": _BACKFILL, "test": _TEST}

Stamp = tuple[int, int, int]
"""Event time in ms, seq and flags of a message: what all its readings have in common."""


class Intake:
    """Takes messages in. `buffers` and `letters` hold what has not been written yet."""

    def __init__(self, city: City, shards: int, ingest: str) -> None:
        self.buffers = Buffers(shards)
        self.letters: list[DeadLetter] = []
        self.registry = Registry(city, shards)
        self._platforms = Platforms(self.registry)
        self._upstream = Upstream(city, self.registry.row_of)
        self._findings = Findings(len(self.registry.number))
        self._ingest = ingest

    def accept(self, topic: bytes, payload: bytes, retained: bool, now_ms: int) -> None:
        """Take in one MQTT message that arrived at (played) time `now_ms`."""
        row = None
        try:
            prefix, device_id, kind = _parts(topic)
            row = self._row(device_id)
            if prefix != self.registry.topic_prefix[row]:
                expected = self.registry.topic_prefix[row].decode()
                raise Refused(Reason.TOPIC, f"{device_id} is registered under {expected}")
            if len(payload) > LARGEST_BYTES:
                raise Refused(Reason.OVERSIZE, f"{len(payload)} bytes, at most {LARGEST_BYTES}")
            flags = _RETAINED if retained else 0
            if kind == b"will":
                self._take_will(row, device_id, payload, flags, now_ms)
            else:
                self._take(row, device_id, topic, payload, flags, now_ms)
        except Refused as refused:
            self.refuse(row, refused, topic, payload, now_ms)
        except Exception as error:  # a message must never stop the ones behind it
            log.exception(
                "message could not be taken in", topic=_legible(topic.decode("utf-8", "replace"), TOPIC_LETTERS)
            )
            self.refuse(None, Refused(Reason.POISON, repr(error)), topic, payload, now_ms)

    def _row(self, device_id: str) -> int:
        row = self.registry.row_of.get(device_id)
        if row is None:
            raise Refused(Reason.UNKNOWN_DEVICE, f"{device_id!r} is not in the registry, or not in service")
        return row

    def _take(self, row: int, device_id: str, topic: bytes, payload: bytes, flags: int, now_ms: int) -> None:
        if self.registry.kind(row).feed == PLATFORM_FEED:
            self._take_platform(row, topic, payload, flags, now_ms)
            return
        kind = self.registry.kind(row).message
        if kind is Signal and is_xml(payload):
            for signal in read_cap(payload, device_id):
                self._read_alone(row, signal, topic, payload, flags, now_ms)
            return
        message = decode_message(kind, payload)
        if message.device_id != device_id:
            raise Refused(Reason.WRONG_DEVICE, f"the payload is of {message.device_id}, the topic of {device_id}")
        self.read(row, message, topic, payload, flags, now_ms)
        if isinstance(message, Gateway):
            for entry in message.messages:
                self._take_entry(entry, topic, flags, now_ms)

    def _take_entry(self, entry: msgspec.Raw, topic: bytes, flags: int, now_ms: int) -> None:
        """One message of a gateway's payload; refused alone, not with its neighbours."""
        row = None
        try:
            row = self._row(claimed_device(entry))
            kind = self.registry.kind(row).message
            if kind is Gateway:
                raise Refused(Reason.SCHEMA, "a gateway's payload may not hold a gateway's payload, or a platform's")
            self.read(row, decode_message(kind, entry), topic, entry, flags, now_ms)
        except Refused as refused:
            self.refuse(row, refused, topic, entry, now_ms)

    def _take_platform(self, row: int, topic: bytes, payload: bytes, flags: int, now_ms: int) -> None:
        """What a video platform says of its points. One letter for all that the registry does not know."""
        word = self._platforms.word(row, payload, now_ms)
        for point, message in word.messages:
            self.read(point, message, topic, payload, flags, now_ms)
        for point, is_faulty in word.faulty:
            self._add(point, FAULTY, now_ms, float(is_faulty), word.seq, flags)
        if word.unknown:
            detail = f"no device in service has the address {', '.join(word.unknown)}"
            self.refuse(None, Refused(Reason.UNKNOWN_DEVICE, detail), topic, payload, now_ms)

    def _read_alone(self, row: int, signal: Signal, topic: bytes, payload: bytes, flags: int, now_ms: int) -> None:
        """One of several signals of a payload; refused alone, not with its neighbours."""
        try:
            self.read(row, signal, topic, payload, flags, now_ms)
        except Refused as refused:
            self.refuse(row, refused, topic, payload, now_ms)

    def _take_will(self, row: int, device_id: str, payload: bytes, flags: int, now_ms: int) -> None:
        """The broker lost the device's connection; with an empty payload, the device is back and clears its will. It is
        told, and is no sign of life."""
        if not payload:
            self._add(row, LINK, now_ms, 1.0, 0, flags)
            return
        will = decode_message(Will, payload)
        if will.device_id != device_id:
            raise Refused(Reason.WRONG_DEVICE, f"the payload is of {will.device_id}, the topic of {device_id}")
        self._add(row, LINK, now_ms, 0.0, 0, flags)

    def read(
        self,
        row: int,
        message: Message,
        topic: bytes,
        payload: bytes | msgspec.Raw,
        flags: int,
        now_ms: int,
        sent_ms: int | None = None,
    ) -> None:
        """Rows of one device's message. sent_ms: when it was sent by the device's clock, where that is told beside when
        it was measured. Raises Refused when nothing of it is taken in."""
        flags |= _REPORT_FLAGS.get(getattr(message, "report", ""), 0)
        ms, seq = to_ms(message.ts), message.seq
        if ms < EARLIEST_MS:
            raise Refused(Reason.CLOCK, f"ts {message.ts} is before 2020")
        off_ms = (ms if sent_ms is None else sent_ms) - now_ms
        issued = isinstance(message, Signal | Report)  # not measured: it may rightly be passed on late, and again
        clock_right = (off_ms if issued else abs(off_ms)) <= CLOCK_OFF_MS
        if not clock_right and not flags & _HISTORY:
            self._findings.clock_wrong(row)
            self._add(row, CLOCK_ERROR, now_ms, min(FURTHEST_OFF_S, abs(off_ms) / 1000), seq, 0)
        if ms > now_ms + FUTURE_MS:
            ms, flags = now_ms, flags | _SUSPECT
        if isinstance(message, Signal | Report):
            self._add_told(row, message, ms, flags, now_ms)
            clean = True
        else:
            clean = self._add_measured(row, message, topic, payload, (ms, seq, flags), now_ms)
        if clean and not flags & _HISTORY:
            for indicator in self._findings.sound(row, clock_right):
                self._add(row, indicator, now_ms, 0.0, seq, 0)

    def _add_measured(
        self, row: int, message: Message, topic: bytes, payload: bytes | msgspec.Raw, stamp: Stamp, now_ms: int
    ) -> bool:
        """Rows of all that a message measures; of nothing, that the device lives. Whether nothing was refused."""
        registry, (ms, seq, flags) = self.registry, stamp
        number, rows, measures = registry.number[row], self.buffers.rows[registry.shard[row]], registry.measures[row]
        added, clean = 0, True
        for name, value in measured(message):
            measure = measures.get(name)
            if measure is None:  # a fixed field that counts for nothing here, or a name that a station must not use
                wrong = not_measured(name, measures) if isinstance(message, Telemetry) else None
            else:
                wrong = _wrong(message, measure, value)
                if wrong is None:
                    rows.append((number, measure.number, ms, value, seq, flags))
                    added += 1
            if wrong is not None:
                clean = False
                self.refuse(row, wrong, topic, payload, now_ms)
        self.buffers.size += added
        if not added and clean:
            self._add(row, BEAT, ms, 1.0, seq, flags)
        if isinstance(message, Video) and message.faulty_children:
            self._add_faulty(message.faulty_children, topic, payload, stamp, now_ms)
        return clean

    def _add_told(self, row: int, message: Signal | Report, ms: int, flags: int, now_ms: int) -> None:
        """That a source lives, which its message alone shows however old it is; and what it says of other devices.
        Raises Refused."""
        self._add(row, BEAT, now_ms, 1.0, message.seq, flags)
        for reading in self._upstream.told(row, message, ms):
            self._add(reading.row, reading.indicator, reading.ms, reading.value, reading.seq, flags)

    def _add_faulty(
        self, children: list[str], topic: bytes, payload: bytes | msgspec.Raw, stamp: Stamp, now_ms: int
    ) -> None:
        """What a platform says of the points below it. One letter for all that the registry does not know."""
        ms, seq, flags = stamp
        unknown = []
        for child in children:
            row = self.registry.row_of.get(child)
            if row is None:
                unknown.append(child)
            else:
                self._add(row, FAULTY, ms, 1.0, seq, flags)
        if unknown:
            refused = Refused(Reason.UNKNOWN_DEVICE, f"faulty_children {', '.join(unknown)} not in the registry")
            self.refuse(None, refused, topic, payload, now_ms)

    def _add(self, row: int, indicator: str, ms: int, value: float, seq: int, flags: int) -> None:
        measure = self.registry.measures[row].get(indicator)
        if measure is not None:
            reading = (self.registry.number[row], measure.number, ms, value, seq, flags)
            self.buffers.add(self.registry.shard[row], reading)

    def refuse(
        self, row: int | None, refused: Refused, topic: bytes, payload: bytes | msgspec.Raw, now_ms: int
    ) -> None:
        """A letter, and where the device is known and it is its fault, a finding."""
        payload = payload if isinstance(payload, bytes) else bytes(payload)
        parts = topic.split(b"/")
        self.letters.append(
            DeadLetter(
                reason=refused.why,
                detail=_legible(refused.detail, DETAIL_LETTERS),
                topic=_legible(topic.decode("utf-8", "replace"), TOPIC_LETTERS),
                payload=keepable(payload),
                payload_bytes=len(payload),
                payload_crc=crc32(payload),
                received_ms=now_ms,
                ingest=self._ingest,
                device=_legible(parts[-2].decode("utf-8", "replace"), ID_LETTERS) if len(parts) > 1 else None,
            )
        )
        indicator = self._findings.refused(row, refused.why) if row is not None else None
        if row is not None and indicator is not None:
            self._add(row, indicator, now_ms, 1.0, 0, 0)


def _legible(text: str, letters: int) -> str:
    """Text as every store takes it: not too long, and without NUL."""
    return text[:letters].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _parts(topic: bytes) -> tuple[bytes, str, bytes]:
    """Prefix with its slash, device id and kind of a topic. Raises Refused."""
    parts = topic.rsplit(b"/", 2)
    if len(parts) != 3 or parts[2] not in _KINDS:
        raise Refused(Reason.TOPIC, "not citysafety/{district}/{street}/{class}/{device_id}/{up|hb|evt|will}")
    return parts[0] + b"/", parts[1].decode("utf-8", "replace"), parts[2]


def _wrong(message: Message, measure: Measure, value: float) -> Refused | None:
    """Why a value must not be judged, if it must not."""
    if measure.id == "water_depth" and isinstance(message, Waterlogging) and _in_millimetres(message, measure):
        return Refused(Reason.UNIT, f"depth_cm {value:g} looks like millimetres")
    if not measure.lowest <= value <= measure.highest:
        bounds = f"{measure.lowest:g}..{measure.highest:g} {measure.unit}"
        return Refused(Reason.RANGE, f"{measure.id} {value:g} is outside {bounds}")
    return None


def not_measured(name: str, measures: dict[str, Measure]) -> Refused:
    """Why a value is refused that a station tells and its type does not measure."""
    if means_person(name):
        return Refused(Reason.PERSONAL_DATA, f"fields {name} must never be sent")
    return Refused(Reason.INDICATOR, f"its type does not measure {name!r}: {nearest(name, list(measures))}")


def _in_millimetres(message: Waterlogging, measure: Measure) -> bool:
    """Whether depth_cm is ten times what raw_mm and ref_mm say; without those, whether it is too deep by tenfold."""
    depth = message.depth_cm or 0.0
    if message.raw_mm is None or message.ref_mm is None:
        return depth > measure.highest and depth / 10 <= measure.highest
    true_cm = (message.raw_mm - message.ref_mm) / 10
    return depth - true_cm > 3 and 9 * true_cm <= depth <= 11 * true_cm
