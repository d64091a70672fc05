"""How far each topic has been taken in: kept in the transaction of what was taken in."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from alerts.store import schema as t
from alerts.store.database import Database


@dataclass(frozen=True)
class Position:
    """`offset` of the last record of a partition whose effects are in the store. `log_id` tells a new, empty log from
    the old one: offsets of one are never compared with the other's."""

    topic: str
    partition: int
    log_id: str
    offset: int


def save_position(connection: Connection, database: Database, position: Position) -> None:
    row = {
        "topic": position.topic,
        "partition": position.partition,
        "log_id": position.log_id,
        "offset": position.offset,
    }
    insert = database.insert(t.positions).values(row)
    connection.execute(insert.on_conflict_do_update(index_elements=["topic", "partition"], set_=row))


def load_offset(database: Database, topic: str, partition: int, log_id: str) -> int:
    """Offset of the last record taken in of a log; -1 when nothing of it has been."""
    table = t.positions
    query = select(table.c.offset).where(
        table.c.topic == topic, table.c.partition == partition, table.c.log_id == log_id
    )
    with database.reading() as connection:
        row = connection.execute(query).first()
    return -1 if row is None else int(row.offset)
