"""The walk over readings, one at a time, in log order: docs/rules.md, clauses 3, 4 and 6.

Compiled by numba; the same functions run uncompiled with NUMBA_DISABLE_JIT=1 and can then be stepped through. What the
shard calls leaves Python's lock to others meanwhile, so shards can be judged side by side in one process.
"""

from typing import Any

from numba import njit

from city.readings import Flag
from rules.engine.columns import accept, is_at_rest, watch_spikes
from rules.engine.prefetch import prefetch
from rules.engine.state import (
    DECLARED,
    FUTURE,
    HISTORY,
    JUDGED,
    LATE,
    NEVER,
    NOBODY,
    NOT_DUE,
    PRESENT,
    QUARANTINED,
    RETAINED,
    RETURNED,
    SILENT,
    UNJUDGED,
    UNKNOWN,
    Array,
    Program,
    State,
)

FUTURE_LIMIT_MS = 300_000
MINUTE_MS = 60_000.0

_RETAINED = int(Flag.RETAINED)
_HISTORY = int(Flag.BACKFILL | Flag.TEST)
_SUSPECT = int(Flag.SUSPECT_CLOCK)
_NEAR, _FAR, _FARTHEST = 12, 24, 36  # rows ahead for which records are asked for


@njit(cache=True, inline="always")
def is_newer(ms: int, seq: int, flags: int, newest_ms: int, newest_seq: int) -> bool:
    """Whether a reading comes after the newest of its kind so far. A suspect clock's times are ours, so its seq
    alone can tell a repetition."""
    if flags & _SUSPECT and seq == newest_seq and newest_ms != NEVER:
        return False
    return ms > newest_ms or (ms == newest_ms and seq > newest_seq)


@njit(cache=True, inline="always")
def agree(value: float, ms: int, other: float, other_ms: int, step: float) -> bool:
    """Whether a change from `other` to `value` is no faster than `step` a minute, of which one is always allowed."""
    change = abs(value - other)
    return change <= step or change <= step * ((ms - other_ms) / MINUTE_MS)


@njit(cache=True, inline="always")
def quarantine(series: Any, value: float, ms: int, step: float) -> int:
    """Clause 4. Returns 0: accepted, 1: quarantined, 2: accepted, and the odd reading before it was real."""
    if series.value_ms == NEVER or agree(value, ms, series.value, series.value_ms, step):
        series.odd_count = 0
        return 0
    if series.odd_count > 0 and agree(value, ms, series.odd_last, series.odd_last_ms, step):
        if series.odd_count == 2:
            series.odd_count = 0
            return 2
        series.odd_count = 2
    else:
        series.odd_count = 1
        series.odd_value, series.odd_ms = value, ms
    series.odd_last, series.odd_last_ms = value, ms
    return 1


@njit(cache=True)
def sign_of_life(
    state: State, program: Program, d: int, indicator: int, ms: int, seq: int, flags: int, sighted: int
) -> None:
    """The device lives: clause 5."""
    device = state.devices[d]
    for w in range(device.watch, device.watch + device.watches):
        watch = state.watches[w]
        if not program.ends[watch.rule, indicator]:
            continue
        if not is_newer(ms, seq, flags, watch.newest_ms, watch.newest_seq):
            continue
        watch.newest_ms, watch.newest_seq = ms, seq
        watch.seen = sighted
        if watch.state == SILENT or watch.state == DECLARED:
            rule = program.absences[watch.rule]
            if rule.any:
                count_silent(state, d, -1)
            if watch.level > 0:
                watch.state = RETURNED
                watch.clear = sighted
            else:
                watch.state = PRESENT
            state.watch_due[w] = watch_due_at(watch, rule, device.interval_ms)


@njit(cache=True, inline="always")
def count_silent(state: State, d: int, by: int) -> None:
    """Tell the parents of a device that it became silent (+1) or came back (-1)."""
    for k in range(4):
        p = state.parents_of[d, k]
        if p != NOBODY:
            state.parents[p].silent += by


@njit(cache=True, inline="always")
def after(rule: Any, level: int, interval_ms: int) -> int:
    """Age at which silence reaches a level, for a device of this interval."""
    if rule.after_ms[level - 1] == NOT_DUE:
        return NOT_DUE
    return max(rule.after_ms[level - 1], int(rule.intervals[level - 1] * interval_ms))


@njit(cache=True, inline="always")
def watch_due_at(watch: Any, rule: Any, interval_ms: int) -> int:
    """Sighted time at which a watch must be looked at again."""
    first = watch.seen + after(rule, rule.first, interval_ms)
    if watch.state == PRESENT:
        return first
    if watch.state == SILENT:
        return watch.silent + interval_ms + interval_ms // 4
    if watch.state == RETURNED:
        return min(first, watch.clear + rule.clear_ms)
    for level in range(watch.level + 1, 5):
        if rule.after_ms[level - 1] != NOT_DUE:
            return watch.seen + after(rule, level, interval_ms)
    return NOT_DUE


@njit(cache=True, nogil=True)
def apply_rows(
    state: State,
    program: Program,
    device: Array,
    indicator: Array,
    event_ms: Array,
    value: Array,
    seq: Array,
    flags: Array,
    log_ms: int,
    sighted: int,
    out: Array,
    outcomes: Array,
) -> int:
    """Walk n readings. device: (n,) uint32 registry numbers; the other columns as in city.readings.Batch.

    `out` must have room for two changes a rule and reading. `outcomes`: (8,) int64, counted up. Returns the changes.
    """
    n = 0
    rows = len(device)
    numbers = len(state.local)
    beyond = len(program.slot_of) - 1
    for i in range(-_FARTHEST, rows):  # below 0 nothing is judged yet: the first rows are asked for
        if i + _FARTHEST < rows and device[i + _FARTHEST] < numbers:
            prefetch(state.local, device[i + _FARTHEST])
        if 0 <= i + _FAR < rows and device[i + _FAR] < numbers:
            d = state.local[device[i + _FAR]]
            if d >= 0:
                prefetch(state.devices, d)
        if 0 <= i + _NEAR < rows and device[i + _NEAR] < numbers:
            d = state.local[device[i + _NEAR]]
            if d >= 0:
                ahead = state.devices[d]
                column = program.slot_of[min(indicator[i + _NEAR], beyond)]
                for w in range(ahead.watch, ahead.watch + ahead.watches):
                    prefetch(state.watches, w)
                if column >= 0 and program.slots[ahead.kind, column] >= 0:
                    ahead_column = program.columns[program.slots[ahead.kind, column]]
                    prefetch(state.series, ahead.series + ahead_column.series)
                    for f in range(ahead_column.feed, ahead_column.feed + ahead_column.feeds):
                        prefetch(state.series, ahead.series + program.columns[program.feeds[f]].series)
                    for w in range(ahead_column.window, ahead_column.window + ahead_column.windows):
                        prefetch(state.cells, ahead.cell + program.windows[w].cell)
                    if not ahead_column.above < value[i + _NEAR] < ahead_column.below:
                        first = ahead.track + ahead_column.track
                        for t in range(first, first + ahead_column.tracks):
                            prefetch(state.tracks, t)
        if i < 0:
            continue

        d = int(state.local[device[i]]) if device[i] < numbers else NOBODY
        if d < 0:
            outcomes[UNKNOWN] += 1
            continue
        if flags[i] & _RETAINED:
            outcomes[RETAINED] += 1
            continue
        ms, s = event_ms[i], seq[i]
        if ms > log_ms + FUTURE_LIMIT_MS:
            outcomes[FUTURE] += 1
            continue
        owner, what = state.devices[d], min(indicator[i], beyond)
        if owner.watches > 0 and program.alive[what]:
            sign_of_life(state, program, d, what, ms, s, flags[i], sighted)
        slot = program.slot_of[what]
        column = int(program.slots[owner.kind, slot]) if slot >= 0 else NOBODY
        if column < 0:
            outcomes[UNJUDGED] += 1
            continue
        c = program.columns[column]
        series = state.series[owner.series + c.series]
        if not is_newer(ms, s, flags[i], series.newest_ms, series.newest_seq):
            outcomes[LATE] += 1
            continue
        series.newest_ms, series.newest_seq = ms, s
        if flags[i] & _HISTORY or ms < log_ms - c.late_ms:
            outcomes[HISTORY] += 1
            continue
        if c.spikes:
            watch_spikes(state, program, d, column, value[i], ms)
        if c.step > 0:
            verdict = quarantine(series, value[i], ms, c.step)
            if verdict == 1:
                outcomes[QUARANTINED] += 1
                continue
            if verdict == 2:
                n = accept(state, program, d, column, series.odd_value, series.odd_ms, i, out, n)
        outcomes[JUDGED] += 1
        if c.feeds == 0 and is_at_rest(c, series, value[i]):
            series.value, series.value_ms = value[i], ms  # nothing else comes of it: most readings on most days
            continue
        n = accept(state, program, d, column, value[i], ms, i, out, n)
    return n
