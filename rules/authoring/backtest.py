"""`rules backtest`: what a pack says of a log that was, and in what that differs from what was said when it came."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from city.levels import Level
from city.readings import Batch, Tick
from city.transitions import Nature, Transition
from rules.engine.shard import Shard


@dataclass
class Judged:
    """What a shard's engine made of its part of the log. `readings`, `ticks`: how many it took in."""

    transitions: list[Transition] = field(default_factory=list)
    readings: int = 0
    ticks: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


def judge(engine: Shard, said: Iterable[Batch | Tick]) -> Judged:
    """Have an engine judge batches and ticks of its shard, in the order of the log."""
    judged = Judged()
    for each in said:
        if isinstance(each, Tick):
            judged.ticks += 1
            judged.transitions += engine.tick(each)
        else:
            judged.readings += len(each)
            judged.transitions += engine.apply(each)
    judged.outcomes.update(engine.outcomes)
    return judged


def in_log_order(shards: Iterable[list[Transition]]) -> list[Transition]:
    """Transitions of several shards as one who hears all of them would: by log time, those of one shard in their
    order."""
    return sorted((told for of_shard in shards for told in of_shard), key=lambda told: told.log_ms)


@dataclass(frozen=True)
class Spell:
    """An alert from its beginning to its end. steps: event time, ms UTC, and the level it went to, whether it was
    suspected and what explained it."""

    alert: str
    rule: str
    title: str
    nature: Nature
    risk_class: str | None
    subject: str
    steps: tuple[tuple[int, Level, bool, str | None], ...]

    @property
    def begin_ms(self) -> int:
        return self.steps[0][0]

    @property
    def end_ms(self) -> int | None:
        """None while it stands."""
        last_ms, level, _, _ = self.steps[-1]
        return last_ms if level is Level.NONE else None

    @property
    def peak(self) -> Level:
        return max(level for _, level, _, _ in self.steps)

    def stands_after(self, ms: int) -> bool:
        return self.end_ms is None or self.end_ms >= ms

    def meets(self, other: "Spell") -> bool:
        """Whether both stood at one time."""
        return self.stands_after(other.begin_ms) and other.stands_after(self.begin_ms)


def spells(transitions: Iterable[Transition], start_ms: int | None = None) -> list[Spell]:
    """The alerts of transitions that stood at a time or came later, by when they began."""
    of_alert: dict[str, list[Transition]] = defaultdict(list)
    for told in transitions:
        of_alert[told.alert].append(told)
    found = (_spell(told) for told in of_alert.values())
    kept = [spell for spell in found if start_ms is None or spell.stands_after(start_ms)]
    return sorted(kept, key=lambda spell: (spell.begin_ms, spell.rule, spell.subject))


def _spell(told: list[Transition]) -> Spell:
    first = told[0]
    steps = tuple((t.event_ms, t.level_to, t.suspected, t.explained_by) for t in told)
    return Spell(first.alert, first.rule, first.title, first.nature, first.risk_class, first.subject, steps)


@dataclass(frozen=True)
class Comparison:
    """Alerts of a pack against those that were told live. changed: (live, now) of one rule and subject that stood at
    one time, and did not go the same way."""

    same: int
    changed: list[tuple[Spell, Spell]]
    new: list[Spell]
    gone: list[Spell]

    @property
    def exact(self) -> bool:
        return not (self.changed or self.new or self.gone)


def compare(live: list[Spell], now: list[Spell]) -> Comparison:
    """Alerts as they were told, and as they would be."""
    left, changed, new, same = _by_subject(live), [], [], 0
    for spell in now:
        rivals = left.get((spell.rule, spell.subject), [])
        before = next((each for each in rivals if each.steps == spell.steps), None)
        before = before or next((each for each in rivals if each.meets(spell)), None)
        if before is None:
            new.append(spell)
            continue
        rivals.remove(before)
        if before.steps == spell.steps:
            same += 1
        else:
            changed.append((before, spell))
    gone = sorted((spell for rest in left.values() for spell in rest), key=lambda spell: spell.begin_ms)
    return Comparison(same, changed, new, gone)


def _by_subject(found: list[Spell]) -> dict[tuple[str, str], list[Spell]]:
    of: dict[tuple[str, str], list[Spell]] = defaultdict(list)
    for spell in found:
        of[spell.rule, spell.subject].append(spell)
    return of


@dataclass
class RuleCount:
    """What a rule said: alerts by their peak level, and on how many subjects."""

    rule: str
    title: str
    nature: Nature
    risk_class: str | None
    peaks: Counter[Level] = field(default_factory=Counter)
    subjects: set[str] = field(default_factory=set)

    @property
    def alerts(self) -> int:
        return sum(self.peaks.values())


def count(found: list[Spell]) -> list[RuleCount]:
    """By rule, the most alerts first."""
    counts: dict[str, RuleCount] = {}
    for spell in found:
        of = counts.setdefault(spell.rule, RuleCount(spell.rule, spell.title, spell.nature, spell.risk_class))
        of.peaks[spell.peak] += 1
        of.subjects.add(spell.subject)
    return sorted(counts.values(), key=lambda of: (-of.alerts, of.rule))


def standing(found: Iterable[Spell], first_ms: int, last_ms: int) -> Iterator[tuple[int, dict[Level, int]]]:
    """How many alerts stood at each level, from each time on at which that changed, within a span; at its begin
    first."""
    moves: Counter[tuple[int, Level]] = Counter()
    for spell in found:
        before = Level.NONE
        for ms, level, _, _ in spell.steps:
            at = max(ms, first_ms)
            moves[at, before] -= 1
            moves[at, level] += 1
            before = level
    levels: Counter[Level] = Counter()
    times = sorted({first_ms, *(ms for ms, _ in moves if ms <= last_ms)})
    for ms in times:
        for level in Level:
            levels[level] += moves[ms, level]
        yield ms, {level: levels[level] for level in Level if level is not Level.NONE}
