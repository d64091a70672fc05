"""What a process reports of itself can be added up: over time, over processes, and over their restarts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.reports import Report, Sample, Series, Snapshot, decode_report, encode_report, increments

MESSAGES: Series = ("qianshao_ingest_messages_total", ())
TOPIC: Series = ("qianshao_ingest_dead_letters_total", (("reason", "topic"),))
UP: Series = ("qianshao_ingest_session_up", ())

names = st.sampled_from([MESSAGES, TOPIC, ("qianshao_ingest_write_seconds_bucket", (("le", "0.1"),))])
steps = st.lists(st.dictionaries(names, st.integers(0, 10**9)), max_size=8)


def snapshots(counts: list[dict[Series, int]]) -> list[Snapshot]:
    """A process that counts so much more from one look to the next."""
    total: Counter[Series] = Counter()
    taken = []
    for more in counts:
        total.update(more)
        taken.append(Snapshot(dict(total)))
    return taken


def reported(taken: list[Snapshot]) -> dict[Series, float]:
    """The sum of all reports from the beginning on."""
    summed: dict[Series, float] = {}
    for before, after in zip([Snapshot(), *taken], taken, strict=False):
        for sample in increments(before, after):
            series = (sample.name, tuple(sorted(sample.labels.items())))
            summed[series] = summed.get(series, 0.0) + sample.value
    return summed


@given(steps)
def test_the_sum_of_all_reports_is_what_was_counted(counts: list[dict[Series, int]]) -> None:
    taken = snapshots(counts)
    assert reported(taken) == (dict(taken[-1].counted) if taken else {})


@given(steps, st.sets(st.integers(0, 7)))
def test_a_report_that_was_left_out_is_in_the_next(counts: list[dict[Series, int]], left_out: set[int]) -> None:
    taken = snapshots(counts)
    kept = [snapshot for n, snapshot in enumerate(taken) if n not in left_out or n == len(taken) - 1]
    assert reported(kept) == reported(taken)


def test_how_things_stand_is_told_as_it_is_and_not_as_a_difference() -> None:
    told = increments(Snapshot({}, {UP: 1.0}), Snapshot({MESSAGES: 3.0}, {UP: 1.0}))
    assert told == [Sample(MESSAGES[0], {}, 3.0), Sample(UP[0], {}, 1.0)]


def test_nothing_new_is_told_as_nothing_so_that_no_series_has_holes() -> None:
    same = Snapshot({TOPIC: 7.0})
    assert increments(same, same) == [Sample(TOPIC[0], {"reason": "topic"}, 0.0)]


def test_a_count_that_went_back_began_anew() -> None:
    assert increments(Snapshot({MESSAGES: 100.0}), Snapshot({MESSAGES: 4.0})) == [Sample(MESSAGES[0], {}, 4.0)]


def test_a_report_is_json_with_names_that_anybody_can_read() -> None:
    report = Report("ingest", "ingest-1", 1_700_000_000_000.5, 10.0, [Sample(TOPIC[0], {"reason": "topic"}, 2.0)])
    written = encode_report(report)
    assert written == (
        b'{"process":"ingest","instance":"ingest-1","wall_ms":1700000000000.5,"seconds":10.0,"samples":'
        b'[{"name":"qianshao_ingest_dead_letters_total","labels":{"reason":"topic"},"value":2.0}]}'
    )
    assert decode_report(written) == report


@pytest.mark.parametrize("text", [b"", b"{}", b'{"process":"ingest"}'])
def test_what_is_no_report_is_not_taken_for_one(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_report(text)
