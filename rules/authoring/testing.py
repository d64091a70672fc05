"""Running tests of rules: their readings through the real engine, in virtual time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from city.catalogue import Catalogue
from city.city import City
from city.fleet import fleet_of
from city.levels import LEVELS, Level
from city.readings import Batch, Tick, batch_of
from city.transitions import Transition
from rules.authoring.test_file import Expectation, ReadyFile, ReadyTest, all_tests
from rules.authoring.town import TownDevice, build_town
from rules.engine.shard import Shard
from rules.language.pack import AbsenceRule, LevelRule, Pack, ParentRule, Rule, all_rules

STEP_MS = 10_000
INGEST = "test"
BEAT = "beat"
Row = tuple[int, int, int, float]
"""Time in ms from the beginning, numbers of device and indicator, value."""


@dataclass(frozen=True)
class Failure:
    """What was expected, and what came in its place."""

    expected: str
    came: str


@dataclass(frozen=True)
class Outcome:
    """How a test went. reached: rules and the levels that their alerts came to in it."""

    test: ReadyTest
    failures: list[Failure]
    reached: set[tuple[str, Level]]


@dataclass(frozen=True)
class Coverage:
    """Rules and levels of a pack, and those that no test has brought about."""

    rules: int
    unreached_rules: list[str]
    levels: int
    unreached_levels: list[tuple[str, Level]]


@dataclass
class _Told:
    """What a test's alerts have said so far: by rule and subject, the last of each; and all of it."""

    last: dict[tuple[str, str], Transition] = field(default_factory=dict)
    all: list[Transition] = field(default_factory=list)

    def take(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            self.last[(transition.rule, transition.subject)] = transition
            self.all.append(transition)


def run_tests(files: list[ReadyFile], pack: Pack, catalogue: Catalogue, time_zone: str) -> Iterator[Outcome]:
    """Runs each test in a fresh engine on the town of its file."""
    for town, test in all_tests(files):
        yield _run(town, test, pack, build_town(town, catalogue, time_zone))


def coverage(pack: Pack, outcomes: list[Outcome]) -> Coverage:
    """Which rules and levels the tests have brought about."""
    every = [(rule.id, level) for rule in all_rules(pack) for level in _levels(rule)]
    reached = {pair for outcome in outcomes for pair in outcome.reached}
    rules = [rule.id for rule in all_rules(pack)]
    return Coverage(
        rules=len(rules),
        unreached_rules=[rule for rule in rules if not any(rule == of for of, _ in reached)],
        levels=len(every),
        unreached_levels=[pair for pair in every if pair not in reached],
    )


def _levels(rule: Rule | ParentRule) -> list[Level]:
    """The levels that a rule has."""
    if isinstance(rule, ParentRule):
        return [rule.level]
    if isinstance(rule, LevelRule):
        return [level for level, mark in zip(LEVELS, rule.threshold, strict=True) if mark is not None]
    assert isinstance(rule, AbsenceRule)
    after = zip(LEVELS, rule.after_ms, rule.intervals, strict=True)
    return [level for level, ms, intervals in after if ms is not None or intervals is not None]


def _run(town: list[TownDevice], test: ReadyTest, pack: Pack, city: City) -> Outcome:
    start_ms = round(test.node.start.replace(tzinfo=ZoneInfo(city.time_zone)).timestamp() * 1000)
    shard, told = Shard(city, fleet_of(city), pack), _Told()
    told.take(shard.tick(Tick(INGEST, start_ms, STEP_MS, True)))
    end_ms = max(time for time, _ in test.expected)
    rows, due = _rows(town, test, city, end_ms), sorted(test.expected, key=lambda e: e[0])
    failures: list[Failure] = []
    done = 0
    for now_ms in range(0, end_ms + STEP_MS, STEP_MS):
        arrived = done
        while arrived < len(rows) and rows[arrived][0] <= now_ms:
            arrived += 1
        if arrived > done:
            told.take(shard.apply(_batch(rows[done:arrived], start_ms, done)))
            done = arrived
        if now_ms:
            told.take(shard.tick(Tick(INGEST, start_ms + now_ms, STEP_MS, True)))
        while due and due[0][0] <= now_ms:
            failures += _checked(due.pop(0)[1], told)
    return Outcome(test, failures, {(t.rule, t.level_to) for t in told.all})


def _rows(town: list[TownDevice], test: ReadyTest, city: City, end_ms: int) -> list[Row]:
    """All readings of a test in order of time, and the beats of every device that is not silent."""
    numbers = {device.id: device.number for device in city.devices.values()}
    intervals = {t.slug: t.interval_s for t in city.catalogue.device_types}
    beat = next(i.number for i in city.catalogue.indicators if i.id == BEAT)
    silent = {device.id: test.silent_ms.get(device.id, end_ms + 1) for device in town}
    rows = [
        (sample.at_ms, numbers[s.device.id], s.indicator.number, sample.value)
        for s in test.series
        for sample in s.samples
        if sample.at_ms < silent[s.device.id]
    ]
    for device in town:
        step_ms = 1000 * (device.interval_s or intervals[device.type])
        rows += [(at_ms, numbers[device.id], beat, 1.0) for at_ms in range(0, silent[device.id], step_ms)]
    return sorted(rows)


def _batch(rows: list[Row], start_ms: int, first_seq: int) -> Batch:
    times, devices, indicators, values = (list(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return batch_of(
        devices,
        indicators,
        [start_ms + at_ms for at_ms in times],
        values,
        list(range(first_seq, first_seq + n)),
        [0] * n,
    )


def _checked(expected: Expectation, told: _Told) -> Iterator[Failure]:
    """What is not as expected, at the time for which it is expected."""
    if expected.never is not None:
        yield from _never(expected, told)
    elif expected.by is not None:
        yield from _by(expected, told)
    else:
        yield from _at(expected, told)


def _at(expected: Expectation, told: _Told) -> Iterator[Failure]:
    alerts = [t for (rule, on), t in told.last.items() if rule == expected.alert and expected.on in (None, on)]
    worst = max(alerts, key=lambda t: t.level_to, default=None)
    level = worst.level_to if worst else Level.NONE
    wrong_state = level and expected.state and worst and worst.suspected != (expected.state == "suspected")
    if level.slug != expected.level or wrong_state or not _asks(worst, expected.actions):
        yield Failure(_words(expected), _said(worst) if worst else "no such alert")


def _by(expected: Expectation, told: _Told) -> Iterator[Failure]:
    alerts = [t for t in told.all if t.rule == expected.alert and expected.on in (None, t.subject)]
    fitting = [
        t
        for t in alerts
        if t.level_to >= Level.of(expected.level or "none")
        and (expected.state is None or t.suspected == (expected.state == "suspected"))
        and _asks(t, expected.actions)
    ]
    if not fitting:
        worst = max(alerts, key=lambda t: t.level_to, default=None)
        yield Failure(_words(expected), f"at most: {_said(worst)}" if worst else "no such alert")


def _never(expected: Expectation, told: _Told) -> Iterator[Failure]:
    never = expected.never
    assert never is not None
    for t in told.all:
        about = never.alert in (None, t.rule) and never.on in (None, t.subject)
        if about and t.level_to >= Level.of(never.level):
            yield Failure(f"until {expected.until} never {never.alert or 'any alert'} {never.level}", _said(t))
            return


def _asks(transition: Transition | None, actions: list[str]) -> bool:
    return not actions or (transition is not None and set(actions) <= set(transition.actions))


def _words(e: Expectation) -> str:
    when = f"at {e.at}" if e.at else f"by {e.by}"
    return " ".join(filter(None, (when, e.alert, e.on and f"on {e.on}", e.level, e.state, *e.actions)))


def _said(t: Transition) -> str:
    state = " suspected" if t.suspected else ""
    return f"{t.rule} on {t.subject} {t.level_to.slug}{state} (value {t.value:g} {t.unit})".replace(" )", ")")
