"""Adversarial logs. A log is drawn as a list of small steps, each of which is played out as readings and ticks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from hypothesis import strategies as st

from city.catalogue import COMMON
from city.city import City
from city.fleet import NOWHERE, Fleet
from city.readings import Flag, Tick
from rules.language.pack import Pack
from tests.laws.reference import Reading
from tests.laws.story import START_MS, Entry, Story
from tests.laws.town import ELSEWHERE, SPOKEN, VALUES, packs, shard_fleet, town

INGESTS = ("a", "b", "c")
NOBODY, NOTHING = 999_999, 7_777
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


@dataclass(frozen=True)
class Stage:
    """Where logs play. spoken: indicators by device number. values: telling values by indicator. groups: devices that
    are likely to change together."""

    city: City
    fleet: Fleet
    spoken: dict[int, list[int]]
    values: dict[int, list[float]]
    groups: list[tuple[int, ...]]
    strangers: tuple[int, ...] = (NOBODY,)
    alive: tuple[int, ...] = ()


def groups_of(fleet: Fleet) -> list[tuple[int, ...]]:
    """Every device alone, those of each parent together, and all."""
    numbers = fleet.number.tolist()
    by_parent: dict[int, list[int]] = {}
    for number, parents in zip(numbers, fleet.parents.tolist(), strict=True):
        for parent in parents:
            if parent != NOWHERE:
                by_parent.setdefault(parent, []).append(number)
    return [*((n,) for n in numbers), *(tuple(g) for g in by_parent.values()), tuple(numbers)]


@cache
def town_stage() -> Stage:
    city = town()
    fleet = shard_fleet(city)
    types = [fleet.kinds[kind][1] for kind in fleet.kind]
    spoken = {n: SPOKEN[t] for n, t in zip(fleet.number.tolist(), types, strict=True)}
    return Stage(city, fleet, spoken, VALUES, groups_of(fleet), (NOBODY, ELSEWHERE))


def pack_stage(city: City, fleet: Fleet, pack: Pack) -> Stage:
    """A stage for a pack as shipped: its devices speak of what its rules judge, around its thresholds."""
    spoken: dict[int, list[int]] = {}
    values: dict[int, list[float]] = {}
    numbers = {(i.risk_class, i.id): i.number for i in city.catalogue.indicators}
    beat = numbers[COMMON, "beat"]
    for number, kind in zip(fleet.number.tolist(), fleet.kind, strict=True):
        risk_class, device_type = fleet.kinds[kind]
        spoken[number] = [beat]
        for rule in pack.levels:
            of_class = numbers.get((risk_class, rule.indicator))
            indicator = of_class if of_class is not None else numbers.get((COMMON, rule.indicator))
            if rule.speaks_of(risk_class, device_type) and indicator is not None:
                spoken[number].append(indicator)
                out = 1 if rule.low else -1
                marks = [m for m in rule.threshold if m is not None]
                near = [v for m in marks for v in (m, m + out * rule.margin, m + 2 * out * rule.margin, m - out)]
                values[indicator] = [marks[0] + 3 * out * rule.margin, *near]
    values[beat] = [1.0]
    return Stage(city, fleet, spoken, values, groups_of(fleet), alive=tuple(fleet.number.tolist()))


# Steps ------------------------------------------------------------------------------------------------------------


class Mode(Enum):
    """How a device behaves from now on."""

    ALIVE = "alive"
    NO_BEAT = "gives signs of life, but does not beat"
    ONLY_BEAT = "only beats"
    SILENT = "silent"


class Deed(Enum):
    """What becomes of an ingest process."""

    SPEAKS = "speaks"
    DOWN = "its MQTT session is down"
    QUIET = "writes no ticks"
    RETIRES = "retires"
    LAGS = "its clock is 4 s behind"
    FAR_BEHIND = "its clock is 12 s behind"


@dataclass(frozen=True)
class Rounds:
    """Time goes on: n times, `every_ms` later, devices speak and ingests tick."""

    n: int
    every_ms: int
    step_ms: int
    jitter_ms: int


@dataclass(frozen=True)
class Behave:
    devices: tuple[int, ...]
    mode: Mode


@dataclass(frozen=True)
class Values:
    """From now on these devices report these values of an indicator, in turn."""

    devices: tuple[int, ...]
    indicator: int
    pattern: tuple[float, ...]


@dataclass(frozen=True)
class Odd:
    """One reading out of turn. seq_back: how far behind the device's last seq, -1 for its next."""

    device: int
    indicator: int
    ago_ms: int
    value: float
    seq_back: int
    flags: int


@dataclass(frozen=True)
class Again:
    """An entry of the log so far comes again; `back` from its end."""

    back: int


@dataclass(frozen=True)
class Process:
    ingest: str
    deed: Deed


@dataclass(frozen=True)
class Outage:
    """Nothing at all comes for a while."""

    ms: int


Step = Rounds | Behave | Values | Odd | Again | Process | Outage


@dataclass
class Play:
    """Plays steps out into entries."""

    stage: Stage
    now_ms: int = START_MS
    entries: list[Entry] = field(default_factory=list)
    mode: dict[int, Mode] = field(default_factory=dict)
    patterns: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    seq: dict[int, int] = field(default_factory=dict)
    deeds: dict[str, Deed] = field(default_factory=lambda: {"a": Deed.SPEAKS})
    rounds: int = 0

    def step(self, step: Step) -> None:
        match step:
            case Rounds():
                for _ in range(step.n):
                    self._round(step)
            case Behave(devices, mode):
                self.mode |= dict.fromkeys(devices, mode)
            case Values(devices, indicator, pattern):
                self.patterns |= {(d, indicator): pattern for d in devices if indicator in self.stage.spoken[d]}
                self.mode |= {d: Mode.ALIVE for d in devices if d not in self.mode}
            case Odd():
                self._odd(step)
            case Again(back):
                self.entries += self.entries[len(self.entries) - back :][:1]
            case Process(ingest, deed):
                self._process(ingest, deed)
            case Outage(ms):
                self.now_ms += ms

    def _round(self, step: Rounds) -> None:
        self.now_ms += step.every_ms
        self.rounds += 1
        for device, mode in self.mode.items():
            self.entries += self._words(device, mode, step)
        for ingest, deed in self.deeds.items():
            if deed not in (Deed.QUIET, Deed.RETIRES):
                behind = {Deed.LAGS: 4, Deed.FAR_BEHIND: 12}.get(deed, 0) * SECOND
                self.entries.append(Tick(ingest, self.now_ms - behind, step.step_ms, deed is not Deed.DOWN))

    def _words(self, device: int, mode: Mode, step: Rounds) -> Iterator[Reading]:
        spoken = self.stage.spoken[device]
        beat = spoken[0]
        if mode is Mode.SILENT:
            return
        for indicator in [beat] if mode is Mode.ONLY_BEAT else spoken:
            pattern = self.patterns.get((device, indicator), (1.0,) if indicator == beat else ())
            if not pattern or (mode is Mode.NO_BEAT and indicator == beat):
                continue
            self.seq[device] = self.seq.get(device, 0) + 1
            early = step.jitter_ms * ((self.rounds + device) % 3)
            value = pattern[self.rounds % len(pattern)]
            yield Reading(device, indicator, self.now_ms - early, value, self.seq[device], 0)

    def _odd(self, odd: Odd) -> None:
        seq = max(0, self.seq.get(odd.device, 0) - odd.seq_back)
        self.seq[odd.device] = max(seq, self.seq.get(odd.device, 0))
        self.entries.append(Reading(odd.device, odd.indicator, self.now_ms - odd.ago_ms, odd.value, seq, odd.flags))

    def _process(self, ingest: str, deed: Deed) -> None:
        if deed is Deed.RETIRES:
            self.entries.append(Tick(ingest, self.now_ms, SECOND, True, retired=True))
            self.deeds.pop(ingest, None)
        else:
            self.deeds[ingest] = deed


# Strategies -------------------------------------------------------------------------------------------------------

_EVERY = [MINUTE, 30 * SECOND, 20 * SECOND, 5 * SECOND, 2 * MINUTE, 5 * MINUTE]
_AGO = [
    0, SECOND, -SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 10 * MINUTE, 10 * MINUTE + 1, 11 * MINUTE, 2 * HOUR,
    -5 * MINUTE, -5 * MINUTE + 1, -5 * MINUTE - 1, -6 * MINUTE, -HOUR,
]  # fmt: skip
_FLAGS = [
    Flag(0), Flag.RETAINED, Flag.BACKFILL, Flag.TEST, Flag.SUSPECT_CLOCK, Flag.SUSPECT_CLOCK, Flag.BACKFILL | Flag.TEST,
    Flag.BACKFILL | Flag.SUSPECT_CLOCK,
]  # fmt: skip
_OUTAGES = [MINUTE, 30 * SECOND, 10 * SECOND, 10 * MINUTE, 2 * HOUR]
_OFTEN_ALIVE = [Mode.ALIVE, Mode.SILENT, Mode.NO_BEAT, Mode.ONLY_BEAT, Mode.SILENT]


@st.composite
def _rounds(draw: st.DrawFn, longest: int) -> Rounds:
    every_ms = draw(st.sampled_from(_EVERY)) * longest
    parts = draw(st.sampled_from([1, 1, 1, 2, 10, 20]))
    return Rounds(draw(st.integers(0, 15)), every_ms, every_ms // parts, draw(st.sampled_from([0, 0, 1, 999, 7_000])))


@st.composite
def _values(draw: st.DrawFn, stage: Stage) -> Values:
    devices = draw(st.sampled_from(stage.groups))
    spoken = stage.spoken[devices[0]]
    indicator = draw(st.sampled_from(spoken[1:] or spoken))
    values = st.sampled_from(stage.values[indicator])
    return Values(devices, indicator, tuple(draw(st.lists(values, min_size=1, max_size=4))))


@st.composite
def _odd(draw: st.DrawFn, stage: Stage) -> Odd:
    known = [g[0] for g in stage.groups if len(g) == 1]
    device = draw(st.sampled_from([*known, *known, *stage.strangers]))
    spoken = stage.spoken.get(device, stage.spoken[known[0]])
    indicator = draw(st.sampled_from([*spoken, *spoken, *sorted(stage.values), NOTHING]))
    value = draw(st.sampled_from(stage.values.get(indicator, [0.0])))
    back = draw(st.sampled_from([-1, 0, 1, 3, 1000]))
    return Odd(device, indicator, draw(st.sampled_from(_AGO)), value, back, int(draw(st.sampled_from(_FLAGS))))


@st.composite
def _chapters(draw: st.DrawFn, stage: Stage, longest: int) -> list[Step]:
    """A few things change, then time goes on for a while."""
    behave = st.builds(Behave, st.sampled_from(stage.groups), st.sampled_from(_OFTEN_ALIVE))
    process = st.builds(Process, st.sampled_from(INGESTS), st.sampled_from(list(Deed)))
    again = st.builds(Again, st.integers(1, 60))
    rare = st.one_of(_odd(stage), _odd(stage), again, process, st.builds(Outage, st.sampled_from(_OUTAGES)))
    changes = draw(st.lists(st.one_of(_values(stage), _values(stage), behave, rare), max_size=6))
    return [*changes, draw(_rounds(longest))]


@st.composite
def stories_on(draw: st.DrawFn, stage: Stage, pack: Pack, longest: int = 1) -> Story:
    """A log on this stage, judged by this pack."""
    play = Play(stage, mode=dict.fromkeys(stage.alive, Mode.ALIVE))
    if draw(st.booleans()):
        play.step(Behave(stage.groups[-1], Mode.ALIVE))
        play.step(Rounds(2, MINUTE, MINUTE, 0))
    for chapter in draw(st.lists(_chapters(stage, longest), min_size=4, max_size=12)):
        for step in chapter:
            play.step(step)
    return Story(stage.city, stage.fleet, pack, tuple(play.entries))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A log in the town, judged by a pack of its own."""
    return draw(stories_on(town_stage(), draw(packs())))
