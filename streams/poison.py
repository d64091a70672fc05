"""Records that cannot be taken in: kept among the dead letters with their place in the log; the stream goes on."""

from zlib import crc32

import msgspec
import pyarrow as pa
import structlog

from city.clock import wall_ms
from city.log import DEAD_LETTERS, TRACEPARENT
from city.tracing import traced
from ingest.dead_letters import DeadLetter, Reason, encode_dead_letter, keepable
from streams.app import Record, StreamApp

log = structlog.get_logger()

UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, KeyError, msgspec.MsgspecError)
"""What decoding a record may raise."""


async def set_aside(app: StreamApp, record: Record, error: Exception, worker: str) -> None:
    """Write a record to the dead letters and wait until it is there."""
    letter = poison_letter(record, error, worker)
    await app.confirmed([await app.produce(DEAD_LETTERS, None, encode_dead_letter(letter))])


def poison_letter(record: Record, error: Exception, worker: str) -> DeadLetter:
    """What is kept of a record that `worker` cannot take in."""
    place = f"{record.topic}/{record.partition}@{record.offset}"
    log.error("poison record", place=place, error=repr(error), **traced(record.headers.get(TRACEPARENT)))
    return DeadLetter(
        reason=Reason.POISON,
        detail=f"{place}: {error!r}",
        topic=record.topic,
        payload=keepable(record.value),
        payload_bytes=len(record.value),
        payload_crc=crc32(record.value),
        received_ms=int(wall_ms()),
        ingest=worker,
    )
