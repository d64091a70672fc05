"""The walk over readings, one at a time, in log order: docs/rules.md, clauses 3, 4 and 6.

Compiled by numba; the same functions run uncompiled with NUMBA_DISABLE_JIT=1 and can then be stepped through.
"""

from typing import Any

from numba import njit

from city.readings import Flag
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
    ON_TRACK,
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
LATE_LIMIT_MS = 600_000
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
def change(
    out: Array, n: int, on: int, index: int, row: int, before: int, after: int, event_ms: int, since_ms: int
) -> Any:
    """Begin the n-th change of `out`."""
    c = out[n]
    c.on, c.index, c.row, c.before, c.after = on, index, row, before, after
    c.event_ms, c.since_ms = event_ms, since_ms
    c.value, c.samples, c.held_ms, c.explained = 0.0, 0, 0, NOBODY
    return c


@njit(cache=True)
def move(track: Any, index: int, row: int, to: int, ms: int, value: float, out: Array, n: int) -> int:
    """Take a track to another level at event time `ms` and write it down. Returns the next free row of `out`."""
    before = track.level
    if before == 0:
        track.since_ms = ms
    c = change(out, n, ON_TRACK, index, row, before, to, ms, track.since_ms)
    c.value = value
    if to > before:
        c.samples = track.samples[to - 1]
        c.held_ms = ms - track.held_ms[to - 1]
        track.clear_ms = NEVER
    else:
        c.held_ms = ms - track.clear_ms
        track.clear_ms = ms if to > track.stays else NEVER
    track.level = to
    return n + 1


@njit(cache=True, inline="always")
def due_at(track: Any, rule: Any) -> int:
    """Event time at which time alone brings the track's next change; NOT_DUE when nothing but a reading will."""
    due = NOT_DUE
    if track.last_ms == NEVER:
        return due
    for i in range(track.level, 4):
        if track.held_ms[i] != NEVER and track.samples[i] >= rule.min_samples:
            due = min(due, track.held_ms[i] + rule.hold_ms[i])
    if track.level > 0 and track.clear_ms != NEVER:
        due = min(due, track.clear_ms + rule.clear_ms)
    return due if due <= track.last_ms + rule.max_gap_ms else NOT_DUE


@njit(cache=True, inline="always")
def judge(state: State, program: Program, index: int, value: float, ms: int, row: int, out: Array, n: int) -> int:
    """One accepted reading on one track: clause 6. Returns the next free row of `out`."""
    track = state.tracks[index]
    rule = program.rules[track.rule]
    x = value * rule.sign
    stale = track.last_ms != NEVER and ms - track.last_ms > rule.max_gap_ms
    track.last_ms = ms
    reached = stays = 0
    for i in range(4):
        if x >= rule.threshold[i] - rule.margin:
            stays = i + 1
        if not x >= rule.threshold[i]:
            track.held_ms[i] = NEVER
            track.samples[i] = 0
            continue
        if track.held_ms[i] == NEVER or stale:
            track.held_ms[i] = ms
            track.samples[i] = 0
        track.samples[i] = min(track.samples[i] + 1, 255)
        if track.samples[i] >= rule.min_samples and ms - track.held_ms[i] >= rule.hold_ms[i]:
            reached = i + 1
    track.stays = stays
    if reached > track.level:
        n = move(track, index, row, reached, ms, value, out, n)
    elif track.level > 0:
        if track.level > stays:
            if track.clear_ms == NEVER or stale:
                track.clear_ms = ms
            if ms - track.clear_ms >= rule.clear_ms:
                n = move(track, index, row, rule.lower[track.level], ms, value, out, n)
        else:
            track.clear_ms = NEVER
    state.track_due[index] = due_at(track, rule)
    return n


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
            state.watch_due[w] = watch_due_at(watch, rule, state.interval_ms[d])


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


@njit(cache=True)
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
                if column >= 0 and program.slots[ahead.kind, column].series >= 0:
                    ahead_slot = program.slots[ahead.kind, column]
                    prefetch(state.series, ahead.series + ahead_slot.series)
                    if not ahead_slot.above < value[i + _NEAR] < ahead_slot.below:
                        first = ahead.track + ahead_slot.track
                        for t in range(first, first + ahead_slot.tracks):
                            prefetch(state.tracks, t)
        if i < 0:
            continue

        d = state.local[device[i]] if device[i] < numbers else NOBODY
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
        column = program.slot_of[what]
        if column < 0 or program.slots[owner.kind, column].series < 0:
            outcomes[UNJUDGED] += 1
            continue
        slot = program.slots[owner.kind, column]
        series = state.series[owner.series + slot.series]
        if not is_newer(ms, s, flags[i], series.newest_ms, series.newest_seq):
            outcomes[LATE] += 1
            continue
        series.newest_ms, series.newest_seq = ms, s
        if flags[i] & _HISTORY or ms < log_ms - LATE_LIMIT_MS:
            outcomes[HISTORY] += 1
            continue
        first = owner.track + slot.track
        if slot.step > 0:
            verdict = quarantine(series, value[i], ms, slot.step)
            if verdict == 1:
                outcomes[QUARANTINED] += 1
                continue
            if verdict == 2:
                for t in range(first, first + slot.tracks):
                    n = judge(state, program, t, series.odd_value, series.odd_ms, i, out, n)
                series.busy = 1
        outcomes[JUDGED] += 1
        series.value, series.value_ms = value[i], ms
        if series.busy or not slot.above < value[i] < slot.below:
            series.busy = 0
            for t in range(first, first + slot.tracks):
                n = judge(state, program, t, value[i], ms, i, out, n)
                series.busy |= state.tracks[t].level | state.tracks[t].stays
    return n


@njit(cache=True)
def pass_time(state: State, program: Program, indices: Array, log_ms: int, out: Array) -> int:
    """What time alone brings on the tracks at `indices`, all due at or before `log_ms`: clause 6.

    `out` must have room for eight changes a track. Returns the changes.
    """
    n = 0
    for index in indices:
        track = state.tracks[index]
        rule = program.rules[track.rule]
        due = state.track_due[index]
        while due <= log_ms:
            to = 0
            for i in range(track.level, 4):
                ready = track.held_ms[i] != NEVER and track.samples[i] >= rule.min_samples
                if ready and track.held_ms[i] + rule.hold_ms[i] == due:
                    to = i + 1
            if to == 0:
                to = rule.lower[track.level]
            n = move(track, index, NOBODY, to, due, 0.0, out, n)
            due = due_at(track, rule)
        state.track_due[index] = due
    return n
