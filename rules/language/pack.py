"""A rule pack with its meaning: what the engine compiles."""

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from city.levels import LEVELS, Level
from city.registry import ParentKind
from city.transitions import Nature
from rules.language.expressions import Node

Marks = tuple[float | None, float | None, float | None, float | None]
"""A number for each of blue, yellow, orange, red; None where the level does not exist."""


DEVICE = "device"
"""What a rule judges, its subject, unless it is a place: a site, area, street or zone."""


@dataclass(frozen=True)
class Rule:
    """What all rules have. `classes`: slugs that the rule speaks of. `device_types`: None for all of a class.
    `group`: "area", "device", another place or a parent kind. `clear_ms`: see docs/rules.md, clauses 5 and 6."""

    id: str
    title: str
    source: str
    confidence: str
    nature: Nature
    classes: tuple[str, ...]
    device_types: tuple[str, ...] | None
    clear_ms: int
    group: str
    cause: str

    @cached_property
    def version(self) -> str:
        """Hash of what the rule means. Texts do not count."""
        return _meaning(self, without=("title", "source", "confidence"))

    def speaks_of(self, risk_class: str, device_type: str) -> bool:
        return risk_class in self.classes and (self.device_types is None or device_type in self.device_types)


@dataclass(frozen=True)
class Promotion:
    """While `when` is true, up by so many levels, or to one: clause 10. `text`: `when` as its author wrote it."""

    when: Node
    by: int = 0
    to: Level = Level.NONE
    text: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Cap:
    """While `when` is true, no level above this one. `text`: `when` as its author wrote it."""

    when: Node
    level: Level
    text: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Confirmation:
    """Without a witness, no level above `cap`; from `for_ms` after the alert began, none above `then`. `for_ms` None:
    for as long as it takes. `all_`: whether it takes all witnesses. `texts`: these as their author wrote them."""

    witnesses: tuple[Node, ...]
    all_: bool
    cap: Level
    for_ms: int | None
    then: Level
    texts: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class Override:
    """Thresholds of some sites, or of all sites of some areas; None where the rule's own stand."""

    sites: tuple[str, ...]
    areas: tuple[str, ...]
    threshold: Marks
    source: str = field(repr=False)  # a text: it does not count for the rule's meaning


@dataclass(frozen=True)
class LevelRule(Rule):
    """Judges an indicator of a subject. Thresholds and margin are in its unit. `mark`: by level, the name of the site's
    own mark that goes before the threshold. `when`: only while it is true. `basis`: hash of what the indicator is
    derived from; empty when it is measured. `texts`: threshold or condition of each level as its author wrote it, empty
    where the level does not exist; `when_text`: `when` in the same way."""

    indicator: str
    low: bool
    threshold: Marks
    hold_ms: tuple[int, int, int, int]
    min_samples: int
    max_gap_ms: int
    margin: float
    quarantine: bool
    per: str = DEVICE
    mark: tuple[str, str, str, str] = ("", "", "", "")
    when: Node | None = None
    promotions: tuple[Promotion, ...] = ()
    caps: tuple[Cap, ...] = ()
    confirmation: Confirmation | None = None
    overrides: tuple[Override, ...] = ()
    actions: tuple[tuple[Level, tuple[str, ...]], ...] = ()
    basis: str = ""
    texts: tuple[str, str, str, str] = field(default=("", "", "", ""), repr=False, compare=False)
    when_text: str = field(default="", repr=False, compare=False)

    @property
    def conditions(self) -> tuple[Node, ...]:
        """Every expression of the rule."""
        witnesses = self.confirmation.witnesses if self.confirmation else ()
        first = () if self.when is None else (self.when,)
        return (*first, *(p.when for p in self.promotions), *(c.when for c in self.caps), *witnesses)

    def actions_at(self, level: Level) -> tuple[str, ...]:
        """What is to be done at a level: its own actions and those of the levels below."""
        return tuple(action for at, actions in self.actions if at <= level for action in actions)


@dataclass(frozen=True)
class AbsenceRule(Rule):
    """Judges silence. A level's after-time is `after_ms`, or `intervals` of the device's own where those are set,
    but no less than `after_ms`. `of`: indicators that end the silence, None for any sign of life."""

    of: tuple[str, ...] | None
    after_ms: Marks
    intervals: Marks


@dataclass(frozen=True)
class Derivation:
    """An indicator that is computed from others, in `unit`, for the subjects that the rule file speaks of. `text`:
    `value` as its author wrote it; empty for the conditions of a rule, which has them."""

    indicator: str
    unit: str
    value: Node
    classes: tuple[str, ...]
    device_types: tuple[str, ...] | None = None
    per: str = DEVICE
    text: str = field(default="", repr=False, compare=False)

    def speaks_of(self, risk_class: str, device_type: str) -> bool:
        return risk_class in self.classes and (self.device_types is None or device_type in self.device_types)


@dataclass(frozen=True)
class ParentRule:
    """How the failure of one kind of parent shows in the silence of its devices. `silent`: share, 0..1."""

    kind: ParentKind
    title: str
    source: str
    level: Level
    silent: float
    at_least: int
    points: int | None
    clear_ms: int

    @property
    def id(self) -> str:
        return f"{self.kind.value}-dark"

    @cached_property
    def version(self) -> str:
        return _meaning(self, without=("title", "source"))


@dataclass(frozen=True)
class Pack:
    """A city's rules. Within each kind of rule, in the order of the files by name and of the rules in them."""

    name: str
    version: str
    title: str
    levels: tuple[LevelRule, ...]
    absences: tuple[AbsenceRule, ...]
    parents: tuple[ParentRule, ...]
    derivations: tuple[Derivation, ...] = ()

    @property
    def meaning(self) -> str:
        """Hash of what all rules mean: packs that judge alike have the same."""
        rules: tuple[Rule, ...] = (*self.levels, *self.absences)
        versions = [(rule.id, rule.version) for rule in rules] + [(rule.id, rule.version) for rule in self.parents]
        return meaning_of(sorted(versions))


def all_rules(pack: Pack) -> list[Rule | ParentRule]:
    """Every rule of a pack that can raise an alert."""
    return [*pack.levels, *pack.absences, *pack.parents]


def lowest(marks: Marks) -> Level:
    """The lowest level that exists. ValueError when none does."""
    return min(level for level, mark in zip(LEVELS, marks, strict=True) if mark is not None)


def meaning_of(parts: list[Any]) -> str:
    """Hash of what some parts of a pack mean together."""
    return hashlib.blake2b("\n".join(repr(part) for part in parts).encode(), digest_size=6).hexdigest()


def _meaning(rule: Any, without: tuple[str, ...]) -> str:
    parts = [type(rule).__name__]
    parts += [f"{f.name}={getattr(rule, f.name)!r}" for f in fields(rule) if f.repr and f.name not in without]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
