"""How far the log has come, and when we could not see: docs/rules.md, clause 2."""

from dataclasses import dataclass

import msgspec

from city.readings import Tick
from rules.engine.state import NEVER

LEAST_PATIENCE_MS = 10_000
PATIENCE_STEPS = 10


class Ingest(msgspec.Struct):
    """What the last tick of an ingest process said."""

    clock_ms: int
    step_ms: int
    up: bool
    blind_since_ms: int | None = None

    @property
    def patience_ms(self) -> int:
        return patience_ms(self.step_ms)


class Sight(msgspec.Struct):
    """Log time, sighted time (both ms) and the ingest processes behind them."""

    log_ms: int = NEVER
    sighted: int = 0
    ingests: dict[str, Ingest] = {}

    @property
    def blind(self) -> bool:
        return any(ingest.blind_since_ms is not None for ingest in self.ingests.values())


@dataclass(frozen=True)
class Blindness:
    """We stopped seeing through an ingest (`began`), or see again. `event_ms`: when; `since_ms`: when it began."""

    ingest: str
    began: bool
    event_ms: int
    since_ms: int


def patience_ms(step_ms: int) -> int:
    """How far an ingest may lag behind, or jump, before we count as blind through it."""
    return max(LEAST_PATIENCE_MS, PATIENCE_STEPS * step_ms)


def observe(sight: Sight, tick: Tick) -> list[Blindness]:
    """Take in one tick. Returns the blindness that begins or ends with it, in order."""
    was_blind = sight.blind
    known = sight.ingests.get(tick.ingest)
    changes: list[Blindness] = []
    gap = known is not None and tick.clock_ms - known.clock_ms > patience_ms(tick.step_ms)
    if gap and known is not None and known.blind_since_ms is None:
        known.blind_since_ms = known.clock_ms
        changes.append(Blindness(tick.ingest, True, known.clock_ms, known.clock_ms))
    previous_ms = known.clock_ms if known else tick.clock_ms
    _take_in(sight, tick, known)
    _advance(sight, seeing=not was_blind and not gap, tick=tick, previous_ms=previous_ms, changes=changes)
    return changes


def _take_in(sight: Sight, tick: Tick, known: Ingest | None) -> None:
    if known is None:
        sight.ingests[tick.ingest] = Ingest(tick.clock_ms, tick.step_ms, tick.up)
    else:
        known.clock_ms = max(known.clock_ms, tick.clock_ms)
        known.step_ms, known.up = tick.step_ms, tick.up


def _advance(sight: Sight, seeing: bool, tick: Tick, previous_ms: int, changes: list[Blindness]) -> None:
    retired = sight.ingests.pop(tick.ingest) if tick.retired else None
    newest = max((i.clock_ms for i in sight.ingests.values()), default=sight.log_ms)
    fresh = [i.clock_ms for i in sight.ingests.values() if i.clock_ms >= newest - i.patience_ms]
    before = sight.log_ms
    sight.log_ms = max(before, min(fresh, default=before))
    if retired is not None and retired.blind_since_ms is not None:
        end_ms = max(sight.log_ms, retired.blind_since_ms)  # log time is that of others, who may be behind
        changes.append(Blindness(tick.ingest, False, end_ms, retired.blind_since_ms))
    for name, ingest in sight.ingests.items():
        unseen = not ingest.up or ingest.clock_ms < newest - ingest.patience_ms
        if unseen and ingest.blind_since_ms is None:
            ingest.blind_since_ms = previous_ms if name == tick.ingest else ingest.clock_ms
            changes.append(Blindness(name, True, ingest.blind_since_ms, ingest.blind_since_ms))
        elif not unseen and ingest.blind_since_ms is not None:
            changes.append(Blindness(name, False, ingest.clock_ms, ingest.blind_since_ms))
            ingest.blind_since_ms = None
    if seeing and not sight.blind and before != NEVER:
        sight.sighted += sight.log_ms - before
