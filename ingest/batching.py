"""Rows gathered until they are written: one batch a shard, sorted by event time."""

from city.readings import Batch, batch_of

Row = tuple[int, int, int, float, int, int]
"""device number, indicator number, event time ms, value, seq, flags."""


class Buffers:
    """Rows by shard. `add` is the hot path of ingest: a row is a tuple until its batch is cut."""

    def __init__(self, shards: int) -> None:
        self.rows: list[list[Row]] = [[] for _ in range(shards)]
        self.size = 0

    def add(self, shard: int, row: Row) -> None:
        self.rows[shard].append(row)
        self.size += 1

    def cut(self) -> list[tuple[int, Batch]]:
        """What was gathered, as (shard, batch) for each shard that got anything; nothing is left."""
        batches = [(shard, _batch(rows)) for shard, rows in enumerate(self.rows) if rows]
        self.rows = [[] for _ in self.rows]
        self.size = 0
        return batches


def _batch(rows: list[Row]) -> Batch:
    return batch_of(*(list(column) for column in zip(*rows, strict=True))).sorted_by_time()
