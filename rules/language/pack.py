"""A rule pack with its meaning: what the engine compiles."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

from city.levels import LEVELS, Level
from city.registry import ParentKind
from city.transitions import Nature

Marks = tuple[float | None, float | None, float | None, float | None]
"""A number for each of blue, yellow, orange, red; None where the level does not exist."""


@dataclass(frozen=True)
class Rule:
    """What all rules have. `classes`: slugs that the rule speaks of. `device_types`: None for all of a class.
    `group`: "area", "device" or a parent kind. `clear_ms`: see docs/rules.md, clauses 5 and 6."""

    id: str
    title: str
    source: str
    nature: Nature
    classes: tuple[str, ...]
    device_types: tuple[str, ...] | None
    clear_ms: int
    group: str
    cause: str

    @property
    def version(self) -> str:
        """Hash of what the rule means. Texts do not count."""
        return _meaning(self, without=("title", "source"))

    def speaks_of(self, risk_class: str, device_type: str) -> bool:
        return risk_class in self.classes and (self.device_types is None or device_type in self.device_types)


@dataclass(frozen=True)
class LevelRule(Rule):
    """Judges an indicator. Thresholds and margin are in its unit."""

    indicator: str
    low: bool
    threshold: Marks
    hold_ms: tuple[int, int, int, int]
    min_samples: int
    max_gap_ms: int
    margin: float
    quarantine: bool


@dataclass(frozen=True)
class AbsenceRule(Rule):
    """Judges silence. A level's after-time is `after_ms`, or `intervals` of the device's own where those are set,
    but no less than `after_ms`. `of`: indicators that end the silence, None for any sign of life."""

    of: tuple[str, ...] | None
    after_ms: Marks
    intervals: Marks


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

    @property
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


def lowest(marks: Marks) -> Level:
    """The lowest level that exists. ValueError when none does."""
    return min(level for level, mark in zip(LEVELS, marks, strict=True) if mark is not None)


def _meaning(rule: Any, without: tuple[str, ...]) -> str:
    parts = [type(rule).__name__]
    parts += [f"{f.name}={getattr(rule, f.name)!r}" for f in fields(rule) if f.name not in without]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
