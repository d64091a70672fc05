"""Clause 9 of docs/rules.md told a second time: what an expression is worth, from all readings there ever were.

A value is a float, None for unknown, or CALM. Truth is 1.0 or 0.0. Written from the page, and kept apart from the
engine; nothing is remembered that could be looked up again in the list of readings.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations, groupby
from statistics import median
from typing import Any, NamedTuple

from rules.language.expressions import (
    Absolute,
    Age,
    Arithmetic,
    Both,
    Compared,
    Either,
    Gathered,
    Highest,
    Hours,
    How,
    Lasting,
    LevelOf,
    Mark,
    Negated,
    Node,
    Number,
    Online,
    Over,
    Place,
    Reading,
    Scaled,
    Season,
    Usual,
    Weekdays,
    When,
    Window,
)

CALM = "calm"
Value = float | None | str
DAY_MS = 86_400_000
ALLOWED = 100


class Sample(NamedTuple):
    """An accepted value; `before`: the value before it, None for none or calm."""

    t: int
    value: float
    before: float | None


@dataclass
class Quantity:
    """One indicator of one subject. `last`: its last value, which may be calm. `came`: all readings that came."""

    name: str
    sample_ms: int = 0
    most: float = math.inf
    step: float | None = None
    accepted: list[Sample] = field(default_factory=list)
    came: list[tuple[int, float]] = field(default_factory=list)
    last: tuple[int, Value] | None = None

    def accept(self, t: int, value: Value) -> None:
        if isinstance(value, float):
            before = self.last[1] if self.last else None
            self.accepted.append(Sample(t, value, before if isinstance(before, float) else None))
        self.last = (t, value)

    def current(self, now: int, interval_ms: int) -> float | None:
        if self.last is None or not isinstance(self.last[1], float):
            return None
        fresh = now - self.last[0] <= max(3 * max(self.sample_ms, interval_ms), 180_000)
        return self.last[1] if fresh else None


@dataclass
class Owner:
    """Clause 13: whose expressions fail. `disabled`: told once."""

    name: str
    failures: int = 0
    told: bool = False

    @property
    def disabled(self) -> bool:
        return self.failures >= ALLOWED


@dataclass
class Around:
    """What is there of a subject besides its indicators. level: of a rule on it, None when the rule does not judge it.
    online: None without a rule. marks: of its site. gather: the subjects at a place around it."""

    interval_ms: int
    zone: timedelta
    marks: dict[str, float]
    level: Callable[[str], float | None]
    online: Callable[[], float | None]
    gather: "Callable[[Gathered], Iterator[Subject]]"


@dataclass
class Subject:
    """A device or place, with its indicators by name."""

    id: str
    around: Around
    quantities: dict[str, Quantity] = field(default_factory=dict)
    lasting: dict[int, tuple[int, int, bool]] = field(default_factory=dict)  # since when, judged when, true


class Judgement:
    """One looking at expressions of one owner, for a subject at a time."""

    def __init__(self, subject: Subject, owner: Owner, now: int) -> None:
        self.subject, self.owner, self.now = subject, owner, now

    def value(self, node: Node) -> Value:
        """Clause 9, the parts of an expression from the inside out."""
        if self.owner.disabled:
            return None
        return self._value(node)

    def _value(self, node: Node) -> Value:
        told: Value = getattr(self, f"_{type(node).__name__.lower()}")(node)
        return told

    def _number(self, node: Number) -> Value:
        return node.value

    def _reading(self, node: Reading) -> Value:
        quantity = self.subject.quantities.get(node.indicator)
        return quantity.current(self.now, self.subject.around.interval_ms) if quantity else None

    def _age(self, node: Age) -> Value:
        quantity = self.subject.quantities.get(node.indicator)
        return (self.now - quantity.last[0]) / 1000 if quantity and quantity.last else None

    def _mark(self, node: Mark) -> Value:
        return self.subject.around.marks.get(node.name, node.default)

    def _online(self, _: Online) -> Value:
        return self.subject.around.online()

    def _levelof(self, node: LevelOf) -> Value:
        return self.subject.around.level(node.rule)

    def _scaled(self, node: Scaled) -> Value:
        value = self._value(node.value)
        return None if value is None else self._finite(value * node.factor)  # type: ignore[operator]

    def _arithmetic(self, node: Arithmetic) -> Value:
        left, right = self._value(node.left), self._value(node.right)
        if left is None or right is None:
            return None
        if node.op == "/" and right == 0:
            self.owner.failures += 1
            return None
        return self._finite(
            {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}[
                node.op
            ](left, right)
        )

    def _finite(self, value: float) -> float | None:
        if math.isfinite(value):
            return value
        self.owner.failures += 1
        return None

    def _absolute(self, node: Absolute) -> Value:
        value = self._value(node.value)
        return None if value is None else abs(value)  # type: ignore[arg-type]

    def _compared(self, node: Compared) -> Value:
        left, right = self._value(node.left), self._value(node.right)
        return None if left is None or right is None else float(compares(node.op, left, right))  # type: ignore[arg-type]

    def _both(self, node: Both) -> Value:
        left = self._value(node.left)
        if left == 0.0:
            return 0.0
        right = self._value(node.right)
        return 0.0 if right == 0.0 else None if left is None or right is None else 1.0

    def _either(self, node: Either) -> Value:
        left = self._value(node.left)
        if left == 1.0:
            return 1.0
        right = self._value(node.right)
        return 1.0 if right == 1.0 else None if left is None or right is None else 0.0

    def _negated(self, node: Negated) -> Value:
        value = self._value(node.value)
        return None if value is None else 1.0 - value  # type: ignore[operator]

    def _when(self, node: When) -> Value:
        condition = self._value(node.condition)
        return self._value(node.value) if condition == 1.0 else None if condition is None else CALM

    def _highest(self, node: Highest) -> Value:
        vague = False
        for level, condition in sorted(node.conditions, key=lambda c: c[0], reverse=True):
            true = self._value(condition)
            if true == 1.0:
                return float(level)
            vague = vague or true is None
        return None if vague else 0.0

    def _lasting(self, node: Lasting) -> Value:
        true = self._value(node.condition)
        if true is None:
            return None
        since, judged, was = self.subject.lasting.get(id(node), (self.now, self.now, False))
        if not was or self.now - judged > max(3 * self.subject.around.interval_ms, 900_000):
            since = self.now
        self.subject.lasting[id(node)] = (since, self.now if true else judged, bool(true))
        return (self.now - since) / 1000 if true else 0.0

    def _local(self) -> datetime:
        return datetime.fromtimestamp(self.now / 1000, UTC) + self.subject.around.zone

    def _hours(self, node: Hours) -> Value:
        minute = self._local().hour * 60 + self._local().minute
        return float(any(begin <= minute < end for begin, end in node.spans))

    def _season(self, node: Season) -> Value:
        day = (self._local().month, self._local().day)
        if node.first <= node.last:
            return float(node.first <= day <= node.last)
        return float(day >= node.first or day <= node.last)

    def _weekdays(self, node: Weekdays) -> Value:
        return float(self._local().weekday() in node.days)

    def _usual(self, node: Usual) -> Value:
        quantity = self.subject.quantities.get(node.indicator)
        zone_ms = int(self.subject.around.zone.total_seconds() * 1000)
        today, slot = divmod((self.now + zone_ms) // node.slot_ms, DAY_MS // node.slot_ms)
        days: dict[int, list[float]] = {}
        for sample in quantity.accepted if quantity else []:
            day, of_day = divmod((sample.t + zone_ms) // node.slot_ms, DAY_MS // node.slot_ms)
            if of_day == slot and today - node.days <= day < today:
                days.setdefault(day, []).append(sample.value)
        return median(total(values) / len(values) for values in days.values()) if days else None

    def _gathered(self, node: Gathered) -> Value:
        known = [v for v in (self._of(other, node) for other in self.subject.around.gather(node)) if v is not None]
        if not known:
            return None
        match node.how:
            case How.MOST:
                return max(known)
            case How.LEAST:
                return min(known)
            case How.SUM:
                return total(known)
            case How.MEAN:
                return total(known) / len(known)
            case How.COUNT:
                return float(sum(v != 0.0 for v in known))
            case How.SHARE:
                return sum(v != 0.0 for v in known) / len(known)
            case How.ANY:
                return float(any(known))
            case How.ALL:
                return float(all(known))

    def _of(self, other: Subject, node: Gathered) -> float | None:
        """What is known of one member."""
        if isinstance(node.member, Reading):
            quantity = other.quantities.get(node.member.indicator)
            value = quantity.current(self.now, other.around.interval_ms) if quantity else None
        else:
            value = other.around.level(node.member.rule) if isinstance(node.member, LevelOf) else other.around.online()
        if value is None or node.test is None:
            return value
        return float(compares(node.test[0], value, node.test[1]))

    def _window(self, node: Window) -> Value:
        quantity = self.subject.quantities.get(node.indicator)
        if quantity is None:
            return None
        if node.over is Over.SPIKES:
            return float(len(list(panes_in(spikes(quantity), node.length_ms, self.now, quantity, each=True))))
        panes = list(panes_in(quantity.accepted, node.length_ms, self.now, quantity))
        return over(node.over, node.length_ms, panes, quantity)


def compares(op: str, left: float, right: float) -> bool:
    return {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "==": left == right,
        "!=": left != right,
    }[op]


def total(values: list[float]) -> float:
    """Summed in order, as the page says."""
    found = 0.0
    for value in values:
        found += value
    return found


def panes_in(samples: list[Any], length_ms: int, now: int, of: Quantity, each: bool = False) -> Iterator[Any]:
    """The panes of a window, each a list of its readings; or the readings themselves."""
    width = length_ms // 16
    newest = max(now, of.last[0] if of.last else now) // width
    for number, pane in groupby(samples, lambda sample: sample.t // width):
        readings = list(pane)
        if number >= newest - 16 and readings[-1].t > now - length_ms:
            if each:
                yield from readings
            else:
                yield readings


def over(what: Over, length_ms: int, panes: list[list[Sample]], of: Quantity) -> float | None:
    """The table of clause 9."""
    readings = [sample for pane in panes for sample in pane]
    lasts = [pane[-1] for pane in panes]
    if what is Over.SUM or what is Over.MEAN:
        summed = total([total([s.value for s in pane]) for pane in panes])
        return summed if what is Over.SUM else summed / len(readings) if readings else None
    if what is Over.COUNT:
        return float(len(readings))
    if what is Over.INCREASE:
        return total([total([increase(s, of.most) for s in pane]) for pane in panes])
    if what is Over.CHANGES:
        return float(sum(s.before is not None and s.before != s.value for s in readings))
    if not readings:
        return None
    if what in (Over.LEAST, Over.MOST):
        return (min if what is Over.LEAST else max)(s.value for s in readings)
    if what is Over.MEDIAN:
        return median(s.value for s in lasts)
    if len(panes) < 2:
        return None
    if what is Over.SPAN:
        return max(s.value for s in readings) - min(s.value for s in readings)
    seconds = (lasts[-1].t - lasts[0].t) / 1000
    if what is Over.COVERED:
        return seconds
    if what is Over.SLOPE:
        if len(panes) < 3 or seconds * 1000 < length_ms / 3:
            return None
        return median((b.value - a.value) / ((b.t - a.t) / 1000) for a, b in combinations(lasts, 2))
    rise = lasts[-1].value - lasts[0].value
    return {Over.RISE: rise, Over.FALL: -rise, Over.RATE: rise / seconds}[what]


def increase(sample: Sample, most: float) -> float:
    p, v = sample.before, sample.value
    if p is None:
        return 0.0
    if v >= p:
        return v - p
    if p > 0.9 * most and v < 0.1 * most:
        return most - p + v
    return v if v < p / 2 else 0.0


def spikes(quantity: Quantity) -> list[Sample]:
    """A sample, at the time of the newest of the seven, for each reading that stood out of those around it."""
    found = []
    for i in range(6, len(quantity.came)):
        seven = [value for _, value in quantity.came[i - 6 : i + 1]]
        middle = median(seven)
        away = median(abs(value - middle) for value in seven)
        if abs(seven[3] - middle) > max(3 * 1.4826 * away, quantity.step or 0.0):
            found.append(Sample(quantity.came[i][0], 1.0, None))
    return found


__all__ = ["CALM", "Around", "Judgement", "Owner", "Place", "Quantity", "Subject", "Value"]
