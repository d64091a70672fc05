"""A Ledger determines what was really published, and when: one line a message, to be compared with what arrived.

    device seq event_ms wall_ms crc

Written in whole lines, so that it can be read while it grows.
"""

import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from simulators.message import Emission

FLUSH_EVERY_MS = 1000.0


class Entry(NamedTuple):
    """One published message. event_ms: what the device claimed; wall_ms: wall time at which it was handed over; crc:
    CRC-32 of its payload, by which a refused message is known again."""

    device: str
    seq: int
    event_ms: int
    wall_ms: float
    crc: int


class Ledger:
    """Appends to a file; use it in a `with`, which writes the rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIOWrapper | None = None
        self._lines: list[str] = []
        self._due_ms = 0.0

    def __enter__(self) -> "Ledger":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def note(self, emission: Emission, wall_ms: float) -> None:
        crc = zlib.crc32(emission.payload)
        self._lines.append(f"{emission.device} {emission.seq} {emission.event_ms} {wall_ms:.1f} {crc}\n")
        if wall_ms >= self._due_ms:
            self._due_ms = wall_ms + FLUSH_EVERY_MS
            self.flush()

    def flush(self) -> None:
        """Write what was noted, in whole lines."""
        if self._file is not None and self._lines:
            self._file.write("".join(self._lines))
            self._file.flush()
            self._lines.clear()


def read_ledger(path: Path) -> Iterator[Entry]:
    """Entries of a ledger, of one that still grows as well: its last line counts once it is whole."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                device, seq, event_ms, wall_ms, crc = line.split(" ")
                yield Entry(device, int(seq), int(event_ms), float(wall_ms), int(crc))
