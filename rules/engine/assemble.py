"""Expressions as flat programs, for one kind of subject: what each name is there is settled here, once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rules.engine import codes
from rules.engine.plans import Kind, KindPlan
from rules.engine.state import NOBODY
from rules.engine.windows import AROUND, DAY_MS, PANES, RING
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
from rules.language.pack import Pack

DEEPEST_STACK = 256
_KEEPS = {
    **dict.fromkeys((Over.RISE, Over.FALL, Over.RATE, Over.SLOPE, Over.MEDIAN, Over.COVERED), codes.KEEPS_LAST),
    **dict.fromkeys((Over.MEAN, Over.SUM, Over.COUNT), codes.KEEPS_SUM),
    Over.LEAST: codes.KEEPS_LEAST,
    Over.MOST: codes.KEEPS_MOST,
    Over.SPAN: codes.KEEPS_LEAST,
    Over.INCREASE: codes.KEEPS_INCREASE,
    Over.CHANGES: codes.KEEPS_CHANGES,
    Over.SPIKES: codes.KEEPS_SPIKES,
}
_OVER = {
    Over.RISE: codes.RISE,
    Over.FALL: codes.FALL,
    Over.RATE: codes.RATE,
    Over.SLOPE: codes.SLOPE,
    Over.MEAN: codes.MEAN,
    Over.LEAST: codes.LEAST,
    Over.MOST: codes.MOST,
    Over.COUNT: codes.COUNT,
    Over.MEDIAN: codes.MEDIAN,
    Over.SPAN: codes.SPAN,
    Over.COVERED: codes.COVERED,
    Over.SUM: codes.SUM,
    **dict.fromkeys((Over.INCREASE, Over.CHANGES, Over.SPIKES), codes.TOTAL),
}
_HOW = {
    How.MOST: codes.G_MOST,
    How.LEAST: codes.G_LEAST,
    How.MEAN: codes.G_MEAN,
    How.SUM: codes.G_SUM,
    How.COUNT: codes.G_COUNT,
    How.SHARE: codes.G_SHARE,
    How.ANY: codes.G_ANY,
    How.ALL: codes.G_ALL,
}


@dataclass(frozen=True)
class Gathering:
    """Who is asked: `member` of the devices of some types (empty: any) at a place around the subject."""

    member: Node
    place: Place
    radius_m: float
    types: tuple[str, ...]


@dataclass
class Tables:
    """What the programs of all kinds share. asked_by: which kinds ask for each of the gatherings."""

    pack: Pack
    code: list[tuple[Any, ...]] = field(default_factory=list)
    gatherings: dict[Gathering, int] = field(default_factory=dict)
    asked_by: list[set[Kind]] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)


@dataclass
class Assembler:
    """Writes the programs of one kind into the tables. `windows`: by column, (pane or slot in ms, first cell, days,
    what is kept); `cells`: how many cells a subject of the kind has; `remembered`: (what, first cell, how many)."""

    tables: Tables
    plan: KindPlan
    windows: list[list[tuple[int, int, int, int]]] = field(default_factory=list)
    cells: int = 0
    remembered: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.windows = [[] for _ in self.plan.columns]
        self._write: dict[type, Callable[[Any], object]] = {
            Number: lambda n: self._op(codes.CONSTANT, x=n.value),
            Reading: self._reading,
            Age: self._age,
            Window: self._window,
            Usual: self._usual,
            Lasting: self._lasting,
            Mark: self._mark,
            Online: lambda _: self._op(codes.ONLINE),
            LevelOf: self._level_of,
            Gathered: self._gathered,
            Scaled: lambda n: self._after((n.value,), codes.SCALE, x=n.factor),
            Arithmetic: lambda n: self._after((n.left, n.right), codes.ARITHMETIC[n.op]),
            Absolute: lambda n: self._after((n.value,), codes.ABSOLUTE),
            Compared: lambda n: self._after((n.left, n.right), codes.COMPARISON[n.op]),
            Both: lambda n: self._shortcut(n.left, n.right, codes.SKIP_IF_FALSE, codes.AND),
            Either: lambda n: self._shortcut(n.left, n.right, codes.SKIP_IF_TRUE, codes.OR),
            Negated: lambda n: self._after((n.value,), codes.NOT),
            When: self._when,
            Highest: self._highest,
            Hours: self._hours,
            Season: lambda n: self._op(codes.SEASON, a=_day(n.first), b=_day(n.last)),
            Weekdays: lambda n: self._op(codes.WEEKDAYS, a=sum(1 << day for day in n.days)),
        }

    def program(self, node: Node) -> int:
        """Write a program. Returns where it begins."""
        start = len(self.tables.code)
        self._node(node)
        self._op(codes.END)
        return start

    def _node(self, node: Node) -> None:
        self._write[type(node)](node)

    def _op(self, op: int, x: float = 0.0, length_ms: int = 0, a: int = 0, b: int = 0, c: int = NOBODY) -> int:
        self.tables.code.append((x, length_ms, a, b, c, op))
        return len(self.tables.code) - 1

    def _after(self, nodes: tuple[Node, ...], op: int, x: float = 0.0) -> None:
        for node in nodes:
            self._node(node)
        self._op(op, x=x)

    def _land(self, op: int, at: int = 2) -> None:
        """Make an operation lead to the next one to be written: in its field a, or b."""
        code = list(self.tables.code[op])
        code[at] = len(self.tables.code)
        self.tables.code[op] = tuple(code)

    def _shortcut(self, left: Node, right: Node, skip: int, both: int) -> None:
        self._node(left)
        skipping = self._op(skip)
        self._node(right)
        self._op(both)
        self._land(skipping)

    def _when(self, node: When) -> None:
        self._node(node.condition)
        gate = self._op(codes.WHEN)
        self._node(node.value)
        self._land(gate)

    def _highest(self, node: Highest) -> None:
        tests = []
        for level, condition in reversed(node.conditions):
            self._node(condition)
            tests.append(self._op(codes.LEVEL_IF, a=int(level)))
        self._op(codes.NO_LEVEL)
        for test in tests:
            self._land(test, 3)

    def _unknown(self) -> None:
        self._op(codes.CONSTANT, x=float("nan"))

    def _column(self, name: str) -> int | None:
        column = self.plan.column_of(name)
        if column is None:
            self._unknown()
        return column

    def _reading(self, node: Reading) -> None:
        column = self._column(node.indicator)
        if column is not None:
            self._op(codes.OWN, a=column, length_ms=sample_ms(self.plan, column))

    def _age(self, node: Age) -> None:
        column = self._column(node.indicator)
        if column is not None:
            self._op(codes.AGE, a=column)

    def _window(self, node: Window) -> None:
        column = self._column(node.indicator)
        if column is None:
            return
        first = self._ring(column, _KEEPS[node.over], node.length_ms)
        most = self._ring(column, codes.KEEPS_MOST, node.length_ms) if node.over is Over.SPAN else 0
        self._op(_OVER[node.over], length_ms=node.length_ms, a=first, b=most, c=column)

    def _ring(self, column: int, keeps: int, length_ms: int) -> int:
        """First cell of a ring of panes. Before one of totals is a cell that knows when something was last added, and
        before that of spikes the last readings too."""
        before = {codes.KEEPS_INCREASE: 1, codes.KEEPS_CHANGES: 1, codes.KEEPS_SPIKES: AROUND + 1}.get(keeps, 0)
        return self._cells(column, length_ms // PANES, 0, keeps, before + RING) + before

    def _cells(self, column: int, width_ms: int, days: int, keeps: int, count: int) -> int:
        for width, first, back, kept in self.windows[column]:
            if (width, back, kept) == (width_ms, days, keeps):
                return first
        first = self._remember(
            f"{self.plan.columns[column].name} {self.plan.meanings[column]} {width_ms} {days} {keeps}", count
        )
        self.windows[column].append((width_ms, first, days, keeps))
        return first

    def _remember(self, what: str, count: int) -> int:
        first, self.cells = self.cells, self.cells + count
        self.remembered.append((what, first, count))
        return first

    def _usual(self, node: Usual) -> None:
        column = self._column(node.indicator)
        if column is None:
            return
        count = DAY_MS // node.slot_ms * (node.days + 1)
        first = self._cells(column, node.slot_ms, node.days, codes.KEEPS_DAYS, count)
        self._op(codes.USUAL, length_ms=node.slot_ms, a=first, b=node.days)

    def _lasting(self, node: Lasting) -> None:
        self._node(node.condition)
        same = sum(what.startswith(f"{node}#") for what, _, _ in self.remembered)
        self._op(codes.LASTING, a=self._remember(f"{node}#{same}", 1))

    def _mark(self, node: Mark) -> None:
        default = float("nan") if node.default is None else node.default
        self._op(codes.MARK, a=self.tables.marks.setdefault(node.name, len(self.tables.marks)), x=default)

    def _level_of(self, node: LevelOf) -> None:
        pack = self.tables.pack
        for place, row in enumerate(self.plan.tracks):
            if pack.levels[row].id == node.rule:
                self._op(codes.LEVEL_OF_TRACK, a=place)
                return
        for place, row in enumerate(self.plan.watches):
            if pack.absences[row].id == node.rule:
                self._op(codes.LEVEL_OF_WATCH, a=place)
                return
        self._unknown()

    def _gathered(self, node: Gathered) -> None:
        key = Gathering(node.member, node.place, node.radius_m, node.types)
        which = self.tables.gatherings.setdefault(key, len(self.tables.gatherings))
        if which == len(self.tables.asked_by):
            self.tables.asked_by.append(set())
        self.tables.asked_by[which].add(self.plan.kind)
        test, constant = node.test or ("", 0.0)
        self._op(codes.GATHER, a=which, b=_HOW[node.how], c=codes.COMPARISON.get(test, NOBODY), x=constant)

    def _hours(self, node: Hours) -> None:
        for i, (begin, end) in enumerate(node.spans):
            self._op(codes.HOURS, a=begin, b=end)
            if i:
                self._op(codes.OR)


def sample_ms(plan: KindPlan, column: int) -> int:
    """Usual time between two values of a column, where the catalogue gives one; else 0."""
    indicator = plan.columns[column].indicator
    return 1000 * (indicator.sample_s or 0) if indicator else 0


def _day(day: tuple[int, int]) -> int:
    return day[0] * 100 + day[1]
