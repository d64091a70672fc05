"""A Comparison determines in what two judgements of one log differ: those of the rules in force and of a candidate.

For every rule and subject each of them is at some level, with or without a witness, at any time. A *difference* is a
stretch of time in which they are not the same, from where they were to where they are again. So two judgements have no
difference if, and only if, everybody hears the same at the same time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import groupby
from types import MappingProxyType
from typing import Any

from city.levels import Level
from city.transitions import Transition

MOST_KEPT = 2_000
"""Differences that are kept one by one; beyond, they are counted."""


class Kind(Enum):
    """ONLY_CANDIDATE, ONLY_LIVE: the other said nothing. OTHER_LEVEL: both spoke. EARLIER, LATER: the candidate went
    where the rules in force went, at another time. OTHER_WORDS: of the same level, but suspected, explained, or with
    other advice."""

    ONLY_CANDIDATE = "only-candidate"
    ONLY_LIVE = "only-live"
    OTHER_LEVEL = "other-level"
    EARLIER = "earlier"
    LATER = "later"
    OTHER_WORDS = "other-words"


@dataclass(frozen=True)
class Difference:
    """One stretch. live, candidate: the highest level of each in it; of what is earlier or later, the level both went
    to. from_ms, until_ms: event time; `until_ms` None: it was still so at the end. filling: windows of the rule had yet
    to fill when it began."""

    kind: Kind
    rule: str
    title: str
    subject: str
    live: Level
    candidate: Level
    from_ms: int
    until_ms: int | None
    filling: bool = False

    @property
    def level(self) -> Level:
        """The level that it is about."""
        return max(self.live, self.candidate)

    @property
    def by_ms(self) -> int | None:
        """How long it lasted: of what is earlier or later, by how much."""
        return None if self.until_ms is None else self.until_ms - self.from_ms


Name = tuple[Kind, str, Level, bool]
"""By what differences are counted: kind, rule, the level they are about, and whether windows had yet to fill."""
UNTOLD, ANY = "untold", "any"
Words = tuple[bool, str | None, tuple[str, ...]] | str
"""Whether it is suspected, what explains it, what is to be done; UNTOLD where it has said nothing yet, so that whatever
only one of two says is a difference; ANY where nobody can know."""


@dataclass(frozen=True)
class Standing:
    """Where an alert stands."""

    level: Level
    words: Words

    def agrees(self, other: "Standing") -> bool:
        """Whether people would hear the same of both."""
        return self.level == other.level and (self.words == other.words or ANY in (self.words, other.words))


NOTHING = Standing(Level.NONE, ANY)


@dataclass
class _Way:
    """Where a judgement stood when the two began to differ, and where it has gone since: event time and place."""

    before: Standing
    steps: list[tuple[int, Standing]] = field(default_factory=list)

    @property
    def now(self) -> Standing:
        return self.steps[-1][1] if self.steps else self.before

    def stood(self, from_ms: int, until_ms: int | None) -> Iterator[Level]:
        """The levels at which it stood for some time between two times."""
        places = [(from_ms, self.before), *self.steps]
        for (at_ms, place), (end_ms, _) in zip(places, [*self.steps, (until_ms, None)], strict=True):
            if end_ms is None or end_ms > at_ms:
                yield place.level


@dataclass
class _Subject:
    """A rule on a subject while the judgements differ about it."""

    rule: str
    title: str
    subject: str
    live: _Way
    candidate: _Way

    def step(self, by_candidate: bool, transition: Transition) -> None:
        """One of the two says something. Once it has left the level that both had from the start, it may come back to
        what the other has."""
        way, other = (self.candidate, self.live) if by_candidate else (self.live, self.candidate)
        at_ms = max(transition.event_ms, way.steps[-1][0] if way.steps else transition.event_ms)
        way.steps.append((at_ms, _standing(transition)))
        if other.before.words == UNTOLD and transition.level_to != other.before.level:
            other.before = Standing(other.before.level, ANY)

    @property
    def agree(self) -> bool:
        return self.live.now.agrees(self.candidate.now)

    def differences(self) -> list[Difference]:
        """Those of the stretch so far; it has ended if they agree."""
        if self.agree and self._same_way():
            return list(self._shifts())
        times = [at_ms for way in (self.live, self.candidate) for at_ms, _ in way.steps]
        from_ms, until_ms = min(times), max(times) if self.agree else None
        return [] if until_ms == from_ms else [self._stretch(from_ms, until_ms)]

    def _same_way(self) -> bool:
        ways = [[place for _, place in way.steps] for way in (self.live, self.candidate)]
        return len(ways[0]) == len(ways[1]) and all(a.agrees(b) for a, b in zip(*ways, strict=True))

    def _shifts(self) -> Iterator[Difference]:
        for (live_ms, _), (candidate_ms, to) in zip(self.live.steps, self.candidate.steps, strict=True):
            if live_ms != candidate_ms:
                kind = Kind.EARLIER if candidate_ms < live_ms else Kind.LATER
                first_ms, last_ms = sorted((live_ms, candidate_ms))
                yield self._difference(kind, to.level, to.level, first_ms, last_ms)

    def _stretch(self, from_ms: int, until_ms: int | None) -> Difference:
        live, candidate = (list(way.stood(from_ms, until_ms)) for way in (self.live, self.candidate))
        if max(candidate) == Level.NONE:
            kind = Kind.ONLY_LIVE
        elif max(live) == Level.NONE:
            kind = Kind.ONLY_CANDIDATE
        else:
            kind = Kind.OTHER_WORDS if len({*live, *candidate}) == 1 else Kind.OTHER_LEVEL
        return self._difference(kind, max(live), max(candidate), from_ms, until_ms)

    def _difference(self, kind: Kind, live: Level, candidate: Level, from_ms: int, until_ms: int | None) -> Difference:
        return Difference(kind, self.rule, self.title, self.subject, live, candidate, from_ms, until_ms)


class Comparison:
    """Takes in what two judgements of one shard say, and holds their differences. Beside those it holds where
    alerts stand that both have, and nothing else. `filled_ms`: by rule, until when windows of the candidate fill."""

    def __init__(self, filled_ms: Mapping[str, int] = MappingProxyType({})) -> None:
        self._filled_ms = filled_ms
        self._agreed: dict[tuple[str, str], Standing] = {}
        self._differing: dict[tuple[str, str], _Subject] = {}
        self._settled: list[Difference] = []
        self._counts: Counter[Name] = Counter()

    def begin(self, endings: Iterable[Transition]) -> None:
        """Alerts that stand in the live judgement, and that the candidate begins without: the ends of them."""
        for t in endings:
            stands = Standing(t.level_from, ANY)
            ways = _Way(stands), _Way(stands, [(t.event_ms, NOTHING)])
            self._differing[t.rule, t.subject] = _Subject(t.rule, t.title, t.subject, *ways)

    def take(self, live: Iterable[Transition], candidate: Iterable[Transition]) -> None:
        """What both said of the same part of the log, each in its order."""
        steps = sorted([*_steps(live, False), *_steps(candidate, True)], key=lambda step: step[:3])
        for (rule, subject, _), instant in groupby(steps, key=lambda step: step[:3]):
            self._at_once((rule, subject), [(by_candidate, said) for *_, by_candidate, said in instant])

    def differences(self) -> list[Difference]:
        """In the order in which they ended, and then those that have not; the first MOST_KEPT of them."""
        return [*self._settled, *self._open()][:MOST_KEPT]

    def counts(self) -> Counter[Name]:
        """All differences."""
        return self._counts + Counter(_name(difference) for difference in self._open())

    def _open(self) -> Iterator[Difference]:
        for subject in self._differing.values():
            yield from self._marked(subject.differences())

    def _marked(self, found: list[Difference]) -> list[Difference]:
        return [replace(d, filling=d.from_ms < self._filled_ms.get(d.rule, d.from_ms)) for d in found]

    def _at_once(self, key: tuple[str, str], said: list[tuple[bool, Transition]]) -> None:
        """What both say of one rule on one subject at one time."""
        first = said[0][1]
        if key not in self._differing:
            before = self._agreed.pop(key, Standing(first.level_from, UNTOLD))
            self._differing[key] = _Subject(first.rule, first.title, first.subject, _Way(before), _Way(before))
        subject = self._differing[key]
        for by_candidate, transition in said:
            subject.step(by_candidate, transition)
        if subject.agree:
            del self._differing[key]
            if subject.live.now.level != Level.NONE:
                self._agreed[key] = subject.live.now
            self._keep(self._marked(subject.differences()))

    def _keep(self, found: list[Difference]) -> None:
        self._counts.update(map(_name, found))
        self._settled += found[: MOST_KEPT - len(self._settled)]


def _steps(transitions: Iterable[Transition], by_candidate: bool) -> Iterator[tuple[str, str, int, bool, Transition]]:
    """By rule, subject and event time. Of one alert event time never goes back: what is heard late counts from then."""
    latest: dict[tuple[str, str], int] = {}
    for transition in transitions:
        key = transition.rule, transition.subject
        latest[key] = max(transition.event_ms, latest.get(key, transition.event_ms))
        yield *key, latest[key], by_candidate, transition


def _standing(transition: Transition) -> Standing:
    if transition.level_to == Level.NONE:
        return NOTHING
    return Standing(transition.level_to, (transition.suspected, transition.explained_by, transition.actions))


def _name(difference: Difference) -> Name:
    return difference.kind, difference.rule, difference.level, difference.filling


def as_data(comparisons: Sequence[Comparison], filling: bool = False) -> dict[str, Any]:
    """Differences of all shards as plain data: how many there are, by rule, kind and level, and the first of them one
    by one; those whose windows had yet to fill, or the others."""
    counts = sum((comparison.counts() for comparison in comparisons), Counter[Name]())
    own = sorted(
        (rule, kind.value, level.slug, n) for (kind, rule, level, early), n in counts.items() if early == filling
    )
    rows = [d for comparison in comparisons for d in comparison.differences() if d.filling == filling]
    return {
        "count": sum(n for *_, n in own),
        "counts": [dict(zip(("rule", "kind", "level", "count"), row, strict=True)) for row in own],
        "list": [_row(d) for d in sorted(rows, key=lambda d: (d.from_ms, d.rule, d.subject))[:MOST_KEPT]],
    }


def _row(d: Difference) -> dict[str, Any]:
    words = {"kind": d.kind.value, "live": d.live.slug, "candidate": d.candidate.slug}
    same = {name: getattr(d, name) for name in ("rule", "title", "subject", "from_ms", "until_ms", "by_ms")}
    return same | words
