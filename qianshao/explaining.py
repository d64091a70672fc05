"""`qianshao rules explain`: a play gone through again without brokers, watching one alert."""

from alerts.deadlines import load_policy
from city.catalogue import Indicator
from city.city import City
from city.errors import QianshaoError
from city.levels import LEVELS
from city.readings import Batch
from city.registry import Device
from city.tables import read_city
from city.transitions import Transition
from qianshao.city_files import load_rules
from qianshao.offline import Observer, play_offline
from qianshao.score import OFFLINE_TICK_MS
from qianshao.settings import Settings
from rules.authoring.explain import Explanation, Recorder, measured_for, probed
from rules.engine.thresholds import thresholds_at
from rules.language.pack import LevelRule, Pack, Rule, all_rules
from simulators.scenario import Scenario

BEFORE_MS, AFTER_MS = 30 * 60_000, 10 * 60_000
"""Readings that are shown before an alert's first transition and after its last."""


class NoSuchAlert(QianshaoError):
    """No alert of a play is called so."""


def explain(settings: Settings, scenario: Scenario, wanted: str) -> Explanation:
    """What led to an alert of a scenario: by its id, or as RULE@SUBJECT for the first of that rule there.

    Raises NoSuchAlert, ConfigErrors.
    """
    city = scenario.populate(read_city(settings.city))
    pack = load_rules(settings, city)
    found = _alert(settings, scenario, city, pack, wanted)
    rule = next(rule for rule in all_rules(pack) if rule.id == found[0].rule and isinstance(rule, Rule))
    probing, probes = probed(pack, rule)
    behind = _behind(found[0], rule, city, pack)
    recorder = Recorder(_begun(found[0], rule, city, behind), {probe.id: probe for probe in probes})
    span = (found[0].event_ms - BEFORE_MS, found[-1].event_ms + AFTER_MS)
    watcher = _Watcher(recorder, city.devices.get(found[0].subject), behind, span)
    _play(settings, scenario, city, probing, watcher)
    order = ("reading", "expression", "transition")
    recorder.explanation.steps.sort(key=lambda step: (step.at_ms, order.index(step.kind)))
    return recorder.explanation


def _play(settings: Settings, scenario: Scenario, city: City, pack: Pack, observer: Observer) -> None:
    shards, policy = settings.kafka.shards, load_policy(settings.city)
    play_offline(scenario.play(city), city, pack, policy, shards, OFFLINE_TICK_MS, scenario.end_ms, observer)


def _alert(settings: Settings, scenario: Scenario, city: City, pack: Pack, wanted: str) -> list[Transition]:
    """All transitions of the alert that is asked for."""
    told = _Told()
    _play(settings, scenario, city, pack, told)
    rule, _, subject = wanted.partition("@")
    first = next((t for t in told.all if wanted == t.alert or (t.rule, t.subject) == (rule, subject)), None)
    if first is None:
        raise NoSuchAlert(_remedy(told.all, wanted, rule))
    return [t for t in told.all if t.alert == first.alert]


def _remedy(told: list[Transition], wanted: str, rule: str) -> str:
    near = dict.fromkeys(f"{t.rule}@{t.subject}" for t in told if t.rule == rule) or dict.fromkeys(t.rule for t in told)
    return f"the play has no alert {wanted!r}; it has e.g. {', '.join(list(near)[:5]) or 'none'}"


def _behind(first: Transition, rule: Rule, city: City, pack: Pack) -> list[Indicator]:
    """The subject's own indicators behind a rule, those that are more than yes or no first; a place has none."""
    device = city.devices.get(first.subject)
    if device is None:
        return []
    reported = {i.id: i for i in city.catalogue.reported(city.area_of(device).risk_class, device.type)}
    named = [reported[name] for name in measured_for(pack, rule) if name in reported]
    return sorted(named, key=lambda indicator: indicator.unit == "1")


def _begun(first: Transition, rule: Rule, city: City, behind: list[Indicator]) -> Explanation:
    """An explanation without steps, with the thresholds that hold at the subject."""
    shown = behind[0] if behind else None
    marks = {}
    if isinstance(rule, LevelRule) and shown is not None and rule.indicator == shown.id:
        here = thresholds_at(rule, city, first.site, first.area)
        marks = {level: mark for level, mark in zip(LEVELS, here, strict=True) if mark is not None}
    return Explanation(first.alert, rule, first.subject, shown.id if shown else "", shown.unit if shown else "", marks)


class _Told(Observer):
    """Keeps what a play's engines say."""

    def __init__(self) -> None:
        self.all: list[Transition] = []

    def transition(self, transition: Transition) -> None:
        self.all.append(transition)


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
