"""Why an alert came, and why at its level: its readings, and when each expression of its rule became true.

Asked of the engine itself: the rule's expressions are added to the pack as rules of their own, *probes*, on the same
subjects; when a probe is blue, its expression is true.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from city.levels import LEVELS, Level
from city.transitions import Transition
from rules.language.expressions import Highest, Node, own_indicators
from rules.language.level_rules import condition_name
from rules.language.pack import Derivation, LevelRule, Pack, ParentRule, Rule

PROBE = "probe"


@dataclass(frozen=True)
class Probe:
    """One expression of a rule. role: what it is for, text: as its author wrote it."""

    id: str
    role: str
    text: str


@dataclass(frozen=True)
class Step:
    """Something that happened to an alert's subject. kind: reading, device (that hangs on it), expression, transition.
    level: that a reading reaches, or that a transition leads to. indicator: of a reading."""

    at_ms: int
    kind: str
    text: str
    value: float | None = None
    level: Level = Level.NONE
    indicator: str = ""


@dataclass
class Explanation:
    """An alert with everything that led to it, in order of time. indicator: what the rule judges, or first names, in
    its unit; marks: its thresholds by level, where the rule judges it."""

    alert: str
    rule: Rule | ParentRule
    subject: str
    indicator: str
    unit: str
    marks: dict[Level, float]
    steps: list[Step] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "alert": self.alert,
            "rule": self.rule.id,
            "title": self.rule.title,
            "source": self.rule.source,
            "subject": self.subject,
            "indicator": self.indicator,
            "unit": self.unit,
            "thresholds": {level.slug: mark for level, mark in self.marks.items()},
            "steps": [
                {"at_ms": s.at_ms, "kind": s.kind, "text": s.text, "value": s.value, "level": s.level.slug}
                for s in self.steps
            ],
        }


def probed(pack: Pack, rule: Rule | ParentRule) -> tuple[Pack, list[Probe]]:
    """The pack with a probe for each expression of a rule."""
    if not isinstance(rule, LevelRule):
        return pack, []
    named = _expressions(pack, rule)
    probes = [Probe(f"{PROBE}-{i}", role, text) for i, (role, text, _) in enumerate(named)]
    rules = [_probe_rule(rule, probe.id) for probe in probes]
    derived = [_derived(rule, probe.id, node) for probe, (_, _, node) in zip(probes, named, strict=True)]
    return replace(pack, levels=(*pack.levels, *rules), derivations=(*pack.derivations, *derived)), probes


def _expressions(pack: Pack, rule: LevelRule) -> list[tuple[str, str, Node]]:
    """Role, text and meaning of every expression of a rule."""
    found: list[tuple[str, str, Node]] = []
    own = next((d.value for d in pack.derivations if d.indicator == condition_name(rule.id)), None)
    if isinstance(own, Highest):
        texts = dict(zip(LEVELS, rule.texts, strict=True))
        found += [(level.slug, texts[level], node) for level, node in own.conditions]
    if rule.when is not None:
        found.append(("when", rule.when_text, rule.when))
    found += [("promote", p.text, p.when) for p in rule.promotions]
    found += [("cap", c.text, c.when) for c in rule.caps]
    if rule.confirmation is not None:
        c = rule.confirmation
        found += [("witness", text, node) for text, node in zip(c.texts, c.witnesses, strict=True)]
    return found


def _probe_rule(rule: LevelRule, probe: str) -> LevelRule:
    """A rule that is blue while the probe's expression is true, on the subjects of the rule."""
    return LevelRule(
        id=probe, title=probe, source="", confidence="low", nature=rule.nature, classes=rule.classes,
        device_types=rule.device_types, clear_ms=0, group="device", cause=probe, indicator=condition_name(probe),
        low=False, threshold=(1.0, None, None, None), hold_ms=(0, 0, 0, 0), min_samples=1, max_gap_ms=rule.max_gap_ms,
        margin=0.0, quarantine=False, per=rule.per,
    )  # fmt: skip


def _derived(rule: LevelRule, probe: str, node: Node) -> Derivation:
    return Derivation(
        indicator=condition_name(probe),
        unit="1",
        value=Highest(((Level.BLUE, node),)),
        classes=rule.classes,
        device_types=rule.device_types,
        per=rule.per,
    )


def measured_for(pack: Pack, rule: Rule | ParentRule) -> list[str]:
    """The subject's own indicators from which a rule's judgement comes, what it judges first; derived ones and what
    these are derived from among them."""
    if not isinstance(rule, LevelRule):
        return []
    waiting, found = [rule.indicator, *(i for node in rule.conditions for i in own_indicators(node))], dict[str, None]()
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = None
        for derivation in pack.derivations:
            if derivation.indicator == name and {*derivation.classes} & {*rule.classes}:
                waiting += own_indicators(derivation.value)
    return [name for name in found if not name.startswith(":")]


@dataclass
class Recorder:
    """Gathers the steps of one alert while a play goes by."""

    explanation: Explanation
    probes: dict[str, Probe]

    def reading(self, at_ms: int, value: float, indicator: str, unit: str) -> None:
        """A reading of one of the subject's indicators behind the rule."""
        marks = self.explanation.marks.items() if indicator == self.explanation.indicator else ()
        reached = max((level for level, mark in marks if self._reaches(value, mark)), default=Level.NONE)
        text = f"{indicator} {value:g}" + ("" if unit == "1" else f" {unit}")
        self.explanation.steps.append(Step(at_ms, "reading", text, value, reached, indicator))

    def transition(self, transition: Transition) -> None:
        """A transition of the alert, of a probe on its subject, or of a device that its subject explains."""
        probe = self.probes.get(transition.rule)
        if probe is not None and transition.subject == self.explanation.subject:
            now = "true" if transition.level_to else "no longer true"
            self.explanation.steps.append(Step(transition.event_ms, "expression", f"{probe.role} {now}: {probe.text}"))
        elif transition.alert == self.explanation.alert:
            self.explanation.steps.append(_said(transition))
        elif transition.explained_by == self.explanation.subject:
            levels = f"{transition.level_from.slug} -> {transition.level_to.slug}"
            text = f"{transition.subject} {transition.title}: {levels}, explained by it"
            self.explanation.steps.append(Step(transition.event_ms, "device", text, level=transition.level_to))

    def _reaches(self, value: float, mark: float) -> bool:
        low = isinstance(self.explanation.rule, LevelRule) and self.explanation.rule.low
        return value <= mark if low else value >= mark


def _said(t: Transition) -> Step:
    doubt = ", suspected" if t.suspected else ""
    evidence = f"after {t.samples} readings, held {t.held_ms // 1000} s" if t.samples else "as time passed"
    advice = f"; {', '.join(t.actions)}" if t.actions else ""
    text = f"{t.level_from.slug} -> {t.level_to.slug}{doubt}, {evidence}{advice}"
    return Step(t.event_ms, "transition", text, t.value, t.level_to)
