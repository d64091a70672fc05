"""The rule pack as the page shows it: every rule in its author's words, with what holds at each site of the city."""

import re
from collections.abc import Iterator
from typing import Any

from alerts.rulebook import Adjustment, Deviation, Formula, Judges, RuleBook, RuleCard, Step, Witnesses
from city.city import City
from city.levels import LEVELS, Level
from city.registry import Device
from city.transitions import Nature
from rules.engine.thresholds import thresholds_at
from rules.language.pack import AbsenceRule, Confirmation, Derivation, LevelRule, Marks, Pack, ParentRule, Rule

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def rule_book(pack: Pack, city: City, loaded_ms: int, number: int | None = None) -> RuleBook:
    """What a pack says, for a city. `loaded_ms`: now, by the wall; `number`: of its version, if it was published."""
    clerk = _Clerk(pack, city)
    cards = [
        *(clerk.level_card(rule) for rule in pack.levels),
        *(clerk.silence_card(rule) for rule in pack.absences),
        *(parent_card(rule, city) for rule in pack.parents),
    ]
    return RuleBook(
        pack=pack.name,
        version=pack.version,
        title=pack.title,
        meaning=pack.meaning,
        loaded_ms=loaded_ms,
        rules=tuple(cards),
        number=number,
    )


class _Clerk:
    """Writes the cards of rules."""

    def __init__(self, pack: Pack, city: City) -> None:
        self._city, self._derivations = city, [d for d in pack.derivations if d.text]
        self._types = {t.slug: t.name for t in city.catalogue.device_types}
        reported: dict[tuple[str, str], set[str]] = {}
        self._fleet: list[tuple[Device, str, set[str]]] = []
        for device in city.devices.values():
            if device.in_service:
                kind = city.area_of(device).risk_class, device.type
                if kind not in reported:
                    reported[kind] = {indicator.id for indicator in city.catalogue.reported(*kind)}
                self._fleet.append((device, kind[0], reported[kind]))

    def level_card(self, rule: LevelRule) -> RuleCard:
        """A rule that judges an indicator or conditions."""
        by_conditions = rule.indicator.startswith(":")
        name, unit = ("", "") if by_conditions else self._indicator(rule)
        judged = self._judged(rule)
        return RuleCard(
            **_shared(rule),
            judges=Judges.CONDITIONS if by_conditions else Judges.VALUE,
            steps=_steps(rule),
            per=rule.per,
            device_types=tuple(self._types.get(slug, slug) for slug in rule.device_types or ()),
            devices=len(judged),
            wired=self._wired(rule),
            indicator="" if by_conditions else rule.indicator,
            indicator_name=name,
            unit=unit,
            low=rule.low,
            min_samples=rule.min_samples,
            gap_ms=rule.max_gap_ms,
            margin=rule.margin,
            when=rule.when_text,
            formulas=self._formulas(rule),
            adjustments=_adjustments(rule),
            witnesses=_witnesses(rule.confirmation) if rule.confirmation else None,
            deviations=tuple(self._deviations(rule, judged, unit)),
        )

    def silence_card(self, rule: AbsenceRule) -> RuleCard:
        """A rule that judges silence."""
        steps = [
            Step(level=level, mark=_silence(after, intervals))
            for level, after, intervals in zip(LEVELS, rule.after_ms, rule.intervals, strict=True)
            if after is not None or intervals is not None
        ]
        return RuleCard(
            **_shared(rule),
            judges=Judges.SILENCE,
            steps=tuple(steps),
            device_types=tuple(self._types.get(slug, slug) for slug in rule.device_types or ()),
            devices=len(self._judged(rule)),
            wired=self._wired(rule),
            indicator=" ".join(rule.of or ()),
            indicator_name="任何存活信号" if rule.of is None else "、".join(rule.of),
        )

    def _judged(self, rule: Rule) -> list[Device]:
        """Devices in service that a rule speaks of, and that report what it judges."""
        needs = rule.indicator if isinstance(rule, LevelRule) and rule.indicator in self._measured(rule) else None
        return [
            device
            for device, risk_class, reports in self._fleet
            if rule.speaks_of(risk_class, device.type) and (needs is None or needs in reports)
        ]

    def _wired(self, rule: Rule) -> bool:
        """Whether any device stands in an area of the rule's classes."""
        return any(risk_class in rule.classes for _, risk_class, _ in self._fleet)

    def _measured(self, rule: LevelRule) -> set[str]:
        """Indicators that are measured and not derived for this rule."""
        derived = {d.indicator for d in self._derivations if {*d.classes} & {*rule.classes} and d.per == rule.per}
        return {i.id for i in self._city.catalogue.indicators} - derived

    def _indicator(self, rule: LevelRule) -> tuple[str, str]:
        """Name and unit of what a rule judges: of the catalogue, or of the pack's own."""
        for indicator in self._city.catalogue.indicators:
            if indicator.id == rule.indicator and indicator.risk_class in (*rule.classes, "common"):
                return indicator.name, indicator.unit
        own = (d.unit for d in self._derivations if d.indicator == rule.indicator)
        return rule.indicator, next(own, "")

    def _formulas(self, rule: LevelRule) -> tuple[Formula, ...]:
        """How what a rule names is computed, and what that needs in turn: by its own classes, or by those of devices
        around it."""
        here = sorted(self._derivations, key=lambda d: not {*d.classes} & {*rule.classes})
        found: dict[str, Derivation] = {}
        texts = [rule.indicator, rule.when_text, *rule.texts, *(p.text for p in rule.promotions)]
        texts += [*(c.text for c in rule.caps), *(rule.confirmation.texts if rule.confirmation else ())]
        while texts:
            words = set(re.findall(r"\w+", texts.pop()))
            for derivation in here:
                if derivation.indicator in words and derivation.indicator not in found:
                    found[derivation.indicator] = derivation
                    texts.append(derivation.text)
        return tuple(Formula(name=d.indicator, unit=d.unit, per=d.per, text=d.text) for d in found.values())

    def _deviations(self, rule: LevelRule, judged: list[Device], unit: str) -> Iterator[Deviation]:
        """Places at which other thresholds hold than the rule's. Streets and zones have no marks of their own."""
        if rule.per in ("street", "zone") or not (rule.overrides or any(rule.mark)):
            return
        sites = dict.fromkeys(device.site for device in judged)
        by_area = rule.per == "area"
        for place in dict.fromkeys(self._city.sites[site].area for site in sites) if by_area else sites:
            site, area = (None, place) if by_area else (place, self._city.sites[place].area)
            marks = thresholds_at(rule, self._city, site, area)
            if marks == rule.threshold:
                continue
            source = next((o.source for o in reversed(rule.overrides) if site in o.sites or area in o.areas), "")
            yield Deviation(
                id=place,
                name=self._city.areas[place].name if by_area else self._city.sites[place].name,
                marks=tuple(_differing(rule.threshold, marks, unit)),
                by_rule=bool(source),
                source=source,
            )


def parent_card(rule: ParentRule, city: City) -> RuleCard:
    """How the failure of a kind of parent shows."""
    mark = f"静默 ≥ {rule.silent:.0%} 且 ≥ {rule.at_least} 台"
    mark += f", 或 ≥ {rule.points} 台" if rule.points is not None else ""
    return RuleCard(
        id=rule.id,
        version=rule.version,
        title=rule.title,
        judges=Judges.PARENT,
        nature=Nature.PARENT,
        classes=(),
        source=rule.source,
        confidence="",
        steps=(Step(level=rule.level, mark=mark),),
        clear_ms=rule.clear_ms,
        group=rule.kind.value,
        cause=rule.id,
        per=rule.kind.value,
        devices=sum(device.in_service and device.parent(rule.kind) is not None for device in city.devices.values()),
    )


def _shared(rule: Rule) -> dict[str, Any]:
    same = ("id", "version", "title", "nature", "classes", "source", "confidence", "clear_ms", "group", "cause")
    return {name: getattr(rule, name) for name in same}


def _steps(rule: LevelRule) -> tuple[Step, ...]:
    return tuple(
        Step(level=level, mark=text, hold_ms=hold_ms, actions=rule.actions_at(level))
        for level, mark, text, hold_ms in zip(LEVELS, rule.threshold, rule.texts, rule.hold_ms, strict=True)
        if mark is not None
    )


def _adjustments(rule: LevelRule) -> tuple[Adjustment, ...]:
    up = [Adjustment(text=p.text, by=p.by, to=p.to if p.to != Level.NONE else None) for p in rule.promotions]
    return (*up, *(Adjustment(text=cap.text, cap=cap.level) for cap in rule.caps))


def _witnesses(confirmation: Confirmation) -> Witnesses:
    c = confirmation
    return Witnesses(texts=c.texts, all_=c.all_, cap=c.cap, for_ms=c.for_ms, then=c.then)


def _silence(after_ms: float | None, intervals: float | None) -> str:
    """For how long, in the words of the page."""
    said = [f"{intervals:g} 个周期"] if intervals is not None else []
    if after_ms is not None:
        hours = after_ms / HOUR_MS
        span = f"{hours:g} 小时" if hours >= 1 else f"{after_ms / MINUTE_MS:g} 分"
        said.append(f"至少 {span}" if said else span)
    return ", ".join(said)


def _differing(usual: Marks, here: Marks, unit: str) -> Iterator[str]:
    """The marks of the levels that exist, empty where they are the usual ones."""
    for own, other in zip(here, usual, strict=True):
        if own is not None:
            yield "" if own == other else f"{own:g}" + (f" {unit}" if unit not in ("", "1") else "")
