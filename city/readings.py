"""The batch: readings as columns, one Arrow IPC record batch per Kafka record; and the tick beside it."""

from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Flag(IntFlag):
    """What is special about a reading."""

    RETAINED = 1  # the broker kept it: it may be days old
    BACKFILL = 2  # the device said it is catching up
    TEST = 4  # a technician is at the device
    SUSPECT_CLOCK = 8  # the device's clock was impossible; event time is when it reached us


HISTORY_ONLY = Flag.RETAINED | Flag.BACKFILL | Flag.TEST

SCHEMA = pa.schema(
    [
        ("device", pa.uint32()),
        ("indicator", pa.uint16()),
        ("event_time", pa.int64()),
        ("value", pa.float64()),
        ("seq", pa.uint32()),
        ("flags", pa.uint8()),
    ]
)


@dataclass(frozen=True)
class Batch:
    """n readings in log order. All arrays (n,).

    device: uint32, the registry's number. indicator: uint16, the catalogue's number. event_ms: int64, UTC.
    value: float64, in the indicator's unit. seq: uint32, the device's own count. flags: uint8, of Flag.
    """

    device: npt.NDArray[np.uint32]
    indicator: npt.NDArray[np.uint16]
    event_ms: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    seq: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        for column in self.columns:  # as those that Arrow decodes are: compiled code is for one kind of array
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.device)

    @property
    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        return (self.device, self.indicator, self.event_ms, self.value, self.seq, self.flags)

    def __getitem__(self, rows: slice) -> "Batch":
        return Batch(*(column[rows] for column in self.columns))

    def sorted_by_time(self) -> "Batch":
        """The same readings by event time; those of one instant keep their order."""
        order = np.argsort(self.event_ms, kind="stable")
        return Batch(*(column[order] for column in self.columns))


def batch_of(
    device: list[int], indicator: list[int], event_ms: list[int], value: list[float], seq: list[int], flags: list[int]
) -> Batch:
    """Batch of columns given as Python lists of equal length."""
    return Batch(
        np.array(device, np.uint32),
        np.array(indicator, np.uint16),
        np.array(event_ms, np.int64),
        np.array(value, np.float64),
        np.array(seq, np.uint32),
        np.array(flags, np.uint8),
    )


def merge(batches: list[Batch]) -> Batch:
    """One batch of several, in their order. The engine's law 1 makes this safe between two ticks."""
    if len(batches) == 1:
        return batches[0]
    return Batch(*(np.concatenate(columns) for columns in zip(*(b.columns for b in batches), strict=True)))


def encode(batch: Batch) -> bytes:
    """The batch as an encapsulated Arrow IPC record batch message of SCHEMA."""
    arrays = [pa.array(column) for column in batch.columns]
    return bytes(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA).serialize())


def decode(payload: bytes) -> Batch:
    """Inverse of `encode`, without copying. Raises pyarrow.ArrowException, OSError or EOFError when it is not such a
    message."""
    record = pa.ipc.read_record_batch(pa.py_buffer(payload), SCHEMA)
    record.validate()  # columns of another width would be read past their end
    return Batch(*(column.to_numpy() for column in record.columns))


class Tick(msgspec.Struct, frozen=True):
    """An ingest process says how far its clock has come, to every shard.

    clock_ms: its (played) clock. step_ms: how far the clock comes between its ticks. up: its MQTT session stands.
    wall_ms: the wall when it was written, to measure latency. retired: it will not come back; do not wait for it.
    """

    ingest: str
    clock_ms: int
    step_ms: int
    up: bool
    wall_ms: float = 0.0
    retired: bool = False


encode_tick = msgspec.json.Encoder().encode
decode_tick = msgspec.json.Decoder(Tick).decode
