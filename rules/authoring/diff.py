"""What another version of a pack would change: in meaning, and for the timers that run."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from rules.language.pack import Cap, LevelRule, Pack, ParentRule, Promotion, Rule, all_rules
from rules.language.quantities import duration_text

SHOWN = {"texts": "levels", "when_text": "when"}
"""Fields by the key under which authors write them."""


class Change(Enum):
    """ADDED, REMOVED. MEANING: its alerts and timers begin anew. TEXT: nothing that is judged; timers are kept."""

    ADDED = "added"
    REMOVED = "removed"
    MEANING = "meaning"
    TEXT = "text"


@dataclass(frozen=True)
class RuleChange:
    """One rule that differs. details: field, before and after, in words."""

    rule: str
    change: Change
    details: list[tuple[str, str, str]]

    @property
    def timers_kept(self) -> bool:
        return self.change is Change.TEXT


def compare(before: Pack, after: Pack) -> list[RuleChange]:
    """Every rule that differs, in the order of the later pack, those that are gone last."""
    old = {rule.id: rule for rule in all_rules(before)}
    new = {rule.id: rule for rule in all_rules(after)}
    changes = [_change(old.get(id_), rule) for id_, rule in new.items()]
    gone = [RuleChange(id_, Change.REMOVED, []) for id_ in old if id_ not in new]
    return [change for change in changes if change is not None] + gone


def _change(old: Rule | ParentRule | None, new: Rule | ParentRule) -> RuleChange | None:
    if old is None:
        return RuleChange(new.id, Change.ADDED, [])
    details = _details(old, new)
    if old.version != new.version:
        return RuleChange(new.id, Change.MEANING, details)
    return RuleChange(new.id, Change.TEXT, details) if details else None


def _details(old: Rule | ParentRule, new: Rule | ParentRule) -> list[tuple[str, str, str]]:
    """Fields that differ. What an indicator is derived from shows as `basis`."""
    if type(old) is not type(new):
        return [("kind", type(old).__name__, type(new).__name__)]
    names = [f.name for f in fields(new) if f.name not in ("threshold", "promotions", "caps", "confirmation", "when")]
    found = [(SHOWN.get(n, n), _words(n, getattr(old, n)), _words(n, getattr(new, n))) for n in names]
    if isinstance(old, LevelRule) and isinstance(new, LevelRule):
        found += _expressions(old, new)
    return [(name, before, after) for name, before, after in found if before != after]


def _expressions(old: LevelRule, new: LevelRule) -> list[tuple[str, str, str]]:
    """What holds expressions, in their authors' words."""
    return [
        ("promote", _adjusted(old.promotions), _adjusted(new.promotions)),
        ("cap", _adjusted(old.caps), _adjusted(new.caps)),
        ("confirm", _witnesses(old), _witnesses(new)),
    ]


def _adjusted(adjustments: Sequence[Promotion | Cap]) -> str:
    return "; ".join(
        f"{a.text} -> {getattr(a, 'by', 0) or getattr(a, 'to', getattr(a, 'level', ''))}" for a in adjustments
    )


def _witnesses(rule: LevelRule) -> str:
    c = rule.confirmation
    if c is None:
        return ""
    held = f" for {duration_text(c.for_ms)}, then {c.then.slug}" if c.for_ms is not None else ""
    return f"{'all' if c.all_ else 'any'} of {', '.join(c.texts)}; otherwise {c.cap.slug}{held}"


def _words(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return " / ".join(_words(name, part) or "-" for part in value)
    if name.endswith("_ms") and isinstance(value, (int, float)):
        return duration_text(value)
    return "" if value is None else str(getattr(value, "slug", getattr(value, "value", value)))
