"""A play without brokers, databases or a clock: messages through ingest's core, the engine and the desk.

The same cores as the live system, in the same order; only the edges are missing. For scoring rules against scenarios.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alerts.book import Book
from alerts.deadlines import TicketPolicy
from alerts.incidents import Desk
from alerts.refusals import unregistered
from city.city import City
from city.fleet import fleet_of
from city.readings import Batch, Tick
from city.sharding import fleets_of_shards
from city.transitions import Transition
from ingest.dead_letters import DeadLetter, Reason
from ingest.intake import Intake
from rules.engine.shard import Shard
from rules.language.pack import Pack
from simulators.message import Emission

INGEST = "offline"


@dataclass(frozen=True)
class OfflinePlay:
    """What came of a play. `book` has the incidents and tickets."""

    book: Book
    messages: int
    readings: int
    outcomes: Counter[str]
    letters: Counter[str]


class Observer:
    """Looks on while a play goes by. What it does not care for passes."""

    def readings(self, batch: Batch) -> None:
        """What a shard is about to judge."""

    def tick(self, tick: Tick) -> None:
        """What every shard hears then."""

    def transition(self, transition: Transition) -> None:
        """What the engines say."""

    def letter(self, letter: DeadLetter) -> None:
        """What intake refuses."""


def play_offline(
    emissions: Iterable[Emission],
    city: City,
    pack: Pack,
    policy: TicketPolicy,
    shards: int,
    tick_ms: int,
    end_ms: int,
    observer: Observer | None = None,
) -> OfflinePlay:
    """Play messages in order of `at_ms`, with a tick to every shard each `tick_ms` of played time, until `end_ms`."""
    system = _System(city, pack, policy, shards, tick_ms, observer)
    messages = 0
    for emission in emissions:
        system.reach(emission.at_ms)
        system.intake.accept(emission.topic.encode(), emission.payload, emission.retain, emission.at_ms)
        messages += 1
    system.reach(end_ms)
    outcomes: Counter[str] = Counter()
    for shard in system.engines:
        outcomes.update(shard.outcomes)
    return OfflinePlay(system.book, messages, system.readings, outcomes, system.letters)


class _System:
    def __init__(
        self, city: City, pack: Pack, policy: TicketPolicy, shards: int, tick_ms: int, observer: Observer | None
    ) -> None:
        self.intake = Intake(city, shards, INGEST)
        self.engines = [Shard(city, fleet, pack) for fleet in fleets_of_shards(fleet_of(city), shards)]
        self.book = Book()
        self.readings = 0
        self.letters: Counter[str] = Counter()
        self._city, self._tick_ms = city, tick_ms
        self._desk = Desk(city, policy, self.book)
        self._next_ms: int | None = None
        self._observer = observer

    def reach(self, now_ms: int) -> None:
        """Let time pass, tick by tick, up to `now_ms`."""
        if self._next_ms is None:
            self._tick(now_ms)
            self._next_ms = now_ms + self._tick_ms
        while self._next_ms <= now_ms:
            self._tick(self._next_ms)
            self._next_ms += self._tick_ms

    def _tick(self, clock_ms: int) -> None:
        for transition in self._judged(clock_ms):
            if self._observer is not None:
                self._observer.transition(transition)
            self._desk.take(transition)

    def _judged(self, clock_ms: int) -> Iterator[Transition]:
        for shard, batch in self.intake.buffers.cut():
            self.readings += len(batch)
            if self._observer is not None:
                self._observer.readings(batch)
            yield from self.engines[shard].apply(batch)
        letters, self.intake.letters = self.intake.letters, []
        for letter in letters:
            self.letters[letter.reason.value] += 1
            if self._observer is not None:
                self._observer.letter(letter)
            if letter.reason is Reason.UNKNOWN_DEVICE:
                yield unregistered(letter.topic, letter.device, letter.received_ms, self._city)
        tick = Tick(INGEST, clock_ms, self._tick_ms, True)
        if self._observer is not None:
            self._observer.tick(tick)
        for engine in self.engines:
            yield from engine.tick(tick)
