"""Frames of HJ 212-2017 as a station makes them."""

from collections.abc import Mapping
from datetime import datetime

from simulators.wire.times import in_beijing


def crc(data: bytes) -> int:
    """As the standard's annex A says it, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ byte
        for _ in range(8):
            crc, out = crc >> 1, crc & 1
            crc ^= 0xA001 * out
    return crc


def framed(data: str) -> bytes:
    """A data segment in its frame."""
    text = data.encode("ascii")
    return f"##{len(text):04}".encode() + text + f"{crc(text):04X}\r\n".encode()


def packet(
    station: str,
    values: Mapping[str, float | str],
    data_ms: int,
    sent_ms: int | None = None,
    command: str = "2011",
    system: str = "32",
    flag: int = 5,
    flags: Mapping[str, str] | None = None,
    password: str = "123456",
) -> bytes:
    """What a station says of its factors at a time, ms UTC. flag 5: it wants an answer, 4: none. flags: of factors,
    where they are not N. Of averages (2051, 2061, 2031) `values` are those."""
    kind = "Rtd" if command == "2011" else "Avg"
    factors = [f"{code}-{kind}={value},{code}-Flag={(flags or {}).get(code, 'N')}" for code, value in values.items()]
    area = ";".join([f"DataTime={in_beijing(data_ms):%Y%m%d%H%M%S}", *factors])
    sent = in_beijing(data_ms if sent_ms is None else sent_ms)
    head = f"QN={_to_ms(sent)};ST={system};CN={command};PW={password};MN={station};Flag={flag}"
    return framed(f"{head};CP=&&{area}&&")


def _to_ms(when: datetime) -> str:
    return f"{when:%Y%m%d%H%M%S}{when.microsecond // 1000:03}"
