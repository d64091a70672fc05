"""Windows of readings: panes of a 16th of each, in a ring. docs/rules.md, clause 9. Compiled by numba."""

from typing import Any

import numpy as np
from numba import njit

from rules.engine.codes import (
    COUNT,
    COVERED,
    FALL,
    KEEPS_CHANGES,
    KEEPS_DAYS,
    KEEPS_INCREASE,
    KEEPS_LAST,
    KEEPS_LEAST,
    KEEPS_MOST,
    KEEPS_SUM,
    LEAST,
    MEAN,
    MEDIAN,
    RATE,
    RISE,
    SLOPE,
    SUM,
    TOTAL,
)
from rules.engine.state import NEVER, NOBODY, NOT_DUE, Array

PANES = 16
RING = PANES + 1
AROUND = 7
"""Readings among which a spike is looked for, and a half of them less one on either side."""
MAD_SIGMA, HAMPEL_K = 1.4826, 3.0
"""Standard deviations that a median absolute deviation of a normal distribution is; and how many make a spike. Hampel's
filter as the domain has it: k = 3, window 7."""
DAY_MS = 86_400_000


@njit(cache=True, inline="always")
def pane_of(cells: Array, first: int, width_ms: int, ms: int) -> Any:
    """The pane of a time in the ring at `first`, emptied if it was another's."""
    number = ms // width_ms
    cell = cells[first + number % RING]
    if cell.n == 0 or cell.ms // width_ms != number:
        cell.ms, cell.value, cell.n = ms, 0.0, 0
    return cell


@njit(cache=True)
def push(
    cells: Array, first: int, window: Any, value: float, ms: int, before: float, most: float, zone_ms: int
) -> None:
    """A window sees an accepted value. `before`: the one before it, NaN for none. `most`: greatest valid value of the
    indicator. `zone_ms`: of local time."""
    keeps = window.keeps
    if keeps == KEEPS_DAYS:
        push_day(cells, first, window.width_ms, window.days, value, ms + zone_ms)
        return
    if keeps == KEEPS_INCREASE:
        add(cells, first, window.width_ms, increase(before, value, most), ms)
        return
    if keeps == KEEPS_CHANGES:
        add(cells, first, window.width_ms, 1.0 if before == before and before != value else 0.0, ms)
        return
    cell = pane_of(cells, first, window.width_ms, ms)
    fresh = cell.n == 0
    cell.ms = ms
    cell.n += 1
    if keeps == KEEPS_LAST:
        cell.value = value
    elif keeps == KEEPS_SUM:
        cell.value += value
    elif keeps == KEEPS_LEAST:
        cell.value = value if fresh else min(cell.value, value)
    elif keeps == KEEPS_MOST:
        cell.value = value if fresh else max(cell.value, value)


@njit(cache=True, inline="always")
def add(cells: Array, first: int, width_ms: int, more: float, ms: int) -> None:
    """To the total of a window, whose ring is behind the cell at `first`, which knows when something was last added."""
    if more == 0.0:
        return
    cells[first].ms, cells[first].n = ms, 1
    cell = pane_of(cells, first + 1, width_ms, ms)
    cell.ms = ms
    cell.n += 1
    cell.value += more


@njit(cache=True, inline="always")
def increase(before: float, value: float, most: float) -> float:
    """One step of a running total that may roll over at `most` or begin anew."""
    if before != before:
        return 0.0
    if value >= before:
        return value - before
    if before > 0.9 * most and value < 0.1 * most:
        return most - before + value
    return value if value < before / 2 else 0.0


@njit(cache=True)
def push_raw(cells: Array, first: int, window: Any, value: float, ms: int, step: float, scratch: Array) -> None:
    """A window of spikes sees a reading as it came. Its first cells are the last readings, the one at `first` saying
    how many came so far; the total of spikes is behind them."""
    came = cells[first].n
    cells[first + came % AROUND].value = value
    cells[first].n = came + 1
    if came + 1 < AROUND:
        return
    least, most = np.inf, -np.inf
    for i in range(AROUND):
        scratch[i] = cells[first + i].value
        least, most = min(least, scratch[i]), max(most, scratch[i])
    if most - least <= step:  # none of them can stand out
        return
    median = median_of(scratch, AROUND)
    for i in range(AROUND):
        scratch[i] = abs(cells[first + i].value - median)
    middle = scratch[(came + 1 + AROUND // 2) % AROUND]
    if middle > max(HAMPEL_K * MAD_SIGMA * median_of(scratch, AROUND), step):
        add(cells, first + AROUND, window.width_ms, 1.0, ms)


@njit(cache=True, inline="always")
def push_day(cells: Array, first: int, slot_ms: int, days: int, value: float, local_ms: int) -> None:
    """Mean by slot of the day, for today and so many days before it: `value` is the sum of n."""
    slots = DAY_MS // slot_ms
    day, slot = local_ms // DAY_MS, local_ms % DAY_MS // slot_ms
    cell = cells[first + day % (days + 1) * slots + slot]
    if cell.n == 0 or cell.ms // DAY_MS != day:
        cell.value, cell.n = 0.0, 0
    cell.ms = local_ms
    cell.value += value
    cell.n += 1


@njit(cache=True)
def usual(cells: Array, first: int, slot_ms: int, days: int, local_ms: int, scratch: Array) -> float:
    """Median of the means of this slot on the days before today; NaN without any."""
    slots = DAY_MS // slot_ms
    today, slot = local_ms // DAY_MS, local_ms % DAY_MS // slot_ms
    n = 0
    for day in range(today - days, today):
        cell = cells[first + day % (days + 1) * slots + slot]
        if cell.n > 0 and cell.ms // DAY_MS == day:
            scratch[n] = cell.value / cell.n
            n += 1
    return median_of(scratch, n)


@njit(cache=True)
def median_of(scratch: Array, n: int) -> float:
    """Median of the first n numbers of a scratch array, which is sorted by it; NaN when there are none."""
    if n == 0:
        return np.nan
    scratch[:n].sort()
    return scratch[n // 2] if n % 2 else (scratch[n // 2 - 1] + scratch[n // 2]) / 2


@njit(cache=True, inline="always")
def begins_after(length_ms: int, now: int, latest: int) -> int:
    """The time that readings in a window of a length that ends now come after. `latest`: no reading in it is later, so
    that panes too old for the ring are not taken for new ones."""
    width_ms = length_ms // PANES
    return max(now - length_ms, (latest // width_ms - PANES) * width_ms - 1)


@njit(cache=True, inline="always")
def adds_up(cells: Array, first: int, length_ms: int, now: int, latest: int) -> bool:
    """Whether anything was added to a total within a window: see `add`."""
    newest = cells[first - 1]
    return newest.n > 0 and newest.ms > begins_after(length_ms, now, latest)


@njit(cache=True)
def over(cells: Array, first: int, op: int, length_ms: int, now: int, latest: int, scratch: Array) -> float:
    """What is made of the window of a length that ends now; NaN when unknown. `latest`: as in `begins_after`."""
    after_ms = begins_after(length_ms, now, latest)
    beyond = first + latest // (length_ms // PANES) % RING + 1
    if op in (RISE, FALL, RATE, COVERED):
        return between_ends(cells, first, beyond, op, after_ms)
    if op == MEDIAN:
        return median_in(cells, first, after_ms, scratch)
    if op == SLOPE:
        return slope_in(cells, first, after_ms, length_ms, scratch)
    n, total = 0, 0.0
    least, most = np.inf, -np.inf
    for i in range(beyond, beyond + RING):  # from the oldest to the newest
        cell = cells[i if i < first + RING else i - RING]
        if cell.n == 0 or cell.ms <= after_ms:
            continue
        least, most = min(least, cell.value), max(most, cell.value)
        total += cell.value
        n += cell.n
    if op in (SUM, TOTAL):
        return total
    if op == COUNT:
        return float(n)
    if n == 0:
        return np.nan
    if op == MEAN:
        return total / n
    return least if op == LEAST else most


@njit(cache=True)
def between_ends(cells: Array, first: int, beyond: int, op: int, after_ms: int) -> float:
    """From the oldest pane of a window to the newest; NaN when it has but one. `beyond`: where the oldest may be."""
    oldest = end_of(cells, first, beyond, 1, after_ms)
    newest = end_of(cells, first, beyond + RING - 1, -1, after_ms)
    if oldest == newest:
        return np.nan
    rise = cells[newest].value - cells[oldest].value
    if op == RISE:
        return rise
    if op == FALL:
        return -rise
    seconds = (cells[newest].ms - cells[oldest].ms) / 1000.0
    return seconds if op == COVERED else rise / seconds


@njit(cache=True, inline="always")
def end_of(cells: Array, first: int, start: int, step: int, after_ms: int) -> int:
    """The first pane from `start` on, in steps of 1 or -1, that is in the window; NOBODY without any."""
    for k in range(RING):
        i = start + k * step
        i = i if i < first + RING else i - RING
        if cells[i].n > 0 and cells[i].ms > after_ms:
            return i
    return NOBODY


@njit(cache=True)
def span_of(cells: Array, lows: int, highs: int, length_ms: int, now: int, latest: int) -> float:
    """Greatest less least in a window whose panes are kept in two rings; NaN when it has but one."""
    after_ms = begins_after(length_ms, now, latest)
    panes, least, most = 0, np.inf, -np.inf
    for i in range(RING):
        if cells[lows + i].n > 0 and cells[lows + i].ms > after_ms:
            least, most = min(least, cells[lows + i].value), max(most, cells[highs + i].value)
            panes += 1
    return most - least if panes > 1 else np.nan


@njit(cache=True)
def median_in(cells: Array, first: int, after_ms: int, scratch: Array) -> float:
    n = 0
    for i in range(first, first + RING):
        if cells[i].n > 0 and cells[i].ms > after_ms:
            scratch[n] = cells[i].value
            n += 1
    return median_of(scratch, n)


@njit(cache=True)
def slope_in(cells: Array, first: int, after_ms: int, length_ms: int, scratch: Array) -> float:
    """Theil's and Sen's estimator, a second: the median of the slopes between all pairs of panes. NaN unless there are
    three, over a third of the window."""
    n, oldest_ms, newest_ms = 0, NOT_DUE, NEVER
    for i in range(first, first + RING):
        if cells[i].n == 0 or cells[i].ms <= after_ms:
            continue
        oldest_ms, newest_ms = min(oldest_ms, cells[i].ms), max(newest_ms, cells[i].ms)
        for k in range(i + 1, first + RING):
            if cells[k].n > 0 and cells[k].ms > after_ms:
                scratch[n] = (cells[k].value - cells[i].value) / ((cells[k].ms - cells[i].ms) / 1000.0)
                n += 1
    return median_of(scratch, n) if n >= 3 and 3 * (newest_ms - oldest_ms) >= length_ms else np.nan
