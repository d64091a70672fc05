"""SL 651-2014: hydrology (水文监测数据通信规约), binary frames over TCP, HEX/BCD.

7E7E, centre, 5 bytes of station, password, function, length, STX; serial number, time of sending; F1F1 station and its
class, F0F0 time of observation, elements; ETX, CRC.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from ingest.adapters.crc import modbus
from ingest.adapters.wire import (
    Cut,
    Meaning,
    Report,
    Told,
    UnreadableError,
    WireProtocol,
    before,
    beijing_ms,
    broken,
    in_beijing,
)
from ingest.dead_letters import Reason

MARK = b"\x7e\x7e"
STX, SYN, ETX, ETB, ACK, ESC = 0x02, 0x16, 0x03, 0x17, 0x06, 0x1B
HEAD, TAIL = 14, 3
"""Bytes before the text, up to STX, and behind it: ETX and CRC."""
PACKET = 3
"""Behind SYN: how many packets, and which."""
LINK, TEST, UNIFORM, MANUAL, PICTURE = 0x2F, 0x30, 0x31, 0x35, 0x36
REPORTS = {TEST: "test", UNIFORM: "timed", 0x32: "timed", 0x33: "added", 0x34: "timed"}
STATION, OBSERVED, STEP, IMAGE, RAIN_OF_HOUR, EXTENDED = 0xF1, 0xF0, 0x04, 0xF3, 0xF4, 0xFF
LEVELS_OF_HOUR = range(0xF5, 0xFD)
TEXTS = {0xF2: "a manual entry (F2)", 0xFD: "a batch of velocities (FD)"}
"""What is no number, and of which only its own makers know where it ends."""
STEPS, STEP_MS = 12, 300_000
"""Of an hour, every five minutes."""
NOTHING = 0xFF

MEANS = {
    "08": Meaning((("air_pressure", 1.0),)),
    "22": Meaning((("rain_tip", 1.0),)),
    "26": Meaning((("rain_total", 1.0),)),
    "35": Meaning((("wind_speed", 1.0),)),
    "38": Meaning((("battery_voltage", 1.0),), wanted=False),
    "39": Meaning((("stage", 1.0), ("tide", 1.0), ("water_depth", 100.0))),
    "3B": Meaning((("reservoir_stage", 1.0),)),
    "46": Meaning((("ph", 1.0),)),
    "47": Meaning((("do", 1.0),)),
    "4C": Meaning((("nh3n", 1.0),)),
    "F4": Meaning((("rain_tip", 1.0),)),
}
"""By the identifiers of annex C. 20, the day's rain so far, says nothing that 26 does not, and begins anew."""


def cut(data: bytes, more: bool) -> Cut | None:
    """The first piece of a stream, see Splitter."""
    if not data.startswith(MARK):
        return before(MARK, data, more)
    if len(data) < HEAD:
        return None if more else broken(MARK, data, f"ends after {len(data)} bytes")
    wrong = _wrong_head(data)
    if wrong is not None:
        return broken(MARK, data, wrong)
    size = HEAD + int.from_bytes(data[11:13], "big") + TAIL
    for whole in (size, size + PACKET) if data[13] == SYN else (size,):  # makers count a packet's number or do not
        if len(data) < whole:
            return None if more else broken(MARK, data, f"ends after {len(data)} of {whole} bytes")
        wrong = _wrong_end(data[:whole])
        if wrong is None:
            return Cut(whole, None)
    return broken(MARK, data, wrong or "", size)


def _wrong_head(data: bytes) -> str | None:
    if data[11] & 0xF0:
        return f"direction {data[11] >> 4:X} is not of a station"
    if data[13] not in (STX, SYN):
        return f"{data[13]:02X} in place of STX"
    return None


def _wrong_end(frame: bytes) -> str | None:
    said, right = int.from_bytes(frame[-2:], "big"), modbus(frame[:-2])
    if said != right:
        return f"CRC {said:04X}, {right:04X} would be right"
    if frame[-3] not in (ETX, ETB):
        return f"{frame[-3]:02X} in place of ETX"
    return None


def read(frame: bytes) -> Report:
    """What a whole frame says. Raises UnreadableError."""
    station, function = frame[3:8].hex().upper(), frame[10]
    if function == PICTURE:
        raise UnreadableError(station, "function 36 brings pictures: they must never be sent", Reason.PERSONAL_DATA)
    if frame[13] == SYN:
        raise UnreadableError(station, f"function {function:02X} in several packets (SYN) is not taken")
    if function not in (LINK, MANUAL, *REPORTS):
        raise UnreadableError(station, f"function {function:02X} is not taken: 2F to 35")
    text = frame[HEAD:-TAIL]
    if len(text) < 8:
        raise UnreadableError(station, "no serial number and time of sending")
    serial, sent_ms = int.from_bytes(text[:2], "big"), _time(station, text[2:8])
    answer = _answer(frame, text[:2])
    if function == LINK:
        return Report(station, [Told(serial, sent_ms, sent_ms, "heartbeat")], [], answer)
    if function == MANUAL:
        return Report(station, [Told(serial, sent_ms, sent_ms, "heartbeat")], [TEXTS[0xF2] + " is not read"], answer)
    found = _Text(station, text[8:], function, sent_ms)
    found.read()
    told = [Told(serial, ms, sent_ms, REPORTS[function], values) for ms, values in sorted(found.values.items())] or [
        Told(serial, found.ms, sent_ms, REPORTS[function])
    ]
    return Report(station, told, found.unread, answer)


@dataclass
class _Text:
    """Reads the elements of a frame. ms: time of observation, so far as it is told. values: by time. unread: why some
    are not read."""

    station: str
    data: bytes
    function: int
    ms: int
    values: dict[int, list[tuple[str, float]]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    at: int = 0
    stepped: bool = False

    def read(self) -> None:
        while self.at < len(self.data):
            self._element(self._take(1)[0])
        if self.function == UNIFORM and not self.stepped:
            raise UnreadableError(self.station, "function 31 without a time step (04)")

    def _take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise UnreadableError(self.station, f"an element is cut off at byte {HEAD + 8 + len(self.data)}")
        self.at += size
        return taken

    def _element(self, identifier: int) -> None:
        if identifier == STATION:
            self._its_station()
        elif identifier == OBSERVED:
            self._take(1)
            self.ms = _time(self.station, self._take(5))
        elif identifier == STEP and self.function == UNIFORM:
            self._uniform(self._step())
        elif identifier == RAIN_OF_HOUR:
            self._take(1)
            self._rain_of_hour(self._take(STEPS))
        elif identifier in LEVELS_OF_HOUR:
            self._take(1 + 2 * STEPS)  # relative to a datum that we do not know
        elif identifier == IMAGE:
            raise UnreadableError(self.station, "F3 is a picture: they must never be sent", Reason.PERSONAL_DATA)
        elif identifier in TEXTS:
            self.unread.append(f"{TEXTS[identifier]} is not read")
            self.at = len(self.data)
        elif identifier == EXTENDED:
            self._take(1)
            self._take(self._take(1)[0] >> 3)
        else:
            definition = self._take(1)[0]
            self._tell(self.ms, identifier, self._take(definition >> 3), definition & 7)

    def _its_station(self) -> None:
        self._take(1)
        own = self._take(5).hex().upper()
        if own != self.station:
            raise UnreadableError(
                self.station, f"the frame is of {self.station}, its text of {own}", Reason.WRONG_DEVICE
            )
        self._take(1)  # the station's class: the registry knows what it measures

    def _tell(self, ms: int, identifier: int, raw: bytes, decimals: int) -> None:
        if not raw or raw == bytes([NOTHING]) * len(raw):
            return  # not measured
        digits, sign = (raw[1:], -1) if raw[0] == NOTHING else (raw, 1)
        if not digits.hex().isdigit():
            self.unread.append(f"element {identifier:02X} {raw.hex().upper()} is no BCD")
            return
        value = round(sign * int(digits.hex()) / 10**decimals, decimals)
        self.values.setdefault(ms, []).append((f"{identifier:02X}", value))

    def _rain_of_hour(self, tenths: bytes) -> None:
        for step, tenth in enumerate(tenths):
            if tenth != NOTHING:
                at_ms = self.ms + step * STEP_MS
                self.values.setdefault(at_ms, []).append(("F4", tenth / 10))

    def _step(self) -> int:
        """Days, hours and minutes between two values, in ms."""
        self._take(1)
        self.stepped, raw = True, self._take(3).hex()
        step_ms = (1440 * int(raw[:2]) + 60 * int(raw[2:4]) + int(raw[4:])) * 60_000 if raw.isdigit() else 0
        if not step_ms:
            raise UnreadableError(self.station, f"time step {raw} is none")
        return step_ms

    def _uniform(self, step_ms: int) -> None:
        """Identifiers once, then as many groups of their values as there are, a step between two (table 30)."""
        elements = self._uniform_elements()
        for group in range(len(self.data)):
            if self.at == len(self.data):
                return
            for identifier, definition in elements:
                self._tell(self.ms + group * step_ms, identifier, self._take(definition >> 3), definition & 7)

    def _uniform_elements(self) -> list[tuple[int, int]]:
        """How many identifiers there are, no count says: those behind which twelve groups follow. The standard has one
        in this code; one may have another number of values."""
        rest = self.data[self.at :]
        pairs = list(zip(rest[::2], rest[1::2], strict=False))
        for count in range(1, len(pairs) + 1):
            width = sum(definition >> 3 for _, definition in pairs[:count])
            if width and len(rest) - 2 * count == STEPS * width:
                self.at += 2 * count
                return pairs[:count]
        width = pairs[0][1] >> 3 if pairs else 0
        if not width or (len(rest) - 2) % width:
            raise UnreadableError(self.station, "function 31: its values are no whole groups")
        self.at += 2
        return pairs[:1]


def _time(station: str, raw: bytes) -> int:
    """BCD YYMMDDhhmm, with or without seconds, in Beijing and in this century."""
    try:
        return beijing_ms(*_two_digits(raw))
    except ValueError:
        raise UnreadableError(station, f"{raw.hex()} is no time YYMMDDhhmmss") from None


def _two_digits(raw: bytes) -> Iterator[int]:
    """ValueError: no digits."""
    for place, byte in enumerate(raw):
        if not f"{byte:02x}".isdigit():
            raise ValueError(byte)
        yield int(f"{byte:02x}") + (0 if place else 2000)


def _answer(frame: bytes, serial: bytes) -> Callable[[int], bytes]:
    """Confirms with our time. ESC: stay connected; ACK: go on, where the station has more to say (ETB)."""
    head = MARK + frame[3:8] + frame[2:3] + frame[8:11]
    return partial(_confirmation, head, serial, ESC if frame[-3] == ETX else ACK)


def _confirmation(head: bytes, serial: bytes, end: int, now_ms: int) -> bytes:
    time = bytes.fromhex(in_beijing(now_ms).strftime("%y%m%d%H%M%S"))
    frame = head + b"\x80\x08" + bytes([STX]) + serial + time + bytes([end])
    return frame + modbus(frame).to_bytes(2, "big")


SL651 = WireProtocol("sl651", cut, read, MEANS)
