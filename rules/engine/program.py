"""A pack compiled for the kinds of devices of a fleet: rules become rows of arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from city.catalogue import COMMON, Catalogue, Indicator
from city.levels import LEVELS, Level
from city.registry import PARENT_KINDS
from rules.engine.state import (
    ABSENCE_RULE,
    LEVEL_RULE,
    NOBODY,
    NOT_DUE,
    PARENT_RULE,
    SLOT,
    Program,
)
from rules.language.pack import AbsenceRule, LevelRule, Marks, Pack, ParentRule, lowest


@dataclass(frozen=True)
class Column:
    """The rules on one indicator of one kind of device, in the pack's order: `rules` are rows of Program.rules."""

    indicator: Indicator
    rules: tuple[int, ...]


@dataclass(frozen=True)
class KindPlan:
    """What is remembered of every device of a kind: one series a column, one track a rule of it, in this order;
    and one watch an absence rule (rows of Program.absences)."""

    risk_class: str
    device_type: str
    columns: tuple[Column, ...]
    watches: tuple[int, ...]

    @property
    def tracks(self) -> tuple[int, ...]:
        return tuple(rule for column in self.columns for rule in column.rules)


@dataclass(frozen=True)
class Compiled:
    """A pack's arrays with what is needed to read their rows back. `parent_rule_of`: (4,) row of
    Program.parent_rules by ParentKind, or NOBODY."""

    pack: Pack
    program: Program
    kinds: tuple[KindPlan, ...]
    parent_rule_of: tuple[int, ...]


def compile_pack(pack: Pack, catalogue: Catalogue, kinds: list[tuple[str, str]]) -> Compiled:
    """Arrays for the given kinds (risk class, device type). The pack must have been loaded against this catalogue."""
    plans = tuple(_plan(pack, catalogue, risk_class, device_type) for risk_class, device_type in kinds)
    width = 2 + max((i.number for i in catalogue.indicators), default=0)  # the last stands for whatever is beyond
    judged = sorted({column.indicator.number for plan in plans for column in plan.columns})
    slot_of = np.full(width, NOBODY, np.int16)
    slot_of[judged] = np.arange(len(judged))
    kinds_of_parents = [rule.kind for rule in pack.parents]
    program = Program(
        rules=_level_rules(pack.levels),
        absences=_absence_rules(pack.absences),
        parent_rules=_parent_rules(pack.parents),
        slot_of=slot_of,
        slots=_slots(pack, plans, slot_of, max(1, len(judged))),
        alive=_alive(catalogue, width),
        ends=_ends(pack, catalogue, width),
    )
    parents = tuple(kinds_of_parents.index(k) if k in kinds_of_parents else NOBODY for k in PARENT_KINDS)
    return Compiled(pack, program, plans, parents)


def indicator_of(catalogue: Catalogue, risk_class: str, name: str) -> Indicator | None:
    """The indicator that a class means by a name: its own, else the common one, else none."""
    named = {i.risk_class: i for i in catalogue.indicators if i.id == name}
    return named.get(risk_class) or named.get(COMMON)


def _plan(pack: Pack, catalogue: Catalogue, risk_class: str, device_type: str) -> KindPlan:
    columns: dict[int, tuple[Indicator, list[int]]] = {}
    for row, rule in enumerate(pack.levels):
        indicator = indicator_of(catalogue, risk_class, rule.indicator)
        if indicator is not None and rule.speaks_of(risk_class, device_type):
            columns.setdefault(indicator.number, (indicator, []))[1].append(row)
    watches = tuple(row for row, rule in enumerate(pack.absences) if rule.speaks_of(risk_class, device_type))
    ordered = tuple(Column(indicator, tuple(rows)) for _, (indicator, rows) in sorted(columns.items()))
    return KindPlan(risk_class, device_type, ordered, watches)


def _slots(pack: Pack, plans: tuple[KindPlan, ...], slot_of: Any, width: int) -> Any:
    slots = np.zeros((len(plans), width), SLOT)
    slots["series"] = NOBODY
    for kind, plan in enumerate(plans):
        track = 0
        for series, column in enumerate(plan.columns):
            judged = [pack.levels[row] for row in column.rules]
            step = column.indicator.max_step_per_min if any(rule.quarantine for rule in judged) else None
            slot = slots[kind, slot_of[column.indicator.number]]
            slot["series"], slot["track"], slot["tracks"] = series, track, len(column.rules)
            slot["step"] = step or 0.0
            slot["above"], slot["below"] = _calm(judged)
            track += len(column.rules)
    return slots


def _calm(rules: list[LevelRule]) -> tuple[float, float]:
    """Between which values none of the rules' thresholds is reached."""
    low = [mark for rule in rules if rule.low for mark in rule.threshold if mark is not None]
    high = [mark for rule in rules if not rule.low for mark in rule.threshold if mark is not None]
    return max(low, default=-np.inf), min(high, default=np.inf)


def _level_rules(rules: tuple[LevelRule, ...]) -> Any:
    rows = np.zeros(len(rules), LEVEL_RULE)
    for row, rule in zip(rows, rules, strict=True):
        sign = -1.0 if rule.low else 1.0
        row["threshold"] = [np.inf if mark is None else sign * mark for mark in rule.threshold]
        row["hold_ms"], row["lower"] = rule.hold_ms, _lower(rule.threshold)
        row["min_samples"], row["sign"], row["margin"] = rule.min_samples, sign, rule.margin
        row["clear_ms"], row["max_gap_ms"] = rule.clear_ms, rule.max_gap_ms
    return rows


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


def _alive(catalogue: Catalogue, width: int) -> Any:
    alive = np.zeros(width, np.uint8)
    alive[[i.number for i in catalogue.indicators if i.sign_of_life]] = 1
    return alive


def _ends(pack: Pack, catalogue: Catalogue, width: int) -> Any:
    ends = np.zeros((len(pack.absences), width), np.uint8)
    for row, rule in zip(ends, pack.absences, strict=True):
        row[[i.number for i in catalogue.indicators if i.sign_of_life and (rule.of is None or i.id in rule.of)]] = 1
    return ends
