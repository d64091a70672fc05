"""Silence, and the parent whose failure explains it: docs/rules.md, clauses 5 and 7. Compiled by numba."""

from typing import Any

from numba import njit

from rules.engine.kernel import after, change, count_silent, watch_due_at
from rules.engine.state import (
    DECLARED,
    NEVER,
    NOBODY,
    NOT_DUE,
    ON_PARENT,
    ON_WATCH,
    PRESENT,
    RETURNED,
    SILENT,
    Array,
    Program,
    State,
)

CLOSE = 0.1  # shares of silent devices nearer than this are as good as equal


@njit(cache=True)
def pass_silence(state: State, program: Program, indices: Array, log_ms: int, sighted: int, out: Array) -> int:
    """Look at the watches at `indices`, all due at or before sighted time `sighted`: a sign of life since does not move
    a due time, so a watch may find nothing to do. `out` must have room for two changes a watch. Returns the changes."""
    n = 0
    for w in indices:
        watch = state.watches[w]
        rule = program.absences[watch.rule]
        interval_ms = state.interval_ms[watch.device]
        if watch.state == PRESENT:
            quiet = sighted - watch.seen >= after(rule, rule.first, interval_ms)
            if quiet and (rule.any or not is_off(state, program, watch.device)):
                watch.state = SILENT
                watch.silent = sighted
                if rule.any:
                    count_silent(state, watch.device, 1)
        elif watch.state == RETURNED:
            if sighted - watch.seen >= after(rule, rule.first, interval_ms):
                watch.state = DECLARED
                watch.clear = NEVER
                if rule.any:
                    count_silent(state, watch.device, 1)
                    n = explain(state, program, w, log_ms, out, n)
            elif sighted - watch.clear >= rule.clear_ms:
                n = step(watch, w, rule.lower[watch.level], log_ms, sighted, out, n)
                watch.clear = sighted
                if watch.level == 0:
                    watch.state = PRESENT
                    watch.explained = NOBODY
        elif watch.state == SILENT:
            watch.state = DECLARED
            if rule.any:
                n = explain(state, program, w, log_ms, out, n)
        if watch.state == DECLARED:
            level = level_of_age(rule, sighted - watch.seen, interval_ms)
            if level > watch.level:
                n = step(watch, w, level, log_ms, sighted, out, n)
        state.watch_due[w] = watch_due_at(watch, rule, interval_ms)
    return n


@njit(cache=True, inline="always")
def level_of_age(rule: Any, age: int, interval_ms: int) -> int:
    """The level whose after-time, and those of all levels below it, an age has reached."""
    level = 0
    for candidate in range(1, 5):
        if rule.after_ms[candidate - 1] == NOT_DUE:
            continue
        if age < after(rule, candidate, interval_ms):
            break
        level = candidate
    return level


@njit(cache=True, inline="always")
def step(watch: Any, w: int, to: int, log_ms: int, sighted: int, out: Array, n: int) -> int:
    """Take a watch to another level and write it down."""
    if watch.level == 0:
        watch.since_ms = log_ms
    c = change(out, n, ON_WATCH, w, NOBODY, watch.level, to, log_ms, watch.since_ms)
    c.value = (sighted - watch.seen) / 1000.0
    c.explained = watch.explained
    watch.level = to
    return n + 1


@njit(cache=True)
def is_off(state: State, program: Program, d: int) -> bool:
    """Whether a device gives no sign of life at all, as far as a rule `of: any` can tell."""
    device = state.devices[d]
    for w in range(device.watch, device.watch + device.watches):
        watch = state.watches[w]
        if program.absences[watch.rule].any and (watch.state == SILENT or watch.state == DECLARED):
            return True
    return False


@njit(cache=True)
def explain(state: State, program: Program, w: int, log_ms: int, out: Array, n: int) -> int:
    """Find the parent whose failure explains a declared silence; it becomes dark if it was not."""
    watch = state.watches[w]
    watch.explained = NOBODY
    best_share, best_silent = -1.0, 0
    for k in range(4):
        p = state.parents_of[watch.device, k]
        if p == NOBODY or state.parents[p].rule == NOBODY:
            continue
        silent, share = state.parents[p].silent, 1.0
        if not state.parents[p].dark:
            rule = program.parent_rules[state.parents[p].rule]
            heard = heard_since(state, p, watch.seen + 3 * state.interval_ms[watch.device] // 2)
            share = silent / (silent + heard)
            enough = silent >= rule.at_least and share >= rule.silent
            if not (enough or (rule.points > 0 and silent >= rule.points)):
                continue
        if share > best_share + CLOSE or (share >= best_share - CLOSE and silent > best_silent):
            best_share, best_silent = share, silent
            watch.explained = p
    if watch.explained == NOBODY or state.parents[watch.explained].dark:
        return n
    parent = state.parents[watch.explained]
    parent.dark = 1
    parent.level = program.parent_rules[parent.rule].level
    parent.since_ms = log_ms
    parent.calm = NEVER
    c = change(out, n, ON_PARENT, watch.explained, NOBODY, 0, parent.level, log_ms, log_ms)
    c.value = float(best_silent)
    return n + 1


@njit(cache=True)
def heard_since(state: State, p: int, sighted: int) -> int:
    """Devices of a parent that are not silent and gave a sign of life at or after a sighted time."""
    heard = 0
    parent = state.parents[p]
    for c in range(parent.first, parent.first + parent.children):
        watch = state.watches[state.children[c]]
        if watch.state != SILENT and watch.state != DECLARED and watch.seen >= sighted:
            heard += 1
    return heard


@njit(cache=True)
def pass_parents(state: State, program: Program, log_ms: int, sighted: int, out: Array) -> int:
    """Clear the parents whose devices are mostly back. `out` must have room for a change a parent and a watch."""
    n = 0
    for p in range(len(state.parents)):
        parent = state.parents[p]
        if not parent.dark:
            continue
        rule = program.parent_rules[parent.rule]
        if parent.silent * 2 >= rule.silent * parent.children:
            parent.calm = NEVER
            continue
        if parent.calm == NEVER:
            parent.calm = sighted
        if sighted - parent.calm < rule.clear_ms:
            continue
        c = change(out, n, ON_PARENT, p, NOBODY, parent.level, 0, log_ms, parent.since_ms)
        c.value = float(parent.silent)
        n += 1
        parent.dark, parent.level = 0, 0
        parent.since_ms = parent.calm = NEVER
        for child in range(parent.first, parent.first + parent.children):
            w = state.children[child]
            watch = state.watches[w]
            if watch.explained == p and watch.state == DECLARED:
                watch.explained = NOBODY
                n = step(watch, w, watch.level, log_ms, sighted, out, n)
    return n
