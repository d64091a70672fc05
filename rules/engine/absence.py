"""Silence, and the parent whose failure explains it: docs/rules.md, clauses 5 and 7. Compiled by numba."""

from typing import Any

from numba import njit

from rules.engine.kernel import after, count_silent, watch_due_at
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
from rules.engine.tracks import change

CLOSE = 0.1  # shares of silent devices nearer than this are as good as equal


@njit(cache=True, nogil=True)
def pass_silence(state: State, program: Program, indices: Array, log_ms: int, sighted: int, out: Array) -> int:
    """Look at the watches at `indices`, all due at or before sighted time `sighted`: a sign of life since does not move
    a due time, so a watch may find nothing to do. `out` must have room for three changes a watch, and one for every
    other silent device with a parent. Returns the changes."""
    n = 0
    for w in indices:
        watch = state.watches[w]
        rule = program.absences[watch.rule]
        interval_ms = state.devices[watch.device].interval_ms
        quiet = sighted - watch.seen >= after(rule, rule.first, interval_ms)
        if quiet and not rule.any and (watch.state == PRESENT or watch.state == RETURNED):
            quiet = not is_off(state, program, watch.device)
        if watch.state == PRESENT:
            if quiet:
                watch.state = SILENT
                watch.silent = sighted
                if rule.any:
                    count_silent(state, watch.device, 1)
        elif watch.state == RETURNED:
            if quiet:
                watch.state = DECLARED
                watch.clear = NEVER
                if rule.any:
                    count_silent(state, watch.device, 1)
                    n = explain(state, program, w, log_ms, sighted, out, n)
            elif sighted - watch.clear >= rule.clear_ms:
                n = step(watch, w, rule.lower[watch.level], log_ms, sighted, out, n)
                watch.clear = sighted
                if watch.level == 0:
                    watch.state = PRESENT
                    watch.explained = NOBODY
        elif watch.state == SILENT:
            watch.state = DECLARED
            if rule.any:
                n = explain(state, program, w, log_ms, sighted, out, n)
        if watch.state == DECLARED:
            level = max(watch.level, level_of_age(rule, sighted - watch.seen, interval_ms))
            if level > watch.level or (level > 0 and watch.told != watch.explained):
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
    """Take a watch to a level, which may be the present one when its explanation is another, and write it down."""
    if watch.level == 0:
        watch.since_ms = log_ms
    c = change(out, n, ON_WATCH, w, NOBODY, watch.level, to, log_ms, watch.since_ms)
    c.value = (sighted - watch.seen) / 1000.0
    c.explained = watch.told = watch.explained
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
def explain(state: State, program: Program, w: int, log_ms: int, sighted: int, out: Array, n: int) -> int:
    """Find the parent whose failure explains a declared silence; it becomes dark if it was not."""
    watch = state.watches[w]
    watch.explained = NOBODY
    best_share, best_together = -1.0, 0
    for k in range(4):
        p = state.parents_of[watch.device, k]
        if p == NOBODY or state.parents[p].rule == NOBODY:
            continue
        together, heard = siblings(state, p, watch)
        share = 1.0
        if not state.parents[p].dark:
            rule = program.parent_rules[state.parents[p].rule]
            share = together / (together + heard)
            enough = together >= rule.at_least and share >= rule.silent
            if not (enough or (rule.points > 0 and together >= rule.points)):
                continue
        if share > best_share + CLOSE or (share >= best_share - CLOSE and together > best_together):
            best_share, best_together = share, together
            watch.explained = p
    if watch.explained == NOBODY or state.parents[watch.explained].dark:
        return n
    return darken(state, program, w, best_together, log_ms, sighted, out, n)


@njit(cache=True)
def darken(state: State, program: Program, w: int, together: int, log_ms: int, sighted: int, out: Array, n: int) -> int:
    """The parent that explains a silence becomes dark, and explains what was silent together with it and had no cause
    so far: the first of many are declared before there are enough of them."""
    watch = state.watches[w]
    p = watch.explained
    parent = state.parents[p]
    parent.dark = 1
    parent.level = program.parent_rules[parent.rule].level
    parent.since_ms = log_ms
    parent.calm = NEVER
    c = change(out, n, ON_PARENT, p, NOBODY, 0, parent.level, log_ms, log_ms)
    c.value = float(together)
    n += 1
    for child in range(parent.first, parent.first + parent.children):
        sibling = state.watches[state.children[child]]
        if sibling.state == DECLARED and sibling.explained == NOBODY and is_together(state, watch, sibling):
            sibling.explained = p
            if sibling.level > 0:
                n = step(sibling, state.children[child], sibling.level, log_ms, sighted, out, n)
    return n


@njit(cache=True, inline="always")
def is_together(state: State, watch: Any, sibling: Any) -> bool:
    """Whether two devices were last seen so near to each other that one cause may have silenced both."""
    return abs(sibling.seen - watch.seen) <= 3 * state.devices[watch.device].interval_ms // 2


@njit(cache=True)
def siblings(state: State, p: int, watch: Any) -> tuple[int, int]:
    """Of a parent's devices, how many are silent together with a silent one, and how many were heard since."""
    together, heard = 0, 0
    heard_since = watch.seen + 3 * state.devices[watch.device].interval_ms // 2
    parent = state.parents[p]
    for child in range(parent.first, parent.first + parent.children):
        sibling = state.watches[state.children[child]]
        if sibling.state == SILENT or sibling.state == DECLARED:
            together += is_together(state, watch, sibling)
        else:
            heard += sibling.seen >= heard_since
    return together, heard


@njit(cache=True, nogil=True)
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
                if watch.level > 0:
                    n = step(watch, w, watch.level, log_ms, sighted, out, n)
    return n
