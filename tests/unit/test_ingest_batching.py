"""Batches: every row once, in its shard, by event time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from city.readings import decode, encode
from ingest.batching import Buffers, Row

SHARDS = 3
row = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(1_577_836_800_000, 1_577_836_800_005),
    st.floats(allow_nan=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 15),
)


def rows_of(columns: tuple) -> list[Row]:
    return [tuple(value.item() for value in values) for values in zip(*columns, strict=True)]


@given(st.lists(st.tuples(st.integers(0, SHARDS - 1), row), max_size=60))
def test_a_cut_holds_every_row_once_in_its_shard_by_time_and_leaves_nothing(added: list[tuple[int, Row]]) -> None:
    buffers = Buffers(SHARDS)
    for shard, one in added:
        buffers.add(shard, one)
    assert buffers.size == len(added)
    cut = {shard: rows_of(decode(encode(batch)).columns) for shard, batch in buffers.cut()}
    assert all(rows for rows in cut.values())
    for shard in range(SHARDS):
        mine = [one for to, one in added if to == shard]
        assert cut.get(shard, []) == sorted(mine, key=lambda one: one[2])  # stable: of one instant, as they came
    assert buffers.size == 0
    assert buffers.cut() == []


@given(st.lists(st.lists(st.tuples(st.integers(0, SHARDS - 1), row), max_size=8), max_size=6))
def test_cutting_at_any_point_loses_and_repeats_nothing(parts: list[list[tuple[int, Row]]]) -> None:
    buffers, seen = Buffers(SHARDS), Counter()
    for part in parts:
        for shard, one in part:
            buffers.add(shard, one)
        for shard, batch in buffers.cut():
            seen.update((shard, one) for one in rows_of(batch.columns))
    assert seen == Counter(added for part in parts for added in part)
