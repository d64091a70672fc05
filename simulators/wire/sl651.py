"""Frames of SL 651-2014 (HEX/BCD) as a station makes them."""

from collections.abc import Iterable

from simulators.wire.times import in_beijing

LINK, TEST, UNIFORM, TIMED, ADDED, HOURLY, MANUAL = range(0x2F, 0x36)
STX, ETX, ETB = 0x02, 0x03, 0x17
FORMS = {0x20: (5, 1), 0x22: (5, 1), 0x26: (6, 1), 0x38: (4, 2), 0x39: (7, 3), 0x3B: (7, 3), 0x4C: (6, 3)}
"""Digits and decimals of elements, N(D, d), as annex C has them."""


def crc(data: bytes) -> int:
    """As of Modbus, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc, out = crc >> 1, crc & 1
            crc ^= 0xA001 * out
    return crc


def bcd(value: float, digits: int, decimals: int) -> bytes:
    """N(digits, decimals); FF stands before what is below zero. ValueError: too large."""
    scaled = round(abs(value) * 10**decimals)
    text = f"{scaled:0{digits + digits % 2}}"
    if len(text) > digits + digits % 2:
        raise ValueError(f"{value} is no N({digits},{decimals})")
    return (b"\xff" if value < 0 else b"") + bytes.fromhex(text)


def element(identifier: int, value: float | None) -> bytes:
    """An identifier with its definition and value; None: not measured. KeyError: of no form that is known here."""
    raw = _raw(identifier, value)
    return head(identifier, len(raw)) + raw


def head(identifier: int, size: int) -> bytes:
    """Identifier and definition: upper five bits the length, lower three the decimals."""
    return bytes([identifier, size << 3 | FORMS[identifier][1]])


def uniform(identifier: int, values: Iterable[float | None], step_min: int = 5) -> bytes:
    """Elements of function 31: a time step, the identifier once, and a value a step, all of one length."""
    raws = [(_raw(identifier, value), value) for value in values]
    size = max(len(raw) for raw, _ in raws)
    same = b"".join(raw.rjust(size, b"\xff" if value is None else b"\0") for raw, value in raws)
    step = bytes.fromhex(f"0418{step_min // 1440:02}{step_min // 60 % 24:02}{step_min % 60:02}")
    return step + head(identifier, size) + same


def packet(
    station: str,
    function: int,
    sent_ms: int,
    elements: bytes = b"",
    serial: int = 1,
    observed_ms: int | None = None,
    end: int = ETX,
    centre: int = 1,
    password: int = 0x1234,
) -> bytes:
    """A frame. station: ten digits. Times in ms UTC; observed_ms None: to the minute in which it is sent."""
    observed = in_beijing(sent_ms if observed_ms is None else observed_ms)
    text = serial.to_bytes(2, "big") + bytes.fromhex(f"{in_beijing(sent_ms):%y%m%d%H%M%S}")
    if function != LINK:
        text += b"\xf1\xf1" + bytes.fromhex(station) + b"H" + b"\xf0\xf0" + bytes.fromhex(f"{observed:%y%m%d%H%M}")
    return framed(station, function, text + elements, end, centre, password)


def framed(
    station: str, function: int, text: bytes, end: int = ETX, centre: int = 1, password: int = 0x1234, start: int = STX
) -> bytes:
    """Any text in its frame."""
    begin = b"\x7e\x7e" + bytes([centre]) + bytes.fromhex(station) + password.to_bytes(2, "big")
    frame = begin + bytes([function]) + len(text).to_bytes(2, "big") + bytes([start]) + text + bytes([end])
    return frame + crc(frame).to_bytes(2, "big")


def _raw(identifier: int, value: float | None) -> bytes:
    digits, decimals = FORMS[identifier]
    return b"\xff" * ((digits + 1) // 2) if value is None else bcd(value, digits, decimals)
