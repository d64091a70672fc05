"""What a pack holds: domains, classes, indicators and rules, each with its source."""

from pathlib import Path
from typing import Any

from city.catalogue import Catalogue, Indicator
from city.levels import LEVELS
from rules.authoring.places import Spot, spots
from rules.language.pack import AbsenceRule, LevelRule, Pack, ParentRule, Rule, all_rules
from rules.language.quantities import duration_text


def listing(folder: Path, pack: Pack, catalogue: Catalogue) -> dict[str, Any]:
    """The pack by domain and class, as plain data: indicators with the rules that judge them, rules with levels, source
    and place. Rules of several classes stand in each."""
    where = spots(folder)
    return {
        "pack": pack.name,
        "version": pack.version,
        "title": pack.title,
        "meaning": pack.meaning,
        "domains": [
            {
                "slug": domain.slug,
                "name": domain.name,
                "classes": [
                    _of_class(c.code, c.slug, c.name, pack, catalogue, where)
                    for c in catalogue.classes
                    if c.domain == domain.slug
                ],
            }
            for domain in catalogue.domains
        ],
        "parents": [_rule(rule, where[rule.id]) for rule in pack.parents],
    }


def _of_class(
    code: str, slug: str, name: str, pack: Pack, catalogue: Catalogue, where: dict[str, Spot]
) -> dict[str, Any]:
    rules = [rule for rule in all_rules(pack) if isinstance(rule, Rule) and slug in rule.classes]
    own = [i for i in catalogue.indicators if i.risk_class == slug]
    derived = [d for d in pack.derivations if slug in d.classes and d.text]
    return {
        "code": code,
        "slug": slug,
        "name": name,
        "indicators": [_indicator(i, rules) for i in own],
        "derived": [{"id": d.indicator, "unit": d.unit, "per": d.per, "value": d.text} for d in derived],
        "rules": [_rule(rule, where[rule.id]) for rule in rules],
    }


def _indicator(indicator: Indicator, rules: list[Rule]) -> dict[str, Any]:
    judged = [rule.id for rule in rules if isinstance(rule, LevelRule) and rule.indicator == indicator.id]
    bounds = [indicator.valid_min, indicator.valid_max]
    same = {"id": indicator.id, "name": indicator.name, "unit": indicator.unit, "range": bounds}
    return {**same, "source": indicator.source, "rules": judged}


def _rule(rule: Rule | ParentRule, spot: Spot) -> dict[str, Any]:
    line, column = spot.mark()
    shared = {"id": rule.id, "title": rule.title, "version": rule.version, "source": rule.source}
    place = {"file": spot.path.name, "line": line, "column": column}
    if isinstance(rule, ParentRule):
        return {**shared, "levels": {rule.level.slug: f"{rule.silent:.0%} silent"}, **place}
    more = {"nature": rule.nature.value, "confidence": rule.confidence, "cause": rule.cause, "group": rule.group}
    return {**shared, **more, "judges": _judges(rule), "levels": levels_of(rule), **place}


def _judges(rule: Rule) -> str:
    if isinstance(rule, LevelRule):
        return "conditions" if rule.indicator.startswith(":") else rule.indicator
    return "silence"


def levels_of(rule: Rule) -> dict[str, str]:
    """Threshold, condition or length of silence of each level that exists, as its author wrote it."""
    if isinstance(rule, LevelRule):
        return {level.slug: text for level, text in zip(LEVELS, rule.texts, strict=True) if text}
    assert isinstance(rule, AbsenceRule)
    found = {}
    for level, after_ms, intervals in zip(LEVELS, rule.after_ms, rule.intervals, strict=True):
        if intervals is not None:
            found[level.slug] = f"{intervals:g} intervals"
        elif after_ms is not None:
            found[level.slug] = duration_text(after_ms)
    return found
