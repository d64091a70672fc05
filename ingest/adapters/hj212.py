"""HJ 212-2017: pollution sources, air and surface water (污染物在线监控系统数据传输标准), text in frames over TCP.

##0101QN=20160801085857223;ST=32;CN=2011;PW=123456;MN=…;Flag=5;CP=&&DataTime=…;w21003-Rtd=1.1,w21003-Flag=N&&1C80\\r\\n
"""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial

from ingest.adapters.crc import hj212 as crc
from ingest.adapters.wire import (
    BLANK,
    Cut,
    Meaning,
    Report,
    Told,
    UnreadableError,
    WireProtocol,
    before,
    beijing_ms,
    broken,
)

MARK, END = b"##", b"\r\n"
LONGEST_DATA = 4096
"""The standard says 1024; makers write more."""
STATIONS = {"21": "surface water", "22": "air", "23": "noise", "31": "air source", "32": "water source"}
LIVE = "2011"
PERIODS_MS = {"2051": 600_000, "2061": 3_600_000, "2031": 86_400_000}
"""Minutes, hours, days. Of minutes the frame does not say how many; ten is the standard's own default."""
BEATS = ("2021", "2041", "2081")
"""States and running times of machines, and a unit's start: signs of life, of which nothing is measured here."""
VALID, CODES = 1, {"N": 0, "T": 1, "D": 2, "C": 3, "M": 4, "B": 5, "F": 6, "S": 7}
"""Flags by what the indicator `data_flag` tells; up to VALID a value may be judged: normal, and over the range."""
UNKNOWN_FLAG = 2
ANSWER_WANTED = 1

MEANS = {
    "w01001": Meaning((("ph", 1.0),)),
    "w01009": Meaning((("do", 1.0),)),
    "w21003": Meaning((("nh3n", 1.0),)),
    "a34004": Meaning((("pm25", 1.0),)),
    "a34002": Meaning((("pm10", 1.0),)),
    "a05024": Meaning((("o3", 1.0),)),
    "a01006": Meaning((("air_pressure", 10.0),), wanted=False),
    "a01007": Meaning((("wind_speed", 1.0),), wanted=False),
    "Leq": Meaning((("noise_leq", 1.0),)),
    "Flag": Meaning((("data_flag", 1.0),), wanted=False),
}
"""By the codes of HJ 212-2017, annex B. Air pressure is in kPa there; weather comes along with every air station."""

_FIELD = re.compile(r"([A-Za-z0-9]+)=([^;=]*)")
_ECHOED = re.compile(r"[A-Za-z0-9_-]{0,27}")


def cut(data: bytes, more: bool) -> Cut | None:
    """The first piece of a stream, see Splitter. Frames end at CR LF, which nothing in them holds."""
    if not data.startswith(MARK):
        found = before(MARK, data, more)
        blank = found is not None and not data[: found.size].strip()
        return Cut(found.size, BLANK) if found and blank else found
    if len(data) >= 6 and not data[2:6].isdigit():
        return broken(MARK, data, "no length of four digits")
    end = data.find(END, 2, LONGEST_DATA + 14)
    if end < 0:
        if more and len(data) < LONGEST_DATA + 14:
            return None
        return broken(MARK, data, f"no CR LF within {len(data)} bytes")
    wrong = _wrong(data[:end])
    return Cut(end + 2, None) if wrong is None else broken(MARK, data, wrong, end + 2)


def _wrong(frame: bytes) -> str | None:
    """What is wrong with a frame, given without its CR LF."""
    data, said = frame[6:-4], frame[-4:]
    if len(frame) < 10 or int(frame[2:6]) != len(data):
        return f"length {frame[2:6].decode()}, and {max(0, len(frame) - 10)} bytes of data"
    right = f"{crc(data):04X}"
    if said.upper() != right.encode():
        return f"CRC {said.decode('ascii', 'replace')}, {right} would be right"
    return None


def read(frame: bytes) -> Report:
    """What a whole frame says. Raises UnreadableError."""
    head, fields = _fields(frame)
    station = head.get("MN", "")
    command = head.get("CN", "")
    if not station or not all(_ECHOED.fullmatch(head.get(name, "")) for name in ("QN", "MN", "PW")):
        raise UnreadableError(station, "no MN, or one that is no number of a station")
    if head.get("ST") not in STATIONS:
        raise UnreadableError(station, f"ST {head.get('ST')} is not taken: {', '.join(STATIONS)}")
    if command not in (LIVE, *PERIODS_MS, *BEATS):
        raise UnreadableError(station, f"CN {command} is not taken: {', '.join((LIVE, *PERIODS_MS, *BEATS))}")
    sent_ms, seq = _sent(station, head.get("QN", ""))
    answer = _answer(station, head)
    if command in BEATS:
        now_ms = _time(station, "DataTime", fields.get("DataTime", "")) if sent_ms is None else sent_ms
        return Report(station, [Told(seq, now_ms, now_ms, "heartbeat")], [], answer)
    data_ms = _time(station, "DataTime", fields.get("DataTime", ""))
    unread: list[str] = []
    valid, invalid = _values(fields, "Rtd" if command == LIVE else "Avg", unread)
    ms = data_ms + PERIODS_MS.get(command, 0)
    if sent_ms is None:
        sent_ms = ms
    elif command != LIVE:
        ms = max(data_ms, min(ms, sent_ms))
    told = [Told(seq, ms, sent_ms, "timed" if command == LIVE else "average", valid)]
    if invalid:
        told.append(Told(seq, ms, sent_ms, "test", invalid))
    return Report(station, told, unread, answer)


def _fields(frame: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """What stands before the data area, and in it, by name."""
    try:
        text = frame[6:-6].decode("ascii")
    except UnicodeDecodeError as error:
        raise UnreadableError("", f"not ASCII: {error.reason} at byte {error.start + 6}") from None
    head, found, rest = text.partition("CP=&&")
    if not found or not rest.endswith("&&"):
        raise UnreadableError(dict(_FIELD.findall(head)).get("MN", ""), "no data area CP=&&…&&")
    pairs = (item.partition("=") for group in rest[:-2].split(";") for item in group.split(","))
    return dict(_FIELD.findall(head)), {name: value for name, _, value in pairs if name}


def _values(
    fields: dict[str, str], kind: str, unread: list[str]
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """(code, value) of the factors that may be judged, with the best of their flags, and of those that may not."""
    valid: list[tuple[str, float]] = []
    invalid: list[tuple[str, float]] = []
    best: list[int] = []
    for code, text in _factors(fields, kind):
        value, flag = _number(text), fields.get(f"{code}-Flag", "N")
        if flag not in CODES:
            unread.append(f"{code}-Flag {flag!r} is none of {' '.join(CODES)}")
        if value is None:
            unread.append(f"{code}-{kind} {text[:20]!r} is no number")
            continue
        if code in MEANS:
            best.append(CODES.get(flag, UNKNOWN_FLAG))
        (valid if CODES.get(flag, UNKNOWN_FLAG) <= VALID else invalid).append((code, value))
    if best:
        valid.append(("Flag", float(min(best))))
    return valid, invalid


def _factors(fields: dict[str, str], kind: str) -> Iterator[tuple[str, str]]:
    for name, text in fields.items():
        code, _, of = name.rpartition("-")
        if of == kind and code and code != "Flag":
            yield code, text


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _sent(station: str, qn: str) -> tuple[int | None, int]:
    """When a frame was sent, by its QN, and what tells it from others of one moment."""
    if not qn:
        return None, 0
    ms = _time(station, "QN", qn)
    return ms, ms % 86_400_000


def _time(station: str, name: str, text: str) -> int:
    """YYYYMMDDhhmmss, with milliseconds perhaps, in Beijing."""
    try:
        if not text.isdigit() or len(text) not in (14, 17):
            raise ValueError
        parts = [int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))]
        return beijing_ms(*parts) + int(text[14:] or 0)
    except ValueError:
        raise UnreadableError(station, f"{name} {text[:20]!r} is no time YYYYMMDDhhmmss") from None


def _answer(station: str, head: dict[str, str]) -> Callable[[int], bytes] | None:
    """9014 for who asks for it. The standard knows it by its QN, so without one there is nothing to confirm."""
    flag = head.get("Flag", "")
    if not flag.isdigit() or not int(flag) & ANSWER_WANTED:
        return None
    if not head.get("QN"):
        raise UnreadableError(station, "Flag asks for an answer, and there is no QN to answer to")
    return partial(_confirmation, head["QN"], head.get("PW", ""), station)


def _confirmation(qn: str, password: str, station: str, _now_ms: int) -> bytes:
    data = f"QN={qn};ST=91;CN=9014;PW={password};MN={station};Flag=4;CP=&&&&".encode()
    return MARK + f"{len(data):04}".encode() + data + f"{crc(data):04X}".encode() + END


HJ212 = WireProtocol("hj212", cut, read, MEANS)
