"""Of which record an alert came, where several waited and were judged together."""

from city.readings import Batch, batch_of, merge
from city.transitions import Trigger
from streams.app import Record
from streams.causes import causes
from tests.cities import WATER_DEPTH, gauges, small_city
from tests.unit.logs import Log
from tests.unit.stories import Teller

DEVICES = small_city(gauges(3)).devices


def batch(*told: tuple[int, int, int]) -> Batch:
    """Readings of (device number, seq, event time)."""
    numbers, seqs, times = (list(column) for column in zip(*told, strict=True))
    n = len(told)
    return batch_of(numbers, [WATER_DEPTH] * n, times, [50.0] * n, seqs, [0] * n)


def judged(*batches: Batch) -> list[tuple[Record, Batch]]:
    log = Log()
    return [(log.record("readings", b""), each) for each in batches]


def found(batches: list[Batch], *triggers: Trigger | None) -> list[int]:
    """Offset of the record that each alert came of."""
    teller = Teller()
    levels = [teller.says("depth", "G1", 1, trigger=trigger) for trigger in triggers]
    return [record.offset for record in causes(levels, judged(*batches), merge(batches), DEVICES)]


def test_it_is_the_one_that_has_the_reading_behind_the_alert() -> None:
    batches = [batch((1, 1, 1_000), (2, 1, 1_000)), batch((1, 2, 2_000)), batch((3, 1, 3_000), (2, 2, 3_000))]
    assert found(batches, Trigger("G2", 2, 3_000), Trigger("G1", 2, 2_000), Trigger("G1", 1, 1_000)) == [2, 1, 0]


def test_a_reading_that_came_twice_counts_from_its_first_time() -> None:
    assert found([batch((2, 1, 1)), batch((1, 7, 500)), batch((1, 7, 500))], Trigger("G1", 7, 500)) == [1]


def test_what_no_reading_is_named_for_came_of_the_first_so_that_no_delay_is_told_too_short() -> None:
    assert found([batch((1, 1, 1)), batch((1, 2, 2))], None) == [0]


def test_one_record_alone_is_the_cause_whatever_is_named() -> None:
    assert found([batch((1, 1, 1))], Trigger("G3", 9, 9), None) == [0, 0]
