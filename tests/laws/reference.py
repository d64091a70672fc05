"""The rules told a second time: a plain, slow interpreter that takes one reading, then the next.

Written from docs/rules.md alone, and kept apart from `rules/engine`, which it shows to be right or wrong. Each class
is one clause of that page: `Sight` 2, `Series` 3 and 4, `Watch` 5, `Track` 6 and 11, `Hanging` 7;
`tests.laws.expressions` is 9, `tests.laws.interpreter` walks them all.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from city.levels import LEVELS, Level
from city.readings import Batch, Flag, Tick
from city.transitions import Nature
from rules.language.expressions import Node
from rules.language.pack import AbsenceRule, Confirmation, LevelRule, Marks, ParentRule
from tests.laws.expressions import CALM, Quantity, Value

FUTURE_MS = 300_000
LEAST_PATIENCE_MS = 10_000
Ask = Callable[[Node], Value]
"""What an expression of a rule is worth now."""


class Said(NamedTuple):
    """What is compared of a transition. `seq` is the trigger's, None where time did it."""

    rule: str
    subject: str
    level_from: Level
    level_to: Level
    event_ms: int
    log_ms: int
    since_ms: int
    explained_by: str | None
    nature: Nature
    value: float
    seq: int | None
    suspected: bool = False


class Reading(NamedTuple):
    """One row of a batch."""

    device: int
    indicator: int
    event_ms: int
    value: float
    seq: int
    flags: int


def rows_of(batch: Batch) -> list[Reading]:
    """The rows of a batch as plain Python values."""
    return [Reading(*row) for row in zip(*(column.tolist() for column in batch.columns), strict=True)]


@dataclass
class Alert:
    """Clause 8: one (rule, subject) between leaving none and coming back to it."""

    rule: str
    subject: str
    nature: Nature
    level: Level = Level.NONE
    since_ms: int = 0

    def move(
        self,
        level: Level,
        event_ms: int,
        log_ms: int,
        value: float = 0.0,
        seq: int | None = None,
        explained_by: str | None = None,
        suspected: bool = False,
    ) -> Said:
        """Go to a level, which may be the present one, and say so."""
        if self.level is Level.NONE:
            self.since_ms = event_ms
        before, self.level = self.level, level
        return Said(
            self.rule,
            self.subject,
            before,
            level,
            event_ms,
            log_ms,
            self.since_ms,
            explained_by,
            self.nature,
            value,
            seq,
            suspected,
        )


def existing(marks: Marks) -> dict[Level, float]:
    """The levels that a rule has, from the lowest up."""
    return {level: mark for level, mark in zip(LEVELS, marks, strict=True) if mark is not None}


def next_lower(level: Level, levels: dict[Level, float]) -> Level:
    return max((lower for lower in levels if lower < level), default=Level.NONE)


# Clause 2 ---------------------------------------------------------------------------------------------------------


@dataclass
class Ingest:
    """One ingest process, by its last tick."""

    clock_ms: int
    step_ms: int
    up: bool
    alert: Alert

    @property
    def patience_ms(self) -> int:
        return max(LEAST_PATIENCE_MS, 10 * self.step_ms)

    @property
    def blind(self) -> bool:
        return self.alert.level is not Level.NONE


@dataclass
class Sight:
    """Clause 2: log time T and sighted time S. `log_ms` is None before the first tick."""

    log_ms: int | None = None
    sighted_ms: int = 0
    ingests: dict[str, Ingest] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        return any(ingest.blind for ingest in self.ingests.values())

    def fresh(self, ingest: Ingest) -> bool:
        newest = max(other.clock_ms for other in self.ingests.values())
        return ingest.clock_ms >= newest - ingest.patience_ms

    def observe(self, tick: Tick) -> list[Said]:
        """Let one tick count, and say through whom blindness begins and ends."""
        log_before, blind_before, known = self.log_ms, self.blind, self.ingests.get(tick.ingest)
        clock_before = known.clock_ms if known else tick.clock_ms
        alert = known.alert if known else Alert("blind", tick.ingest, Nature.BLIND)
        ingest = Ingest(max(clock_before, tick.clock_ms), tick.step_ms, tick.up, alert)
        gap = tick.clock_ms - clock_before > ingest.patience_ms
        if tick.retired:
            self.ingests.pop(tick.ingest, None)
        else:
            self.ingests[tick.ingest] = ingest
        self._advance()
        said: list[Said] = []
        if gap and not ingest.blind:
            said.append(alert.move(Level.ORANGE, clock_before, self._now))
        if tick.retired and ingest.blind:
            said.append(alert.move(Level.NONE, max(self._now, alert.since_ms), self._now))
        said += self._changes(tick, clock_before)
        if log_before is not None and not (blind_before or self.blind or gap):
            self.sighted_ms += self._now - log_before
        return said

    @property
    def _now(self) -> int:
        return self.log_ms or 0

    def _advance(self) -> None:
        clocks = [ingest.clock_ms for ingest in self.ingests.values() if self.fresh(ingest)]
        if clocks:
            self.log_ms = max(min(clocks), min(clocks) if self.log_ms is None else self.log_ms)

    def _changes(self, tick: Tick, clock_before: int) -> Iterator[Said]:
        for name, ingest in self.ingests.items():
            blind = not self.fresh(ingest) or not ingest.up
            if blind and not ingest.blind:
                last_clock = clock_before if name == tick.ingest else ingest.clock_ms
                yield ingest.alert.move(Level.ORANGE, last_clock, self._now)
            elif ingest.blind and not blind:
                yield ingest.alert.move(Level.NONE, ingest.clock_ms, self._now)


# Clause 6 ---------------------------------------------------------------------------------------------------------


class Track:
    """Clauses 6 and 11: one rule's judgement of one series."""

    def __init__(self, rule: LevelRule, subject: str, threshold: Marks) -> None:
        self.rule = rule
        self.alert = Alert(rule.id, subject, rule.nature)
        self.sign = -1.0 if rule.low else 1.0
        self.threshold = {level: self.sign * mark for level, mark in existing(threshold).items()}
        self.hold = {level: rule.hold_ms[level - 1] for level in self.threshold}
        self.held_since: dict[Level, int] = {}
        self.samples: dict[Level, int] = {}
        self.clear_since: int | None = None
        self.last: int | None = None
        self.last_value: Value = 0.0
        self.raw = self.stay = Level.NONE
        self.confirmed = self.told_suspected = False

    def judge(
        self, value: Value, t: int, seq: int | None, log_ms: int, ask: Ask, second_look: bool = False
    ) -> Iterator[Said]:
        """An accepted value, or once more the last one."""
        self.last_value = value
        v = -math.inf if value == CALM else self.sign * float(value)  # type: ignore[arg-type]
        raw = max((level for level, mark in self.threshold.items() if v >= mark), default=Level.NONE)
        stay = max((level for level, m in self.threshold.items() if v >= m - self.rule.margin), default=Level.NONE)
        if raw is Level.NONE and self.alert.level is Level.NONE and not self.held_since:
            self.last, self.raw, self.stay, self.confirmed = t, raw, stay, False
            return
        if self.rule.when is not None:
            true = ask(self.rule.when)
            if true is None:
                return
            raw, stay = (raw, stay) if true == 1.0 else (Level.NONE, Level.NONE)
        self.raw = raw
        if raw is not Level.NONE or self.alert.level is not Level.NONE:
            raw, stay = self._modified(raw, stay, t, ask)
        stale = self.last is not None and t - self.last > self.rule.max_gap_ms
        self.last = self.last if second_look else t
        self.stay = stay
        self._count(raw, t, stale, second_look)
        said = list(self._step(t, stale, seq, log_ms))
        if not said and self.alert.level is not Level.NONE and self.told_suspected and self.confirmed:
            said = [self._move(self.alert.level, t, log_ms, seq)]
        yield from said

    def _modified(self, raw: Level, stay: Level, t: int, ask: Ask) -> tuple[Level, Level]:
        """Clause 11, 2 to 4."""
        for promotion in self.rule.promotions:
            if ask(promotion.when) == 1.0:
                raw, stay = (self._promoted(level, promotion.by, promotion.to) for level in (raw, stay))
        for cap in self.rule.caps:
            if ask(cap.when) == 1.0:
                raw, stay = min(raw, cap.level), min(stay, cap.level)
        confirmation = self.rule.confirmation
        if confirmation is None:
            return raw, stay
        if self.alert.level is Level.NONE or not self.confirmed:
            self.confirmed = _witnessed(confirmation, ask)
        if not self.confirmed:
            waited = self.alert.level is not Level.NONE and confirmation.for_ms is not None
            late = waited and t - self.alert.since_ms >= (confirmation.for_ms or 0)
            most = confirmation.then if late else confirmation.cap
            raw, stay = min(raw, most), min(stay, most)
        return raw, stay

    def _promoted(self, level: Level, by: int, to: Level) -> Level:
        if level is Level.NONE:
            return level
        higher = [other for other in self.threshold if other > level]
        level = ([level, *higher][: by + 1])[-1]
        return max(level, to)

    def _count(self, raw: Level, t: int, stale: bool, second_look: bool) -> None:
        for level in self.threshold:
            if raw < level:
                self.held_since.pop(level, None)
                self.samples.pop(level, None)
                continue
            begins = level not in self.held_since or stale
            if begins:
                self.held_since[level], self.samples[level] = t, 0
            if begins or not second_look:
                self.samples[level] = min(self.samples[level] + 1, 255)

    def _step(self, t: int, stale: bool, seq: int | None, log_ms: int) -> Iterator[Said]:
        """6.3 to 6.5."""
        reached = max((level for level in self.held_since if self._reached(level, t)), default=Level.NONE)
        if reached > self.alert.level:
            self.clear_since = None
            yield self._move(reached, t, log_ms, seq)
        elif self.alert.level is not Level.NONE:
            if self.stay >= self.alert.level:
                self.clear_since = None
                return
            if self.clear_since is None or stale:
                self.clear_since = t
            if t - self.clear_since >= self.rule.clear_ms:
                yield self._step_down(t, log_ms, seq)

    def _reached(self, level: Level, t: int) -> bool:
        return self.samples[level] >= self.rule.min_samples and t - self.held_since[level] >= self.hold[level]

    def _step_down(self, t: int, log_ms: int, seq: int | None = None) -> Said:
        lower = next_lower(self.alert.level, self.threshold)
        self.clear_since = t if self.stay < lower else None
        return self._move(lower, t, log_ms, seq)

    def _move(self, level: Level, t: int, log_ms: int, seq: int | None = None) -> Said:
        suspected = self.rule.confirmation is not None and not self.confirmed and level is not Level.NONE
        self.told_suspected = suspected
        if level is Level.NONE:
            self.confirmed = False
        value = self.last_value if isinstance(self.last_value, float) else 0.0
        return self.alert.move(level, t, log_ms, value, seq, suspected=suspected)

    def pass_time(self, log_ms: int) -> Iterator[Said]:
        """What time alone brings, in order of time."""
        while (due := self._earliest()) is not None and due[0] <= log_ms:
            t, level = due
            if level > self.alert.level:
                self.clear_since = None
                yield self._move(level, t, log_ms)
            else:
                yield self._step_down(t, log_ms)

    def _earliest(self) -> tuple[int, Level] | None:
        """When and to what: the higher level first, up before down."""
        if self.last is None:
            return None
        ups = [
            (since + self.hold[level], level)
            for level, since in self.held_since.items()
            if level > self.alert.level and self.samples[level] >= self.rule.min_samples
        ]
        downs = []
        if self.alert.level is not Level.NONE and self.clear_since is not None:
            downs = [(self.clear_since + self.rule.clear_ms, Level.NONE)]
        possible = [due for due in ups + downs if due[0] <= self.last + self.rule.max_gap_ms]
        return min(possible, key=lambda due: (due[0], -due[1]), default=None)


def _witnessed(confirmation: Confirmation, ask: Ask) -> bool:
    """Looking no further than needed, as `and` and `or` do."""
    wanted = 0.0 if confirmation.all_ else 1.0
    seen: list[Value] = []
    for witness in confirmation.witnesses:
        seen.append(ask(witness))
        if seen[-1] == wanted:
            return not confirmation.all_
    return confirmation.all_ and all(value == 1.0 for value in seen)


# Clauses 3 and 4 --------------------------------------------------------------------------------------------------


def is_old(reading: Reading, newest: tuple[int, int] | None) -> bool:
    """Whether a reading is a duplicate or late, by time and seq of the newest. A suspect clock's time is that of its
    arrival, so that seq alone tells a duplicate."""
    if newest is None:
        return False
    same = bool(reading.flags & Flag.SUSPECT_CLOCK) and reading.seq == newest[1]
    return same or (reading.event_ms, reading.seq) <= newest


class Sample(NamedTuple):
    t: int
    value: float


class Series:
    """One measured indicator of one device: clauses 3.6 to 3.9, and 4."""

    def __init__(self, quantity: Quantity, quarantines: bool, max_step_per_min: float | None, late_s: int) -> None:
        self.quantity = quantity
        self.late_ms = 1000 * late_s
        self.max_step = max_step_per_min if quarantines else None
        self.newest: tuple[int, int] | None = None
        self.accepted: Sample | None = None
        self.odd: list[Sample] = []  # `o`, and the one that agreed with it

    def take(self, reading: Reading, log_ms: int) -> tuple[str, list[Sample]]:
        """Outcome of a reading that came as far as 3.6, and what is to be judged."""
        t, seq = reading.event_ms, reading.seq
        if is_old(reading, self.newest):
            return "duplicate_or_late", []
        self.newest = (t, seq)
        if reading.flags & (Flag.BACKFILL | Flag.TEST) or t < log_ms - self.late_ms:
            return "history", []
        self.quantity.came.append((t, reading.value))
        sample = Sample(t, reading.value)
        settled = self._settle(sample)
        if settled is None:
            return "quarantined", []
        self.accepted = sample
        return "judged", [*settled, sample]

    def _settle(self, sample: Sample) -> list[Sample] | None:
        """Clause 4: None while `sample` is quarantined, else what is to be judged before it."""
        if self.max_step is None or self.accepted is None or self._agree(self.accepted, sample):
            self.odd = []
            return []
        if not self.odd or not self._agree(self.odd[-1], sample):
            self.odd = [sample]
            return None
        if len(self.odd) == 1:
            self.odd.append(sample)
            return None
        first, self.odd = self.odd[0], []
        return [first]

    def _agree(self, x: Sample, v: Sample) -> bool:
        return abs(v.value - x.value) <= (self.max_step or 0.0) * max(1.0, (v.t - x.t) / 60_000)


# Clause 5 ---------------------------------------------------------------------------------------------------------


class State(Enum):
    PRESENT = 1
    UNDECLARED = 2
    DECLARED = 3
    RETURNED = 4


class Watch:
    """Clause 5: one absence rule's judgement of one device."""

    def __init__(self, rule: AbsenceRule, device: str, interval_ms: int, signs: set[int]) -> None:
        self.rule, self.device, self.interval_ms, self.signs = rule, device, interval_ms, signs
        self.after = _after_times(rule, interval_ms)
        self.alert = Alert(rule.id, device, rule.nature)
        self.state = State.PRESENT
        self.newest: tuple[int, int] | None = None
        self.seen = 0
        self.silent_since = 0
        self.returned_at = 0
        self.explained_by: str | None = None
        self.told: str | None = None  # `explained_by`, as the last transition had it

    @property
    def silent(self) -> bool:
        return self.state in (State.UNDECLARED, State.DECLARED)

    def hear(self, reading: Reading, sighted_ms: int) -> None:
        """Take a reading as a sign of life, if it is one."""
        if reading.indicator not in self.signs or is_old(reading, self.newest):
            return
        self.newest, self.seen = (reading.event_ms, reading.seq), sighted_ms
        if self.state is State.UNDECLARED:
            self.state = State.PRESENT
        elif self.state is State.DECLARED:
            self.state, self.returned_at = State.RETURNED, sighted_ms

    def level_at(self, age_ms: int) -> Level:
        return max((level for level, after in self.after.items() if age_ms >= after), default=Level.NONE)

    def together_with(self, d: "Watch") -> bool:
        """Whether it fell silent together with d."""
        return self.silent and abs(self.seen - d.seen) <= 1.5 * d.interval_ms

    def move(self, level: Level, log_ms: int, sighted_ms: int) -> Said:
        """Go to a level, which may be the present one, and say what explains it."""
        self.told = self.explained_by
        age_s = (sighted_ms - self.seen) / 1000
        return self.alert.move(level, log_ms, log_ms, value=age_s, explained_by=self.explained_by)


def _after_times(rule: AbsenceRule, interval_ms: int) -> dict[Level, float]:
    after: dict[Level, float] = {}
    least = 0.0
    for level, ms in existing(rule.after_ms).items():
        intervals = rule.intervals[level - 1] or 0.0
        after[level] = least = max(least, ms, intervals * interval_ms)
    return after


# Clause 7 ---------------------------------------------------------------------------------------------------------


class Hanging:
    """Clause 7: a parent, and what hangs on it. `watches`: the `of: any` rules of its devices in this shard."""

    def __init__(self, rule: ParentRule, parent: str) -> None:
        self.rule, self.parent = rule, parent
        self.share = Fraction(str(rule.silent))
        self.alert = Alert(rule.id, parent, Nature.PARENT)
        self.watches: list[Watch] = []
        self.under_since: int | None = None

    @property
    def dark(self) -> bool:
        return self.alert.level is not Level.NONE

    @property
    def silent(self) -> int:
        return sum(watch.silent for watch in self.watches)

    def qualifies(self, d: Watch) -> Fraction | None:
        """The share of silent devices with which this parent qualifies as the cause of d's silence, or None."""
        if self.dark:
            return Fraction(1)
        heard = sum(not w.silent and w.seen >= d.seen + 1.5 * d.interval_ms for w in self.watches)
        together = self.together(d)
        share = Fraction(together, together + heard)
        many = self.rule.points is not None and together >= self.rule.points
        return share if many or (together >= self.rule.at_least and share >= self.share) else None

    def together(self, d: Watch) -> int:
        return sum(watch.together_with(d) for watch in self.watches)

    def darken(self, d: Watch, log_ms: int, sighted_ms: int) -> Iterator[Said]:
        """Become dark as the cause of d's silence, and of that of others before it."""
        self.under_since = None
        yield self.alert.move(self.rule.level, log_ms, log_ms, value=self.together(d))
        for watch in self.watches:
            if watch.state is State.DECLARED and watch.explained_by is None and watch.together_with(d):
                watch.explained_by = self.parent
                yield watch.move(watch.alert.level, log_ms, sighted_ms)

    def clear(self, log_ms: int, sighted_ms: int) -> Iterator[Said]:
        """What the end of a tick brings to a dark parent."""
        if not Fraction(self.silent, len(self.watches)) < self.share / 2:
            self.under_since = None
            return
        if self.under_since is None:
            self.under_since = sighted_ms
        if sighted_ms - self.under_since < self.rule.clear_ms:
            return
        yield self.alert.move(Level.NONE, log_ms, log_ms, value=self.silent)
        for watch in self.watches:
            if watch.silent and watch.explained_by == self.parent:
                watch.explained_by = None
                yield watch.move(watch.alert.level, log_ms, sighted_ms)


def likeliest(hanging: list[Hanging], d: Watch) -> Hanging | None:
    """The cause of d's silence among its parents, most specific first."""
    best: tuple[Hanging, Fraction] | None = None
    tenth = Fraction(1, 10)
    for parent in hanging:
        share = parent.qualifies(d)
        if share is None:
            continue
        more = best is not None and parent.together(d) > best[0].together(d)
        if best is None or share > best[1] + tenth or (share >= best[1] - tenth and more):
            best = (parent, share)
    return best[0] if best else None
