"""A Shadow determines what a candidate would say in the place of the rules in force: one shard judged by both, from the
state that the live shard was in.

A rule that means something else begins its timers anew when it is published, so at first the two differ also where the
candidate means no other thing. Therefore a third judgement is made: of the rules in force, with the timers of what
changes begun anew. In what the candidate differs from that is what it *means*; in what that differs from the live
judgement is the *reset at the start*.
"""

from collections.abc import Callable
from dataclasses import dataclass

from city.city import City
from city.fleet import Fleet
from city.readings import Batch, Tick
from city.transitions import Transition
from rules.authoring.diff import Change, compare
from rules.authoring.differing import Comparison
from rules.authoring.filling import filling_ms
from rules.engine.shard import Shard
from rules.engine.snapshot import begun_anew
from rules.language.pack import Pack


@dataclass(frozen=True)
class Said:
    """What was said of a part of the log: by the rules in force, with what changes begun anew, and by the candidate."""

    live: list[Transition]
    candidate: list[Transition]


class Shadow:
    """One shard. `snapshot`: of the live one; None where there is none yet. Raises ValueError when it is none.

    meaning, reset: in what the judgements differ. start_ms: how far the log had come, ms UTC.
    """

    def __init__(self, city: City, fleet: Fleet, live: Pack, candidate: Pack, snapshot: bytes | None) -> None:
        changed = changed_rules(live, candidate)
        packs = [live, live, candidate] if changed else [live, candidate]
        self._shards = [Shard(city, fleet, pack) for pack in packs]
        self._said: list[list[Transition]] = [[] for _ in packs]
        self.reset = Comparison()
        if snapshot is not None:
            for shard in (self._shards[0], self._shards[-1]):
                shard.restore(snapshot)
            if changed:
                self.reset.begin(self._shards[1].restore(begun_anew(snapshot, changed)).ended)
        self.start_ms = self.log_ms
        fills = filling_ms(live, candidate) if snapshot is not None else {}
        self.meaning = Comparison({rule: self.start_ms + ms for rule, ms in fills.items()})

    @property
    def log_ms(self) -> int:
        """How far the log has come, ms UTC."""
        return self._shards[0].log_ms

    def apply(self, batch: Batch) -> None:
        """Judge n readings, in their order."""
        self._judge(lambda shard: shard.apply(batch))

    def tick(self, tick: Tick) -> list[Said]:
        """Let time pass as one ingest process says it has. Returns what was said since the last tick, and at this."""
        before = self.settle()
        self._judge(lambda shard: shard.tick(tick))
        return [before, self.settle()]

    def settle(self) -> Said:
        """Compare what was said since the last tick. However the readings in between were cut into batches, it is the
        same."""
        live, anew, candidate = self._said[0], self._said[-2], self._said[-1]
        self.meaning.take(anew, candidate)
        if anew is not live:
            self.reset.take(live, anew)
        self._said = [[] for _ in self._shards]
        return Said(anew, candidate)

    def _judge(self, judge: Callable[[Shard], list[Transition]]) -> None:
        for shard, said in zip(self._shards, self._said, strict=True):
            said += judge(shard)


def changed_rules(live: Pack, candidate: Pack) -> frozenset[str]:
    """Rules in force that the candidate does without, or that mean something else in it: their timers end."""
    return frozenset(c.rule for c in compare(live, candidate) if c.change in (Change.REMOVED, Change.MEANING))
