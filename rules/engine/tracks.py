"""Rules on series, one *track* each: docs/rules.md, clauses 6 and 11. Compiled by numba."""

from typing import Any

import numpy as np
from numba import njit

from rules.engine.machine import FAILURES_ALLOWED, run
from rules.engine.state import (
    CONFIRMED,
    NEVER,
    NOBODY,
    NOT_DUE,
    ON_RULE,
    ON_TRACK,
    RAW_SHIFT,
    SUSPECTED,
    Array,
    Program,
    State,
)


@njit(cache=True, inline="always")
def change(
    out: Array, n: int, on: int, index: int, row: int, before: int, after: int, event_ms: int, since_ms: int
) -> Any:
    """Begin the n-th change of `out`."""
    c = out[n]
    c.on, c.index, c.row, c.before, c.after = on, index, row, before, after
    c.event_ms, c.since_ms = event_ms, since_ms
    c.value, c.samples, c.held_ms, c.explained, c.suspected = 0.0, 0, 0, NOBODY, 0
    return c


@njit(cache=True)
def move(state: State, rule: Any, index: int, row: int, to: int, ms: int, value: float, out: Array, n: int) -> int:
    """Take a track to a level, which may be the present one, at event time `ms` and write it down. Returns the next
    free row of `out`."""
    track = state.tracks[index]
    before = track.level
    if before == 0:
        track.since_ms = ms
    c = change(out, n, ON_TRACK, index, row, before, to, ms, track.since_ms)
    c.value = 0.0 if value == np.inf else value
    if to > before:
        c.samples = track.samples[to - 1]
        c.held_ms = ms - track.held_ms[to - 1]
        track.clear_ms = NEVER
    elif to < before:
        c.held_ms = ms - track.clear_ms
        track.clear_ms = ms if to > track.stays else NEVER
    track.level = to
    if rule.confirm != NOBODY:
        flags = state.track_flags[index]
        c.suspected = to > 0 and not flags & CONFIRMED
        told = SUSPECTED if c.suspected else 0
        keep = flags & ~(CONFIRMED | SUSPECTED) if to == 0 else flags & ~SUSPECTED
        state.track_flags[index] = keep | told
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


@njit(cache=True)
def ask(
    state: State, program: Program, start: int, owner: int, d: int, now: int, row: int, out: Array, n: int
) -> tuple[float, int, int]:
    """Value of an expression, until when what it needed is current, and the next free row of `out`: the failure that
    disables its owner is told."""
    before = state.failures[owner]
    value, until = run(state, program, start, owner, d, now)
    if before < FAILURES_ALLOWED <= state.failures[owner]:
        state.disabled_ms[owner] = now
        change(out, n, ON_RULE, owner, row, 0, 2, now, now)
        n += 1
    return value, until, n


@njit(cache=True)
def modified(
    state: State, program: Program, index: int, d: int, raw: int, stay: int, ms: int, row: int, out: Array, n: int
) -> tuple[int, int, int]:
    """Raw and stay after promotions, caps and want of a witness: clause 11. And the next free row of `out`."""
    track = state.tracks[index]
    rule = program.rules[track.rule]
    for k in range(rule.clause, rule.clause + rule.clauses):
        clause = program.clauses[k]
        true, _, n = ask(state, program, clause.code, rule.rule, d, ms, row, out, n)
        if true != 1.0:
            continue
        for _ in range(clause.by):
            raw, stay = rule.higher[raw] if raw else 0, rule.higher[stay] if stay else 0
        raw, stay = max(raw, clause.to) if raw else 0, max(stay, clause.to) if stay else 0
        raw, stay = min(raw, clause.cap), min(stay, clause.cap)
    if rule.confirm == NOBODY:
        return raw, stay, n
    if track.level == 0 or not state.track_flags[index] & CONFIRMED:
        true, _, n = ask(state, program, rule.confirm, rule.rule, d, ms, row, out, n)
        flags = state.track_flags[index] & ~CONFIRMED
        state.track_flags[index] = flags | CONFIRMED if true == 1.0 else flags
    if not state.track_flags[index] & CONFIRMED:
        waited = track.level > 0 and rule.confirm_for_ms != NOT_DUE and ms - track.since_ms >= rule.confirm_for_ms
        cap = rule.confirm_then if waited else rule.confirm_cap
        raw, stay = min(raw, cap), min(stay, cap)
    return raw, stay, n


@njit(cache=True, inline="always")
def rests(track: Any) -> bool:
    """Whether a track has no level and holds none."""
    if track.level > 0:
        return False
    return track.held_ms[0] == track.held_ms[1] == track.held_ms[2] == track.held_ms[3] == NEVER


@njit(cache=True)
def judge(
    state: State, program: Program, index: int, d: int, value: float, ms: int, row: int, fresh: bool, out: Array, n: int
) -> int:
    """One accepted value on one track: clauses 6 and 11; infinite when calm. Not `fresh`: the second look at it.
    Returns the next free row of `out`."""
    track = state.tracks[index]
    rule = program.rules[track.rule]
    x = -np.inf if value == np.inf else value * rule.sign
    raw = stay = 0
    for i in range(4):
        if x >= rule.threshold[i] - rule.margin:
            stay = i + 1
        if x >= rule.threshold[i]:
            raw = i + 1
    if raw == 0 and rests(track):
        track.last_ms, track.stays = ms, stay
        if not rule.plain:
            state.track_flags[index] = 0
        return n
    if not rule.plain:
        if rule.when != NOBODY:
            true, _, n = ask(state, program, rule.when, rule.rule, d, ms, row, out, n)
            if true != true:
                return n
            if true == 0.0:
                raw = stay = 0
        state.track_flags[index] = (state.track_flags[index] & (CONFIRMED | SUSPECTED)) | (raw << RAW_SHIFT)
        if raw > 0 or track.level > 0:
            raw, stay, n = modified(state, program, index, d, raw, stay, ms, row, out, n)
    stale = track.last_ms != NEVER and ms - track.last_ms > rule.max_gap_ms
    if fresh:
        track.last_ms = ms
    reached = 0
    for i in range(4):
        if i >= raw or rule.threshold[i] == np.inf:
            track.held_ms[i] = NEVER
            track.samples[i] = 0
            continue
        if track.held_ms[i] == NEVER or stale:
            track.held_ms[i] = ms
            track.samples[i] = 0
        if fresh or track.samples[i] == 0:
            track.samples[i] = min(track.samples[i] + 1, 255)
        if track.samples[i] >= rule.min_samples and ms - track.held_ms[i] >= rule.hold_ms[i]:
            reached = i + 1
    track.stays = stay
    before = n
    if reached > track.level:
        n = move(state, rule, index, row, reached, ms, value, out, n)
    elif track.level > 0:
        if track.level > stay:
            if track.clear_ms == NEVER or stale:
                track.clear_ms = ms
            if ms - track.clear_ms >= rule.clear_ms:
                n = move(state, rule, index, row, rule.lower[track.level], ms, value, out, n)
        else:
            track.clear_ms = NEVER
    if n == before and track.level > 0 and state.track_flags[index] & (CONFIRMED | SUSPECTED) == CONFIRMED | SUSPECTED:
        n = move(state, rule, index, row, track.level, ms, value, out, n)
    state.track_due[index] = due_at(track, rule)
    return n


@njit(cache=True, nogil=True)
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
            n = move(state, rule, index, NOBODY, to, due, 0.0, out, n)
            due = due_at(track, rule)
        state.track_due[index] = due
    return n
