"""A pack compiled for the kinds of subjects of a shard: rules and expressions become rows of arrays."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from city.catalogue import Catalogue
from city.levels import LEVELS, Level
from city.registry import PARENT_KINDS
from rules.engine.assemble import DEEPEST_STACK, Assembler, Gathering, Tables
from rules.engine.codes import KEEPS_SPIKES
from rules.engine.plans import Column, Kind, KindPlan, plan_kinds
from rules.engine.state import (
    ABSENCE_RULE,
    CLAUSE,
    CODE,
    COLUMN,
    GATHERING,
    LEVEL_RULE,
    NOBODY,
    NOT_DUE,
    PARENT_RULE,
    WINDOW,
    Program,
)
from rules.language.expressions import (
    Absolute,
    Arithmetic,
    Both,
    Compared,
    Either,
    Highest,
    Mark,
    Negated,
    Node,
    Number,
    Over,
    Reading,
    Scaled,
    Window,
    looks_around,
    own_indicators,
)
from rules.language.level_rules import condition_name
from rules.language.pack import AbsenceRule, Derivation, LevelRule, Marks, Pack, ParentRule, lowest, meaning_of

SCRATCH = 256
"""Numbers to work in: the slopes between all pairs of 17 panes, the days of a month, the brackets of an expression."""


@dataclass(frozen=True)
class Compiled:
    """A pack's arrays with what is needed to read their rows back.

    variants: by (kind, row in Pack.levels, thresholds), row of Program.rules. gatherings: who is asked, by row of
    Program.gatherings, and asked_by: which kinds ask. marks: names of the rows of Program.marks. cells: of a subject,
    by kind; remembered: what is in them, (name, first, how many). owners: names of those whose expressions may fail.
    parent_rule_of: (4,) row of Program.parent_rules by ParentKind, or NOBODY."""

    pack: Pack
    program: Program
    kinds: tuple[KindPlan, ...]
    variants: dict[tuple[int, int, Marks], int]
    gatherings: tuple[Gathering, ...]
    asked_by: tuple[frozenset[Kind], ...]
    marks: tuple[str, ...]
    cells: tuple[int, ...]
    remembered: tuple[list[tuple[str, int, int]], ...]
    owners: tuple[str, ...]
    parent_rule_of: tuple[int, ...]

    def owners_meaning(self) -> Iterator[tuple[str, str]]:
        """Name and meaning of each of the owners."""
        yield from ((rule.id, rule.version) for rule in self.pack.levels)
        yield from zip(
            self.owners[len(self.pack.levels) :], (meaning_of([d]) for d in own_derivations(self.pack)), strict=True
        )

    def base(self, kind: int, rule: int) -> int:
        """Row of Program.rules of a rule on a kind, with its own thresholds."""
        return self.variants[kind, rule, self.pack.levels[rule].threshold]

    def with_marks(self, marks: Any) -> "Compiled":
        """With the marks of the sites of a shard: (M, sites) float64."""
        return replace(self, program=self.program._replace(marks=marks))

    @property
    def most_changes(self) -> int:
        """At most as many changes as one reading can bring."""
        of_columns = [
            sum(2 + 3 * len(plan.columns[c].rules) for c in (place, *column.feeds))
            for plan in self.kinds
            for place, column in enumerate(plan.columns)
        ]
        return 2 * max(of_columns, default=0)


def compile_pack(
    pack: Pack,
    catalogue: Catalogue,
    kinds: Sequence[Kind],
    thresholds: Iterable[tuple[int, int, Marks]] = (),
    zone_ms: int = 0,
) -> Compiled:
    """Arrays for the given kinds. The pack must have been loaded against this catalogue. thresholds: those that stand
    in place of a rule's own somewhere, (kind, row in Pack.levels, thresholds). zone_ms: local time less UTC."""
    plans = plan_kinds(pack, catalogue, kinds)
    builder = _Builder(pack, plans)
    builder.build(thresholds)
    width = 2 + max((i.number for i in catalogue.indicators), default=0)  # the last stands for whatever is beyond
    slot_of, slots = _slots(plans, width)
    kinds_of_parents = [rule.kind for rule in pack.parents]
    program = Program(
        rules=np.array(builder.rules, LEVEL_RULE) if builder.rules else np.zeros(0, LEVEL_RULE),
        absences=_absence_rules(pack.absences),
        parent_rules=_parent_rules(pack.parents),
        clauses=np.array(builder.clauses, CLAUSE),
        slot_of=slot_of,
        slots=slots,
        columns=np.array(builder.columns, COLUMN),
        windows=np.array(builder.windows, WINDOW),
        feeds=np.array(builder.feeds, np.int32),
        code=np.array(builder.tables.code, CODE),
        gatherings=np.zeros(len(builder.tables.gatherings), GATHERING),
        marks=np.zeros((len(builder.tables.marks), 0)),
        alive=_alive(catalogue, width),
        ends=_ends(pack, catalogue, width),
        zone_ms=zone_ms,
        stack=np.zeros(DEEPEST_STACK),
        scratch=np.zeros(SCRATCH),
    )
    parents = tuple(kinds_of_parents.index(k) if k in kinds_of_parents else NOBODY for k in PARENT_KINDS)
    tables = builder.tables
    asked_by = tuple(map(frozenset, tables.asked_by))
    return Compiled(
        *(pack, program, plans, builder.variants, tuple(tables.gatherings), asked_by, tuple(tables.marks)),
        *(tuple(builder.cells), tuple(builder.remembered), builder.owners, parents),
    )


@dataclass
class _Builder:
    """Gathers the rows of a program, kind by kind."""

    pack: Pack
    plans: tuple[KindPlan, ...]
    rules: list[Any] = field(default_factory=list)
    clauses: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    columns: list[tuple[Any, ...]] = field(default_factory=list)
    windows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    feeds: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    remembered: list[list[tuple[str, int, int]]] = field(default_factory=list)
    variants: dict[tuple[int, int, Marks], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tables = Tables(self.pack)
        own = own_derivations(self.pack)
        names = [f"{'+'.join(d.classes)}/{d.indicator}" for d in own]
        self.owners = (*(rule.id for rule in self.pack.levels), *names)
        self._owner = {id(d): len(self.pack.levels) + i for i, d in enumerate(own)}
        rows = {condition_name(rule.id): row for row, rule in enumerate(self.pack.levels)}
        self._owner |= {id(d): rows[d.indicator] for d in self.pack.derivations if d.indicator in rows}

    def build(self, thresholds: Iterable[tuple[int, int, Marks]]) -> None:
        others: dict[tuple[int, int], list[Marks]] = {}
        for kind, rule, marks in thresholds:
            others.setdefault((kind, rule), []).append(marks)
        for kind, plan in enumerate(self.plans):
            assembler = Assembler(self.tables, plan)
            derived = [assembler.program(c.derivation.value) if c.derivation else NOBODY for c in plan.columns]
            for rule in plan.tracks:
                self._rule(kind, rule, assembler, others.get((kind, rule), []))
            self._columns(kind, assembler, derived)
            self.cells.append(assembler.cells)
            self.remembered.append(assembler.remembered)

    def _rule(self, kind: int, row: int, assembler: Assembler, others: list[Marks]) -> None:
        rule = self.pack.levels[row]
        written = _level_rule(rule)
        written["rule"] = row
        written["plain"] = not rule.conditions
        written["around"] = any(looks_around(node) for node in rule.conditions)
        written["when"] = NOBODY if rule.when is None else assembler.program(rule.when)
        written["clause"], written["clauses"] = len(self.clauses), len(rule.promotions) + len(rule.caps)
        for promotion in rule.promotions:
            self.clauses.append((assembler.program(promotion.when), promotion.by, promotion.to, Level.RED, 0))
        for cap in rule.caps:
            self.clauses.append((assembler.program(cap.when), 0, 0, cap.level, 0))
        written["confirm"], written["confirm_for_ms"] = NOBODY, NOT_DUE
        if rule.confirmation is not None:
            written["confirm"] = assembler.program(_witness(rule.confirmation.witnesses, rule.confirmation.all_))
            written["confirm_cap"], written["confirm_then"] = rule.confirmation.cap, rule.confirmation.then
            if rule.confirmation.for_ms is not None:
                written["confirm_for_ms"] = rule.confirmation.for_ms
        for marks in dict.fromkeys([rule.threshold, *others]):
            variant = written.copy()
            variant["threshold"] = _thresholds(marks, rule.low)
            self.variants[kind, row, marks] = len(self.rules)
            self.rules.append(variant)

    def _columns(self, kind: int, assembler: Assembler, derived: list[int]) -> None:
        plan, track, first = self.plans[kind], 0, len(self.columns)
        for place, column in enumerate(plan.columns):
            judged = [self.pack.levels[row] for row in column.rules]
            step = column.indicator.max_step_per_min if column.indicator and column.derivation is None else None
            quarantined = step or 0.0 if not judged or any(rule.quarantine for rule in judged) else 0.0
            low, high = self._calm(kind, column.rules)
            owner = NOBODY if column.derivation is None else self._owner[id(column.derivation)]
            most = column.indicator.valid_max if column.indicator else np.inf
            late_ms = 1000 * column.indicator.late_s if column.indicator else 0  # what is derived is never late
            self.columns.append(
                (
                    *(place, track, len(column.rules), len(self.windows), len(assembler.windows[place])),
                    *(len(self.feeds), len(column.feeds), derived[place], owner),
                    *(_steady(column, plan), any(w[3] == KEEPS_SPIKES for w in assembler.windows[place]), 0),
                    *(late_ms, quarantined, low, high, most),
                )
            )
            self.windows += [(width, cell, days, keeps, 0) for width, cell, days, keeps in assembler.windows[place]]
            self.feeds += [first + fed for fed in column.feeds]
            track += len(column.rules)

    def _calm(self, kind: int, rules: tuple[int, ...]) -> tuple[float, float]:
        """Between which values none of the rules' thresholds is reached, at any site."""
        marks = [
            (self.pack.levels[row].low, m) for k, row, ms in self.variants if k == kind and row in rules for m in ms
        ]
        low = [mark for is_low, mark in marks if is_low and mark is not None]
        high = [mark for is_low, mark in marks if not is_low and mark is not None]
        return max(low, default=-np.inf), min(high, default=np.inf)


def _steady(column: Column, plan: KindPlan) -> bool:
    """Whether it is derived from last values of measured indicators alone, and totals of them: while none of these
    changes it does not, as long as they are current and the totals nothing."""
    if column.derivation is None:
        return False
    plain = Number | Reading | Scaled | Arithmetic | Absolute | Compared | Both | Either | Negated | Mark | Highest
    value = column.derivation.value
    derived = {other.name for other in plan.columns if other.derivation is not None}
    totals = (Over.INCREASE, Over.CHANGES)
    return derived.isdisjoint(own_indicators(value)) and all(
        isinstance(node, plain) or (isinstance(node, Window) and node.over in totals) for node in value.walk()
    )


def own_derivations(pack: Pack) -> list[Derivation]:
    """Derivations that are no rule's conditions: they fail on their own account."""
    names = {condition_name(rule.id) for rule in pack.levels}
    return [d for d in pack.derivations if d.indicator not in names]


def _witness(witnesses: tuple[Node, ...], all_: bool) -> Node:
    """One expression for any, or all, of some."""
    first, *others = witnesses
    for other in others:
        first = Both(first, other) if all_ else Either(first, other)
    return first


def _slots(plans: tuple[KindPlan, ...], width: int) -> tuple[Any, Any]:
    """Program.slot_of and Program.slots: of each kind, the column of each measured indicator."""
    numbers = sorted({c.indicator.number for p in plans for c in p.columns if c.indicator and c.derivation is None})
    slot_of = np.full(width, NOBODY, np.int16)
    slot_of[numbers] = np.arange(len(numbers))
    slots = np.full((len(plans), max(1, len(numbers))), NOBODY, np.int32)
    first = 0
    for kind, plan in enumerate(plans):
        for place, column in enumerate(plan.columns):
            if column.indicator and column.derivation is None:
                slots[kind, slot_of[column.indicator.number]] = first + place
        first += len(plan.columns)
    return slot_of, slots


def _level_rule(rule: LevelRule) -> Any:
    row = np.zeros((), LEVEL_RULE)
    row["hold_ms"], row["lower"], row["higher"] = rule.hold_ms, _lower(rule.threshold), _higher(rule.threshold)
    row["min_samples"], row["sign"], row["margin"] = rule.min_samples, -1.0 if rule.low else 1.0, rule.margin
    row["clear_ms"], row["max_gap_ms"] = rule.clear_ms, rule.max_gap_ms
    return row


def _thresholds(marks: Marks, low: bool) -> list[float]:
    sign = -1.0 if low else 1.0
    return [np.inf if mark is None else sign * mark for mark in marks]


def _absence_rules(rules: tuple[AbsenceRule, ...]) -> Any:
    rows = np.zeros(len(rules), ABSENCE_RULE)
    for row, rule in zip(rows, rules, strict=True):
        row["after_ms"] = [NOT_DUE if mark is None else int(mark) for mark in rule.after_ms]
        row["intervals"] = [mark or 0.0 for mark in rule.intervals]
        row["lower"], row["first"] = _lower(rule.after_ms), lowest(rule.after_ms)
        row["any"], row["clear_ms"] = rule.of is None, rule.clear_ms
    return rows


def _parent_rules(rules: tuple[ParentRule, ...]) -> Any:
    rows = np.zeros(len(rules), PARENT_RULE)
    for row, rule in zip(rows, rules, strict=True):
        row["silent"], row["clear_ms"], row["level"] = rule.silent, rule.clear_ms, rule.level
        row["at_least"], row["points"] = rule.at_least, rule.points or 0
    return rows


def _lower(marks: Marks) -> list[int]:
    """Next lower existing level of each of none, blue, … red."""
    exists = [level for level, mark in zip(LEVELS, marks, strict=True) if mark is not None]
    return [max((e for e in exists if e < level), default=Level.NONE) for level in Level]


def _higher(marks: Marks) -> list[int]:
    """Next higher existing level of each of none, blue, … red; the highest's is itself."""
    exists = [level for level, mark in zip(LEVELS, marks, strict=True) if mark is not None]
    return [min((e for e in exists if e > level), default=max(exists)) for level in Level]


def _alive(catalogue: Catalogue, width: int) -> Any:
    alive = np.zeros(width, np.uint8)
    alive[[i.number for i in catalogue.indicators if i.sign_of_life]] = 1
    return alive


def _ends(pack: Pack, catalogue: Catalogue, width: int) -> Any:
    ends = np.zeros((len(pack.absences), width), np.uint8)
    for row, rule in zip(ends, pack.absences, strict=True):
        row[[i.number for i in catalogue.indicators if i.sign_of_life and (rule.of is None or i.id in rule.of)]] = 1
    return ends
