"""Which record of the log a transition came of, where several were judged together."""

from collections.abc import Mapping, Sequence

import numpy as np

from city.readings import Batch
from city.registry import Device
from city.transitions import Transition
from streams.app import Record

Told = tuple[int, int, int]
"""Device number, seq and event time, ms."""


def causes(
    transitions: Sequence[Transition],
    judged: Sequence[tuple[Record, Batch]],
    together: Batch,
    devices: Mapping[str, Device],
) -> list[Record]:
    """The record of each transition: the first that has the reading behind it. Where the engine names no reading, the
    first of all, so that no delay is told shorter than it was.

    judged: records with their readings, at least one; together: all those readings, in their order. devices: by id.
    """
    first = judged[0][0]
    if len(judged) == 1:
        return [first] * len(transitions)
    told = [_told(transition, devices) for transition in transitions]
    places = _places({each[0] for each in told if each is not None}, together)
    ends = np.cumsum([len(batch) for _, batch in judged])

    def holder(row: int) -> Record:
        return judged[int(np.searchsorted(ends, row, side="right"))][0]

    return [holder(places[each]) if each in places else first for each in told]


def _told(transition: Transition, devices: Mapping[str, Device]) -> Told | None:
    trigger = transition.trigger
    return None if trigger is None else (devices[trigger.device].number, trigger.seq, trigger.event_ms)


def _places(numbers: set[int], batch: Batch) -> dict[Told | None, int]:
    """The first row of each thing that some devices tell."""
    rows = np.flatnonzero(np.isin(batch.device, np.fromiter(numbers, np.uint32)))
    columns = (column[rows].tolist() for column in (batch.device, batch.seq, batch.event_ms))
    places: dict[Told | None, int] = {}
    for told, row in zip(zip(*columns, strict=True), rows.tolist(), strict=True):
        places.setdefault(told, row)
    return places
