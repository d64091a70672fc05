"""Loading (or, the first time, compiling) every kernel before the first reading has to wait for it."""

import numpy as np

from city.readings import batch_of
from rules.engine.absence import pass_parents, pass_silence
from rules.engine.kernel import apply_rows, pass_time
from rules.engine.state import (
    ABSENCE_RULE,
    CHANGE,
    DEVICE,
    LEVEL_RULE,
    OUTCOMES,
    PARENT,
    PARENT_RULE,
    SERIES,
    SLOT,
    TRACK,
    WATCH,
    Program,
    State,
    records,
)


def warm_up() -> None:
    """Call each kernel once with nothing to do. Their machine code is cached beside the source."""
    program = Program(
        rules=np.zeros(0, LEVEL_RULE),
        absences=np.zeros(0, ABSENCE_RULE),
        parent_rules=np.zeros(0, PARENT_RULE),
        slot_of=np.zeros(0, np.int16),
        slots=np.zeros((0, 1), SLOT),
        alive=np.zeros(0, np.uint8),
        ends=np.zeros((0, 0), np.uint8),
    )
    state = State(
        local=np.zeros(0, np.int32),
        devices=records(0, DEVICE),
        interval_ms=np.zeros(0, np.int64),
        parents_of=np.zeros((0, 4), np.int32),
        series=records(0, SERIES),
        tracks=records(0, TRACK),
        track_due=np.zeros(0, np.int64),
        watches=records(0, WATCH),
        watch_due=np.zeros(0, np.int64),
        parents=records(0, PARENT),
        children=np.zeros(0, np.int32),
    )
    nothing, out = np.zeros(0, np.int64), np.zeros(0, CHANGE)
    columns = batch_of([], [], [], [], [], []).columns
    apply_rows(state, program, *columns, 0, 0, out, np.zeros(len(OUTCOMES), np.int64))
    pass_time(state, program, nothing, 0, out)
    pass_silence(state, program, nothing, 0, 0, out)
    pass_parents(state, program, 0, 0, out)
