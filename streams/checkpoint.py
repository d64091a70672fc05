"""A Checkpoint determines where a shard goes on after a restart: its state and the offset it is a function of, as one
thing, writable only by the shard's present owner."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlalchemy import select, update

from alerts.store import schema as t
from alerts.store.database import Database
from city.errors import QianshaoError

CODEC = pa.Codec("lz4")
_SIZE_BYTES = 8
BESIDE = "said_beside_the_log"


@dataclass(frozen=True)
class Checkpoint:
    """`offset` of the last record that `state` has seen, -1 for none; in the log of `log_id`. `fence`: grows with each
    new owner. `beside`: what its owners have said beside the log, and not taken back, as plain data. `rules`: what its
    status says of the rules that led to it."""

    shard: int
    fence: int
    log_id: str
    offset: int
    state: bytes | None
    beside: list[Any] = field(default_factory=list)
    rules: dict[str, Any] = field(default_factory=dict)


class StaleFenceError(QianshaoError):
    """Another worker owns the shard now. Whoever gets this must stop at once."""


class CheckpointStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, shard: int, owner: str, log_id: str, wall_ms: float) -> Checkpoint:
        """Become the owner of a shard. What an earlier owner saves from now on is refused.

        State taken from another log is kept, and its offset is not: the new log starts at its beginning.
        """
        table = t.shards
        blank = {"shard": shard, "fence": 0, "owner": owner, "offset": -1, "saved_wall_ms": wall_ms, "status": {}}
        with self._database.writing() as connection:
            connection.execute(self._database.insert(table).values(blank).on_conflict_do_nothing())
            connection.execute(update(table).where(table.c.shard == shard).values(fence=table.c.fence + 1, owner=owner))
            row = connection.execute(select(table).where(table.c.shard == shard)).one()
        return _checkpoint(row, log_id)

    def look(self, shard: int, log_id: str) -> Checkpoint | None:
        """A shard's newest checkpoint, for who does not want to own it; None where nobody ever has. Offset and state as
        in `claim`."""
        with self._database.reading() as connection:
            row = connection.execute(select(t.shards).where(t.shards.c.shard == shard)).first()
        return None if row is None else _checkpoint(row, log_id)

    def save(self, checkpoint: Checkpoint, log_ms: int, status: dict[str, Any], wall_ms: float) -> int:
        """Save a shard's state and offset. Returns the bytes stored. Raises StaleFenceError."""
        state = _pack(checkpoint.state or b"")
        table = t.shards
        mine = (table.c.shard == checkpoint.shard) & (table.c.fence == checkpoint.fence)
        with self._database.writing() as connection:
            saved = connection.execute(
                update(table)
                .where(mine)
                .values(
                    log_id=checkpoint.log_id,
                    offset=checkpoint.offset,
                    state=state,
                    log_ms=log_ms,
                    status=status | {BESIDE: checkpoint.beside},
                    saved_wall_ms=wall_ms,
                )
            )
            if saved.rowcount != 1:
                raise StaleFenceError(
                    f"shard {checkpoint.shard} has a newer owner than us (fence {checkpoint.fence}): checkpoint refused"
                )
        return len(state)


def _checkpoint(row: Any, log_id: str) -> Checkpoint:
    offset = row.offset if row.log_id == log_id else -1
    said, rules = row.status.get(BESIDE, []), row.status.get("rules", {})
    return Checkpoint(row.shard, row.fence, log_id, offset, _unpack(row.state), said, rules)


def _pack(state: bytes) -> bytes:
    compressed: bytes = CODEC.compress(state, asbytes=True)
    return len(state).to_bytes(_SIZE_BYTES, "big") + compressed


def _unpack(stored: bytes | None) -> bytes | None:
    if not stored:
        return None
    size = int.from_bytes(stored[:_SIZE_BYTES], "big")
    return bytes(CODEC.decompress(stored[_SIZE_BYTES:], size, asbytes=True))
