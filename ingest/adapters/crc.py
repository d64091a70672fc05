"""The checksums of the two protocols: one polynomial, 0xA001, and two ways to put a byte in."""


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_AFTER = tuple(_shifted(byte) for byte in range(256))


def modbus(data: bytes) -> int:
    """CRC of SL 651, as of Modbus: a byte goes into the low half."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _AFTER[(crc ^ byte) & 0xFF]
    return crc


def hj212(data: bytes) -> int:
    """CRC of HJ 212: the low half is thrown away before a byte goes in."""
    crc = 0xFFFF
    for byte in data:
        crc = _AFTER[(crc >> 8) ^ byte]
    return crc
