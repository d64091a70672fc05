"""What is remembered of each kind of subject: its indicators, measured and derived, and the rules on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from city.catalogue import Catalogue, Indicator
from rules.language.cycles import order
from rules.language.expressions import Gathered, Node, Reading, looks_around, own_indicators
from rules.language.pack import DEVICE, Derivation, LevelRule, Pack, Rule, meaning_of

PLACES = ("site", "area", "street", "zone")


@dataclass(frozen=True)
class Kind:
    """Subjects that the same rules judge: devices of a type in a class, or the places of a class of which `per` says
    what they are. Places have no type."""

    risk_class: str
    device_type: str
    per: str = DEVICE


@dataclass(frozen=True)
class Column:
    """One indicator of a kind with the rules on it, rows of Pack.levels in the pack's order. `indicator`: as the
    catalogue has it, None for a name of the pack's own. `derivation`: None where it is measured. `feeds`: places in the
    plan of the columns that are derived from this one, in order. `at_beats`: whether it is computed at beats too."""

    name: str
    unit: str
    indicator: Indicator | None
    derivation: Derivation | None
    rules: tuple[int, ...]
    feeds: tuple[int, ...] = ()
    at_beats: bool = False


@dataclass(frozen=True)
class KindPlan:
    """One series a column, one track a rule of it, in this order; and one watch an absence rule (rows of
    Pack.absences)."""

    kind: Kind
    columns: tuple[Column, ...]
    watches: tuple[int, ...]

    @cached_property
    def meanings(self) -> tuple[str, ...]:
        """Of each column: what it is derived from, as a hash; empty where it is measured."""
        found: dict[str, str] = {}
        for column in self.columns:
            d = column.derivation
            needs = [found[name] for name in own_indicators(d.value)] if d else []
            found[column.name] = meaning_of([d.value, d.unit, *needs]) if d else ""
        return tuple(found.values())

    @property
    def tracks(self) -> tuple[int, ...]:
        return tuple(rule for column in self.columns for rule in column.rules)

    def column_of(self, name: str) -> int | None:
        """Place of an indicator among the columns."""
        return next((i for i, column in enumerate(self.columns) if column.name == name), None)


def plan_kinds(pack: Pack, catalogue: Catalogue, kinds: Iterable[Kind]) -> tuple[KindPlan, ...]:
    """A plan for each kind. The pack must have been loaded against this catalogue."""
    asked = _gathered(pack)
    return tuple(_plan(pack, catalogue, kind, asked) for kind in kinds)


def place_kinds(pack: Pack, classes: Iterable[str]) -> list[Kind]:
    """The kinds of places that a pack judges in some classes, by what they are, then by class."""
    pairs = {(d.per, c) for d in pack.derivations for c in d.classes} | {
        (r.per, c) for r in pack.levels for c in r.classes
    }
    return [Kind(c, "", per) for per in PLACES for c in classes if (per, c) in pairs]


def _plan(pack: Pack, catalogue: Catalogue, kind: Kind, asked: set[str]) -> KindPlan:
    rules = {row: rule for row, rule in enumerate(pack.levels) if rule.per == kind.per and _speaks_of(rule, kind)}
    measured = {i.id: i for i in catalogue.reported(kind.risk_class, kind.device_type)} if kind.per == DEVICE else {}
    derived = _derived(pack, kind, set(measured))
    needed = asked | {rule.indicator for rule in rules.values()}
    needed |= {name for d in derived for name in own_indicators(d.value)}
    needed |= {name for rule in rules.values() for node in rule.conditions for name in own_indicators(node)}
    named = {i.id: i for i in catalogue.indicators if i.risk_class == kind.risk_class}
    columns = [
        Column(i.id, i.unit, i, None, _rows(rules, i.id))
        for i in sorted(measured.values(), key=lambda i: i.number)
        if i.id in needed
    ]
    columns += [Column(d.indicator, d.unit, named.get(d.indicator), d, _rows(rules, d.indicator)) for d in derived]
    watches = [row for row, rule in enumerate(pack.absences) if kind.per == DEVICE and _speaks_of(rule, kind)]
    return KindPlan(kind, _fed(columns), tuple(watches))


def _speaks_of(rule: Rule | Derivation, kind: Kind) -> bool:
    if kind.per != DEVICE:
        return kind.risk_class in rule.classes
    return rule.speaks_of(kind.risk_class, kind.device_type)


def _rows(rules: dict[int, LevelRule], name: str) -> tuple[int, ...]:
    return tuple(row for row, rule in rules.items() if rule.indicator == name)


def _derived(pack: Pack, kind: Kind, measured: set[str]) -> list[Derivation]:
    """What is derived for a kind, in order: all of whose own indicators it has, and which it does not measure."""
    candidates = [
        d for d in pack.derivations if d.per == kind.per and _speaks_of(d, kind) and d.indicator not in measured
    ]
    return order(candidates, measured)


def _fed(columns: list[Column]) -> tuple[Column, ...]:
    """The columns, each with those that are derived from it; at beats are those that look around, or need one that
    does."""
    place = {column.name: i for i, column in enumerate(columns)}
    needs: list[set[int]] = []
    at_beats: list[bool] = []
    for column in columns:
        own = [place[name] for name in own_indicators(column.derivation.value)] if column.derivation else []
        needs.append({*own, *(further for i in own for further in needs[i])})
        looks = column.derivation is not None and looks_around(column.derivation.value)
        at_beats.append(looks or any(at_beats[i] for i in own))
    return tuple(
        Column(
            *(column.name, column.unit, column.indicator, column.derivation, column.rules),
            feeds=tuple(k for k, of in enumerate(needs) if i in of) if column.derivation is None else (),
            at_beats=at_beats[i] or (column.derivation is not None and column.derivation.per != DEVICE),
        )
        for i, column in enumerate(columns)
    )


def _gathered(pack: Pack) -> set[str]:
    """Indicators that somebody asks of others."""
    nodes: list[Node] = [d.value for d in pack.derivations]
    nodes += [node for rule in pack.levels for node in rule.conditions]
    parts = (part for node in nodes for part in node.walk())
    return {part.member.indicator for part in parts if isinstance(part, Gathered) and isinstance(part.member, Reading)}
