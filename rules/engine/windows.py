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
    MOST,
    RATE,
    RISE,
    SLOPE,
    SUM,
)
from rules.engine.state import Array

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
    elif keeps == KEEPS_INCREASE:
        cell.value += increase(before, value, most)
    elif keeps == KEEPS_CHANGES:
        cell.value += 1.0 if before == before and before != value else 0.0


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
    how many came so far; the ring of counts is behind them."""
    came = cells[first].n
    cells[first + came % AROUND].value = value
    cells[first].n = came + 1
    if came + 1 < AROUND:
        return
    for i in range(AROUND):
        scratch[i] = cells[first + i].value
    scratch[:AROUND].sort()
    median = scratch[AROUND // 2]
    for i in range(AROUND):
        scratch[i] = abs(cells[first + i].value - median)
    middle = scratch[(came + 1 + AROUND // 2) % AROUND]
    scratch[:AROUND].sort()
    if middle > max(HAMPEL_K * MAD_SIGMA * scratch[AROUND // 2], step):
        cell = pane_of(cells, first + AROUND, window.width_ms, ms)
        cell.ms = ms
        cell.n += 1
        cell.value += 1.0


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


@njit(cache=True)
def over(cells: Array, first: int, op: int, length_ms: int, now: int, latest: int, scratch: Array) -> float:
    """What is made of the window of a length that ends now; NaN when unknown. `latest`: no reading in it is later."""
    n, panes, total = 0, 0, 0.0
    least, most = np.inf, -np.inf
    oldest_ms, newest_ms, oldest, newest = 0, 0, 0.0, 0.0
    newest_pane, width_ms = latest // (length_ms // PANES), length_ms // PANES
    after_ms = max(now - length_ms, (newest_pane - PANES) * width_ms - 1)
    beyond = first + newest_pane % RING + 1
    for i in range(beyond, beyond + RING):  # from the oldest to the newest
        cell = cells[i if i < first + RING else i - RING]
        if cell.n == 0 or cell.ms <= after_ms:
            continue
        if panes == 0:
            oldest_ms, oldest = cell.ms, cell.value
        newest_ms, newest = cell.ms, cell.value
        least, most = min(least, cell.value), max(most, cell.value)
        total += cell.value
        n += cell.n
        panes += 1
    if op == SUM:
        return total
    if op == COUNT:
        return float(n)
    if panes == 0:
        return np.nan
    if op == MEAN:
        return total / n
    if op == LEAST:
        return least
    if op == MOST:
        return most
    if op == MEDIAN:
        return median_in(cells, first, after_ms, scratch)
    if panes < 2:
        return np.nan
    if op == RISE:
        return newest - oldest
    if op == FALL:
        return oldest - newest
    seconds = (newest_ms - oldest_ms) / 1000.0
    if op == COVERED:
        return seconds
    if op == RATE:
        return (newest - oldest) / seconds
    if op == SLOPE and panes >= 3 and 3 * (newest_ms - oldest_ms) >= length_ms:
        return slope_in(cells, first, after_ms, scratch)
    return np.nan


@njit(cache=True)
def median_in(cells: Array, first: int, after_ms: int, scratch: Array) -> float:
    n = 0
    for i in range(first, first + RING):
        if cells[i].n > 0 and cells[i].ms > after_ms:
            scratch[n] = cells[i].value
            n += 1
    return median_of(scratch, n)


@njit(cache=True)
def slope_in(cells: Array, first: int, after_ms: int, scratch: Array) -> float:
    """Theil's and Sen's estimator, a second: the median of the slopes between all pairs of panes."""
    n = 0
    for i in range(first, first + RING):
        if cells[i].n == 0 or cells[i].ms <= after_ms:
            continue
        for k in range(i + 1, first + RING):
            if cells[k].n > 0 and cells[k].ms > after_ms:
                scratch[n] = (cells[k].value - cells[i].value) / ((cells[k].ms - cells[i].ms) / 1000.0)
                n += 1
    return median_of(scratch, n)
