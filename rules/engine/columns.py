"""Indicators of subjects, measured and derived: docs/rules.md, clause 10. Compiled by numba."""

from typing import Any

import numpy as np
from numba import njit

from rules.engine.codes import KEEPS_SPIKES
from rules.engine.machine import FAILURES_ALLOWED
from rules.engine.state import NEVER, NOBODY, RAW_SHIFT, Array, Program, State
from rules.engine.tracks import ask, judge
from rules.engine.windows import push, push_raw


@njit(cache=True, inline="always")
def is_at_rest(column: Any, series: Any, value: float) -> bool:
    """Whether nothing comes of a value but that it is the last: no rule's threshold is reached, and none was."""
    return column.windows == 0 and not series.busy and column.above < value < column.below


@njit(cache=True)
def take(
    state: State, program: Program, d: int, column: int, value: float, ms: int, row: int, out: Array, n: int
) -> int:
    """An accepted value of one column of a subject, infinite when calm: into its windows, and judged by its rules."""
    c = program.columns[column]
    series = state.series[state.devices[d].series + c.series]
    if value == np.inf:
        series.value = np.nan
    else:
        before = series.value if series.value_ms != NEVER else np.nan
        for w in range(c.window, c.window + c.windows):
            window = program.windows[w]
            if window.keeps != KEEPS_SPIKES:
                first = state.devices[d].cell + window.cell
                push(state.cells, first, window, value, ms, before, c.most, program.zone_ms)
        series.value = value
    series.value_ms = ms
    if c.tracks and (series.busy or not (value == np.inf or c.above < value < c.below)):
        series.busy = 0
        first = state.devices[d].track + c.track
        for t in range(first, first + c.tracks):
            n = judge(state, program, t, d, value, ms, row, True, out, n)
            series.busy |= state.tracks[t].level | state.tracks[t].stays
    return n


@njit(cache=True)
def derive(
    state: State, program: Program, d: int, column: int, now: int, row: int, same: bool, out: Array, n: int
) -> int:
    """Compute a derived indicator of a subject, and take what comes of it. `same`: the value because of which it is
    computed is what it was."""
    c = program.columns[column]
    series = state.series[state.devices[d].series + c.series]
    if same and c.steady and series.value_ms <= now <= series.odd_ms and state.failures[c.owner] < FAILURES_ALLOWED:
        value = series.value
        if is_at_rest(c, series, value):
            series.value_ms = max(now, series.value_ms)
            return n
    else:
        value, until, n = ask(state, program, c.code, c.owner, d, now, row, out, n)
        series.odd_ms = until if value == value else NEVER
    if value != value:
        return n
    return take(state, program, d, column, value, max(now, series.value_ms), row, out, n)


@njit(cache=True)
def accept(
    state: State, program: Program, d: int, column: int, value: float, ms: int, row: int, out: Array, n: int
) -> int:
    """An accepted reading, and all that is derived from it."""
    c = program.columns[column]
    series = state.series[state.devices[d].series + c.series]
    same = series.value_ms != NEVER and series.value == value
    if is_at_rest(c, series, value):
        series.value, series.value_ms = value, ms
    else:
        n = take(state, program, d, column, value, ms, row, out, n)
    for f in range(c.feed, c.feed + c.feeds):
        n = derive(state, program, d, int(program.feeds[f]), ms, row, same, out, n)
    return n


@njit(cache=True)
def watch_spikes(state: State, program: Program, d: int, column: int, value: float, ms: int) -> None:
    """Windows of spikes see a reading before it is accepted or not."""
    c = program.columns[column]
    for w in range(c.window, c.window + c.windows):
        window = program.windows[w]
        if window.keeps == KEEPS_SPIKES:
            push_raw(state.cells, state.devices[d].cell + window.cell, window, value, ms, c.step, program.scratch)


@njit(cache=True, nogil=True)
def beat(state: State, program: Program, log_ms: int, out: Array) -> int:
    """What a beat brings: all that is derived and looks beyond its subject, then a second look at what waits for a
    witness: clauses 10 and 11. `out` must have room for all of it. Returns the changes."""
    n = 0
    for b in range(len(state.beats)):
        n = derive(state, program, int(state.beats[b, 0]), int(state.beats[b, 1]), log_ms, NOBODY, False, out, n)
    for s in range(len(state.seconds)):
        index, d, series = int(state.seconds[s, 0]), int(state.seconds[s, 1]), state.series[state.seconds[s, 2]]
        track = state.tracks[index]
        rule = program.rules[track.rule]
        if track.level == 0 and state.track_flags[index] >> RAW_SHIFT == 0:
            continue
        if track.last_ms == NEVER or not track.last_ms <= log_ms <= track.last_ms + rule.max_gap_ms:
            continue
        value = series.value if series.value == series.value else np.inf
        n = judge(state, program, index, d, value, log_ms, NOBODY, False, out, n)
        series.busy |= track.level | track.stays
    return n
