"""`qianshao rules explain`: a play gone through again, watching one alert."""

from city.catalogue import Indicator
from city.city import City
from city.levels import LEVELS
from city.readings import Batch
from city.registry import Device
from city.transitions import Transition
from qianshao.offline import Observer
from qianshao.plays import AFTER_MS, NoSuchAlert, Play
from rules.authoring.explain import Explanation, Recorder, measured_for, probed
from rules.engine.thresholds import thresholds_at
from rules.language.pack import LevelRule, Pack, ParentRule, Rule, all_rules

BEFORE_MS = 30 * 60_000
"""Readings that are shown before an alert's first transition."""


def explain(play: Play, wanted: str) -> Explanation:
    """What led to an alert of a play: by its id, or as RULE@SUBJECT for the first of that rule there. Raises
    NoSuchAlert, ConfigErrors."""
    alert = play.alert(wanted)
    first, city = alert[0], play.city
    if not first.rule_version:
        raise NoSuchAlert(f"{first.alert} came of no rule: {first.title}")
    pack = play.rules_behind(first)
    rule = next(rule for rule in all_rules(pack) if rule.id == first.rule)
    probing, probes = probed(pack, rule)
    behind = _behind(first, rule, city, pack)
    recorder = Recorder(_begun(first, rule, city, behind), {probe.id: probe for probe in probes})
    span = (first.event_ms - BEFORE_MS, alert[-1].event_ms + AFTER_MS)
    play.go_through(probing, alert, _Watcher(recorder, city.devices.get(first.subject), behind, span))
    steps = recorder.explanation.steps
    if not any(step.kind == "transition" for step in steps):
        raise NoSuchAlert(f"{first.alert} does not come again from these readings; a longer --warm-up may help")
    order = ("reading", "device", "expression", "transition")
    steps.sort(key=lambda step: (step.at_ms, order.index(step.kind)))
    return recorder.explanation


def _behind(first: Transition, rule: Rule | ParentRule, city: City, pack: Pack) -> list[Indicator]:
    """The subject's own indicators behind a rule, those that are more than yes or no first; a place has none."""
    device = city.devices.get(first.subject)
    if device is None:
        return []
    reported = {i.id: i for i in city.catalogue.reported(city.area_of(device).risk_class, device.type)}
    named = [reported[name] for name in measured_for(pack, rule) if name in reported]
    return sorted(named, key=lambda indicator: indicator.unit == "1")


def _begun(first: Transition, rule: Rule | ParentRule, city: City, behind: list[Indicator]) -> Explanation:
    """An explanation without steps, with the thresholds that hold at the subject."""
    shown = behind[0] if behind else None
    marks = {}
    if isinstance(rule, LevelRule) and shown is not None and rule.indicator == shown.id:
        here = thresholds_at(rule, city, first.site, first.area)
        marks = {level: mark for level, mark in zip(LEVELS, here, strict=True) if mark is not None}
    return Explanation(first.alert, rule, first.subject, shown.id if shown else "", shown.unit if shown else "", marks)


class _Watcher(Observer):
    """Passes on to a recorder what concerns its alert, within a span of time."""

    def __init__(
        self, recorder: Recorder, device: Device | None, behind: list[Indicator], span: tuple[int, int]
    ) -> None:
        self._recorder, self._device, self._span = recorder, device, span
        self._behind = {indicator.number: indicator for indicator in behind}

    def transition(self, transition: Transition) -> None:
        if self._span[0] <= transition.event_ms <= self._span[1]:
            self._recorder.transition(transition)

    def readings(self, batch: Batch) -> None:
        if self._device is None:
            return
        mine = batch.device == self._device.number
        rows = zip(
            batch.indicator[mine].tolist(), batch.event_ms[mine].tolist(), batch.value[mine].tolist(), strict=True
        )
        for number, at_ms, value in rows:
            if number in self._behind and self._span[0] <= at_ms <= self._span[1]:
                self._recorder.reading(at_ms, value, self._behind[number].id, self._behind[number].unit)
