"""A shard as its worker keeps it between two records of the log."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from city.levels import Level
from city.readings import Tick
from city.transitions import Transition
from rules.engine.carry import Carried
from rules.engine.shard import Shard
from streams.app import Record
from streams.checkpoint import Checkpoint
from streams.rules import RulesInForce


@dataclass
class OwnedShard:
    """A shard that this worker owns: the engine, what it has seen, and what still has to be acknowledged.

    `said_blind`: what was said beside the log while it was quiet, and nobody has taken back. `saving`: checkpoints are
    saved one after the other, so that an older one never comes to lie over a newer. `rules` have judged, before us
    perhaps, up to the offset `until` at least. `carried`: how many timers were kept, reset and dropped when `rules`
    came into force, under whichever owner. `told`: outcomes that were asked for.
    """

    number: int
    engine: Shard
    rules: RulesInForce
    fence: int
    offset: int
    saved_offset: int
    until: int = -1
    unacknowledged: list[Record] = field(default_factory=list)
    unconfirmed: list[Any] = field(default_factory=list)
    readings: int = 0
    transitions: int = 0
    last_reading_ms: int | None = None
    next_checkpoint_s: float = 0.0
    last_tick_s: float = 0.0
    quiet: bool = False
    said_blind: list[Transition] = field(default_factory=list)
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    checkpoint_bytes: int = 0
    carried: dict[str, int] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    _ended_before: Counter[str] = field(default_factory=Counter)

    @property
    def blind(self) -> bool:
        """Whether it cannot be seen now."""
        return self.quiet or bool(self.engine.blind_through)

    @property
    def outcomes(self) -> Counter[str]:
        """How many readings ended how since the shard was claimed."""
        return self._ended_before + Counter(self.engine.outcomes)

    def newly_ended(self) -> Counter[str]:
        """How many readings ended how since this was asked the last time."""
        before, self.told = self.told, self.outcomes
        return self.told - before

    def restored(self, engine: Shard, rules: RulesInForce, carried: Carried) -> None:
        """From now on another engine judges, which has taken over what the present one remembers."""
        self._ended_before = self.outcomes
        self.engine, self.rules = engine, rules
        self.carried = carried.counts


@dataclass(frozen=True)
class Ready:
    """A checkpoint that can be saved, what the pages show beside it, the records that it covers, and when it was begun
    to make it."""

    checkpoint: Checkpoint
    log_ms: int
    status: dict[str, Any]
    records: list[Record]
    began_s: float


def taken_back(shard: OwnedShard, tick: Tick, transitions: list[Transition]) -> list[Transition]:
    """The ends of what was said while the log was quiet, where a tick shows no gap: not the ingest was away, but we.

    Of a gap the engine says the same as was said, and its end.
    """
    by_engine = {transition.alert for transition in transitions}
    shard.said_blind = [said for said in shard.said_blind if said.alert not in by_engine]
    ended = [said for said in shard.said_blind if said.subject == tick.ingest]
    shard.said_blind = [said for said in shard.said_blind if said.subject != tick.ingest]
    at = {"event_ms": tick.clock_ms, "log_ms": shard.engine.log_ms, "wall_ms": tick.wall_ms}
    return [replace(said, level_from=said.level_to, level_to=Level.NONE, **at) for said in ended]


def carried_before(checkpoint: Checkpoint, rules: RulesInForce) -> dict[str, int]:
    """What its last owner told of the timers when these rules came into force; empty where it judged by others."""
    told = checkpoint.rules
    if (told.get("sequence"), told.get("meaning")) != (rules.sequence, rules.pack.meaning):
        return {}
    return {fate: told[fate] for fate in Carried().counts if fate in told}


def status(shard: OwnedShard) -> dict[str, Any]:
    """What the pages show of a shard."""
    return {
        "readings": shard.readings,
        "transitions": shard.transitions,
        "last_reading_ms": shard.last_reading_ms,
        "blind_through": shard.engine.blind_through,
        "outcomes": {**shard.engine.outcomes, **shard.outcomes},
        "rules": {**shard.rules.status(), **shard.carried},
    }
