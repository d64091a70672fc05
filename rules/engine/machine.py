"""Running the programs of expressions: docs/rules.md, clause 9. Compiled by numba.

NaN is unknown, infinity calm. A program is total: it goes forwards only, and its stack is as deep as its brackets.
"""

from typing import Any

import numpy as np
from numba import njit

from rules.engine.codes import (
    ABSOLUTE,
    ADD,
    AGE,
    AND,
    CONSTANT,
    COVERED,
    DIVIDE,
    END,
    EQUAL,
    G_ANY,
    G_COUNT,
    G_LEAST,
    G_MEAN,
    G_MOST,
    G_SHARE,
    G_SUM,
    GATHER,
    GREATER,
    GREATER_OR_EQUAL,
    HOURS,
    LASTING,
    LESS,
    LESS_OR_EQUAL,
    LEVEL_IF,
    LEVEL_OF_TRACK,
    LEVEL_OF_WATCH,
    MARK,
    MULTIPLY,
    NO_LEVEL,
    NOT,
    OF_SERIES,
    OF_SILENCE,
    OF_TRACKS,
    ONLINE,
    OR,
    OWN,
    RISE,
    SCALE,
    SEASON,
    SKIP_IF_FALSE,
    SKIP_IF_TRUE,
    SPAN,
    SUBTRACT,
    TOTAL,
    UNEQUAL,
    USUAL,
    WEEKDAYS,
    WHEN,
)
from rules.engine.state import DECLARED, NEVER, NOBODY, NOT_DUE, SILENT, Program, State
from rules.engine.windows import adds_up, over, span_of, usual

LEAST_CURRENT_MS = 180_000
CURRENT_SAMPLES = 3
LEAST_UNBROKEN_MS = 900_000
FAILURES_ALLOWED = 100
DAY_MS, MINUTE_MS = 86_400_000, 60_000


@njit(cache=True, inline="always")
def is_current(value_ms: int, now: int, current_ms: int) -> bool:
    return value_ms != NEVER and now - value_ms <= current_ms


@njit(cache=True, inline="always")
def compare(op: int, left: float, right: float) -> bool:
    if op == LESS:
        return left < right
    if op == LESS_OR_EQUAL:
        return left <= right
    if op == GREATER:
        return left > right
    if op == GREATER_OR_EQUAL:
        return left >= right
    return (left == right) == (op == EQUAL)


@njit(cache=True, inline="always")
def truth(holds: bool) -> float:
    return 1.0 if holds else 0.0


@njit(cache=True)
def run(state: State, program: Program, start: int, owner: int, d: int, now: int) -> tuple[float, int]:
    """Value of the program at `start` for a subject, and until when all last values that it needed are current and its
    totals nothing. Counts its failures; unknown when its owner is disabled."""
    if state.failures[owner] >= FAILURES_ALLOWED:
        return np.nan, NEVER
    stack, scratch = program.stack, program.scratch
    device = state.devices[d]
    vague = False
    top, at, until = -1, start, NOT_DUE
    while True:
        code = program.code[at]
        op = code.op
        at += 1
        if op == END:
            return stack[top], until
        if op == OWN:
            series = state.series[device.series + code.a]
            current = max(CURRENT_SAMPLES * max(code.length_ms, device.interval_ms), LEAST_CURRENT_MS)
            top += 1
            known = is_current(series.value_ms, now, current)
            stack[top] = series.value if known else np.nan
            until = min(until, series.value_ms + current) if known else until
        elif LESS <= op <= UNEQUAL:
            left, right = stack[top - 1], stack[top]
            top -= 1
            unknown = left != left or right != right
            stack[top] = np.nan if unknown else truth(compare(op, left, right))
        elif op == CONSTANT:
            top += 1
            stack[top] = code.x
        elif op == SKIP_IF_FALSE:
            if stack[top] == 0.0:
                at = code.a
        elif op == SKIP_IF_TRUE:
            if stack[top] == 1.0:
                at = code.a
        elif op == AND:
            left, right = stack[top - 1], stack[top]
            top -= 1
            stack[top] = 0.0 if left == 0.0 or right == 0.0 else left + right - 1.0
        elif op == OR:
            left, right = stack[top - 1], stack[top]
            top -= 1
            stack[top] = 1.0 if left == 1.0 or right == 1.0 else left + right
        elif op == NOT:
            stack[top] = 1.0 - stack[top]
        elif op == LEVEL_IF:
            if stack[top] == 1.0:
                stack[top] = code.a
                at = code.b
            else:
                vague = vague or stack[top] != stack[top]
                top -= 1
        elif op == NO_LEVEL:
            top += 1
            stack[top] = np.nan if vague else 0.0
        elif op == WHEN:
            if stack[top] != 1.0:
                stack[top] = np.nan if stack[top] != stack[top] else np.inf
                at = code.a
            else:
                top -= 1
        elif op == SCALE:
            stack[top] = finite(state, owner, stack[top] * code.x, stack[top])
        elif op == AGE:
            series = state.series[device.series + code.a]
            top += 1
            stack[top] = np.nan if series.value_ms == NEVER else (now - series.value_ms) / 1000.0
        elif RISE <= op <= COVERED:
            first = device.cell + code.a
            latest = max(now, state.series[device.series + code.c].value_ms)
            top += 1
            if op == SPAN:
                highs = device.cell + code.b
                stack[top] = span_of(state.cells, first, highs, code.length_ms, now, latest)
            elif op == TOTAL and not adds_up(state.cells, first, code.length_ms, now, latest):
                stack[top] = 0.0
            else:
                until = NEVER if op == TOTAL else until
                stack[top] = over(state.cells, first, op, code.length_ms, now, latest, scratch)
        elif op == USUAL:
            top += 1
            first = device.cell + code.a
            stack[top] = usual(state.cells, first, code.length_ms, code.b, now + program.zone_ms, scratch)
        elif op == LASTING:
            stack[top] = lasting(state.cells[device.cell + code.a], stack[top], now, device.interval_ms)
        elif op == MARK:
            site = state.places[d, 0]
            mark = np.nan if site == NOBODY or code.a == NOBODY else program.marks[code.a, site]
            top += 1
            stack[top] = code.x if mark != mark else mark
        elif op == ONLINE:
            top += 1
            stack[top] = np.nan
            for w in range(device.watch, device.watch + device.watches):
                if program.absences[state.watches[w].rule].any:
                    stack[top] = is_online(state.watches[w])
        elif op == LEVEL_OF_TRACK:
            top += 1
            stack[top] = state.tracks[device.track + code.a].level
        elif op == LEVEL_OF_WATCH:
            top += 1
            stack[top] = state.watches[device.watch + code.a].level
        elif op == GATHER:
            top += 1
            stack[top] = gather(state, program, code, d, now)
        elif ADD <= op <= DIVIDE:
            left, right = stack[top - 1], stack[top]
            top -= 1
            if op == ADD:
                stack[top] = left + right
            elif op == SUBTRACT:
                stack[top] = left - right
            elif op == MULTIPLY:
                stack[top] = left * right
            else:
                stack[top] = np.inf if right == 0.0 else left / right
            stack[top] = finite(state, owner, stack[top], left + right)
        elif op == ABSOLUTE:
            stack[top] = abs(stack[top])
        elif op == HOURS:
            minute = (now + program.zone_ms) % DAY_MS // MINUTE_MS
            top += 1
            stack[top] = truth(code.a <= minute < code.b)
        elif op == SEASON:
            day = month_and_day((now + program.zone_ms) // DAY_MS)
            inside = code.a <= day <= code.b if code.a <= code.b else day >= code.a or day <= code.b
            top += 1
            stack[top] = truth(inside)
        elif op == WEEKDAYS:
            weekday = ((now + program.zone_ms) // DAY_MS + 3) % 7  # 1 January 1970 was a Thursday
            top += 1
            stack[top] = float((code.a >> weekday) & 1)


@njit(cache=True, inline="always")
def finite(state: State, owner: int, value: float, needed: float) -> float:
    """The value, or unknown and one failure more when it is not finite though what it needed was known."""
    if -np.inf < value < np.inf:
        return value
    if needed == needed:
        state.failures[owner] += 1
    return np.nan


@njit(cache=True, inline="always")
def is_online(watch: Any) -> float:
    return 0.0 if watch.state == SILENT or watch.state == DECLARED else 1.0


@njit(cache=True)
def lasting(cell: Any, condition: float, now: int, interval_ms: int) -> float:
    """Seconds for which a condition has been true. The cell: since when, and in `n` and `value` whether and when it was
    last judged."""
    if condition != condition:
        return np.nan
    broken = cell.n == 0 or now - cell.value > max(CURRENT_SAMPLES * interval_ms, LEAST_UNBROKEN_MS)
    cell.n = 1 if condition == 1.0 else 0
    if condition != 1.0:
        return 0.0
    cell.value = now
    if broken:
        cell.ms = now
    return (now - cell.ms) / 1000.0


@njit(cache=True, inline="always")
def month_and_day(days: int) -> int:
    """Month x 100 + day of a day since 1970: Howard Hinnant's civil_from_days."""
    shifted = days + 719_468
    of_era = shifted % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    return (month + 3 if month < 10 else month - 9) * 100 + day


@njit(cache=True)
def gather(state: State, program: Program, code: Any, d: int, now: int) -> float:
    """What is made of the members around a subject; unknown when nothing is known of any."""
    gathering = program.gatherings[code.a]
    group = state.places[d, gathering.group]
    if group == NOBODY:
        return np.nan
    own = state.devices[d].series
    beyond = state.devices[d + 1].series if d + 1 < len(state.devices) else len(state.series)
    known, true = 0, 0
    total, least, most = 0.0, np.inf, -np.inf
    first = state.gather_start[gathering.first + group]
    for m in range(first, state.gather_start[gathering.first + group + 1]):
        index = state.members[m]
        if gathering.source == OF_SERIES:
            if gathering.others and own <= index < beyond:
                continue
            series = state.series[index]
            if not is_current(series.value_ms, now, state.member_current[m]):
                continue
            value = series.value
        elif state.member_current[m] == d and gathering.others:
            continue
        elif gathering.source == OF_TRACKS:
            value = float(state.tracks[index].level)
        elif gathering.source == OF_SILENCE:
            value = is_online(state.watches[index])
        else:
            value = float(state.watches[index].level)
        if value != value:
            continue
        if code.c != NOBODY:
            value = truth(compare(code.c, value, code.x))
        known += 1
        true += value != 0.0
        total += value
        least, most = min(least, value), max(most, value)
    return made_of(code.b, known, true, total, least, most)


@njit(cache=True, inline="always")
def made_of(how: int, known: int, true: int, total: float, least: float, most: float) -> float:
    if known == 0:
        return np.nan
    if how == G_MOST:
        return most
    if how == G_LEAST:
        return least
    if how == G_MEAN:
        return total / known
    if how == G_SUM:
        return total
    if how == G_COUNT:
        return float(true)
    if how == G_SHARE:
        return true / known
    return truth(true > 0 if how == G_ANY else true == known)
