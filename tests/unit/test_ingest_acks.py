"""Acknowledgements leave in order of receipt, whatever order the log confirms in (MQTT-4.6.0-2)."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.acks import AckWindow


@given(st.data())
def test_under_any_order_of_confirmation_acks_are_in_order_early_and_complete(data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.lists(st.integers(1, 65535), max_size=4), max_size=12))
    order = data.draw(st.permutations(range(len(groups))))
    window = AckWindow()
    flushes = [window.open(ids) for ids in groups]
    sent: list[int] = []
    for step, index in enumerate(order, 1):
        sent += window.confirm(flushes[index])
        confirmed = set(order[:step])
        ready = next((i for i in range(len(groups)) if i not in confirmed), len(groups))
        assert sent == [packet_id for group in groups[:ready] for packet_id in group]


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(1, 9), max_size=3)), max_size=20))
def test_opening_and_confirming_may_alternate(steps: list[tuple[bool, list[int]]]) -> None:
    window, waiting, sent, received = AckWindow(), [], [], []
    for confirm, ids in steps:
        if confirm and waiting:
            sent += window.confirm(waiting.pop())  # the newest first: the worst order
        else:
            waiting.append(window.open(ids))
            received += ids
        assert sent == received[: len(sent)]
    while waiting:
        sent += window.confirm(waiting.pop())
    assert sent == received


def test_a_flush_without_ids_holds_up_those_behind_it_until_it_is_confirmed() -> None:
    window = AckWindow()
    quiet, loud = window.open([]), window.open([7])
    assert window.confirm(loud) == []
    assert window.confirm(quiet) == [7]
