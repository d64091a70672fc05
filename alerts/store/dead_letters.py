"""Dead letters, kept where people can look at them: the newest in full, all of them counted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, select

from alerts.store import schema as t
from alerts.store.database import Database
from alerts.store.positions import Position, save_position

KEPT = 100_000
PRUNE_EVERY = 1_000


@dataclass(frozen=True)
class Letter:
    """A dead letter as the store keeps it. `id`: from its place in the log."""

    id: str
    reason: str
    detail: str
    device: str | None
    topic: str
    payload: bytes
    payload_bytes: int
    received_ms: int
    ingest: str


class DeadLetterStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._since_pruned = 0

    def record(self, letters: list[Letter], positions: list[Position]) -> None:
        """Take in dead letters read up to `positions`. They are after the stored position, so each is new."""
        with self._database.writing() as connection:
            if letters:
                connection.execute(t.dead_letters.insert(), [vars(letter) for letter in letters])
                self._count(connection, letters)
            for position in positions:
                save_position(connection, self._database, position)
            self._since_pruned += len(letters)
            if self._since_pruned >= PRUNE_EVERY:
                self._since_pruned = 0
                _prune(connection)

    def _count(self, connection: Any, letters: list[Letter]) -> None:
        table = t.dead_letter_totals
        for reason in sorted({letter.reason for letter in letters}):
            of_reason = [letter for letter in letters if letter.reason == reason]
            last_ms = max(letter.received_ms for letter in of_reason)
            row = {"reason": reason, "total": len(of_reason), "last_ms": last_ms}
            insert = self._database.insert(table).values(row)
            newest = case((table.c.last_ms > insert.excluded.last_ms, table.c.last_ms), else_=insert.excluded.last_ms)
            added = {"total": table.c.total + insert.excluded.total, "last_ms": newest}
            connection.execute(insert.on_conflict_do_update(index_elements=["reason"], set_=added))

    def totals(self) -> dict[str, int]:
        """How many have been refused, by reason."""
        with self._database.reading() as connection:
            return {row.reason: row.total for row in connection.execute(select(t.dead_letter_totals))}


def _prune(connection: Any) -> None:
    """Keep the newest, and all that came at the instant of the oldest of them."""
    table = t.dead_letters
    oldest_kept = select(table.c.received_ms).order_by(table.c.received_ms.desc()).offset(KEPT - 1).limit(1)
    connection.execute(delete(table).where(table.c.received_ms < oldest_kept.scalar_subquery()))
