"""Thresholds of a rule at a site: overrides, marks of the registry, or the rule's own. docs/rules.md, clause 12."""

from itertools import pairwise

from city.city import City
from rules.language.pack import LevelRule, Marks


def thresholds_at(rule: LevelRule, city: City, site: str | None, area: str | None) -> Marks:
    """What holds for a subject. Marks that would put the colours out of order are left out."""
    with_marks = marks_at(rule, city, site, area)
    return with_marks if in_order(rule, with_marks) else _first(_overridden(rule, site, area), rule.threshold)


def marks_at(rule: LevelRule, city: City, site: str | None, area: str | None) -> Marks:
    """Overrides, then marks of the registry, then the rule's own, in whatever order the colours come to stand."""
    marks = city.sites[site].reference_levels if site is not None else {}
    given = [marks.get(name) if name else None for name in rule.mark]
    return _first(_overridden(rule, site, area), given, rule.threshold)


def in_order(rule: LevelRule, threshold: Marks) -> bool:
    """Whether each further colour is further out."""
    sign = -1 if rule.low else 1
    known = [sign * mark for mark in threshold if mark is not None]
    return all(earlier < later for earlier, later in pairwise(known))


def _overridden(rule: LevelRule, site: str | None, area: str | None) -> list[float | None]:
    found: list[float | None] = [None] * 4
    for of_sites in (True, False):
        for override in reversed(rule.overrides):
            if (site in override.sites) if of_sites else (area in override.areas):
                found = [own if own is not None else new for own, new in zip(found, override.threshold, strict=True)]
    return found


def _first(*choices: "list[float | None] | Marks") -> Marks:
    found = [next((mark for mark in marks if mark is not None), None) for marks in zip(*choices, strict=True)]
    return (found[0], found[1], found[2], found[3])
