"""A shard: the engine on the devices of one partition of the log."""

from typing import Any

import numpy as np

from city.city import City
from city.fleet import Fleet
from city.readings import Batch, Tick
from city.transitions import Transition
from rules.engine.absence import pass_parents, pass_silence
from rules.engine.carry import Carried, carry_over
from rules.engine.columns import beat
from rules.engine.handles import Handle
from rules.engine.kernel import apply_rows
from rules.engine.layout import begin_at, compile_for, lay_out
from rules.engine.program import Compiled
from rules.engine.report import Reporter
from rules.engine.sight import Blindness, Sight, observe
from rules.engine.snapshot import pack_snapshot, unpack_snapshot
from rules.engine.state import CHANGE, NEVER, OUTCOMES, Array, records
from rules.engine.subjects import subjects_of
from rules.engine.tracks import pass_time
from rules.language.pack import Pack

ROWS_AT_ONCE = 8192
CHANGES_AT_ONCE = 1 << 16
BEAT_MS = 10_000
"""How often, in log time, it is looked at what can change without a reading: docs/rules.md, clause 10."""


class Shard:
    """Judges the readings of one fleet in log order. A pure function of the log: no I/O, no clock, no chance.

    `fleet` holds the devices of this shard, `city` the names around them.
    """

    def __init__(self, city: City, fleet: Fleet, pack: Pack) -> None:
        self._subjects = subjects_of(fleet, pack, city)
        self._compiled: Compiled = compile_for(pack, city, self._subjects)
        self._program_handle = Handle(self._compiled.program)
        self._lay_out(city)
        self._sight = Sight()
        self._outcomes = np.zeros(len(OUTCOMES), np.int64)
        self._rows_at_once = min(ROWS_AT_ONCE, 1 + CHANGES_AT_ONCE // max(1, self._compiled.most_changes))
        self._out = records(self._rows_at_once * self._compiled.most_changes, CHANGE)

    @property
    def log_ms(self) -> int:
        """How far the log has come, ms UTC."""
        return self._sight.log_ms

    @property
    def blind_through(self) -> list[str]:
        """Ingest processes through which we cannot see now."""
        return [name for name, ingest in self._sight.ingests.items() if ingest.blind_since_ms is not None]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many readings ended how since this object was made. Names as in docs/rules.md, clause 3."""
        return dict(zip(OUTCOMES, self._outcomes.tolist(), strict=True))

    @property
    def nbytes(self) -> int:
        """Memory of the state, bytes."""
        return sum(array.nbytes for array in self._state)

    @property
    def series_count(self) -> int:
        return len(self._state.series)

    def apply(self, batch: Batch) -> list[Transition]:
        """Judge n readings, in their order."""
        transitions: list[Transition] = []
        for start in range(0, len(batch), self._rows_at_once):
            rows = batch[start : start + self._rows_at_once] if len(batch) > self._rows_at_once else batch
            sight = self._sight
            n = apply_rows(
                self._state_handle,
                self._program_handle,
                *rows.columns,
                sight.log_ms,
                sight.sighted,
                self._out,
                self._outcomes,
            )
            if n:
                transitions += self._reporter.transitions(self._out[:n], sight.log_ms, batch=rows)
        return transitions

    def tick(self, tick: Tick) -> list[Transition]:
        """Let time pass as one ingest process says it has."""
        sight, report = self._sight, self._reporter
        before = sight.log_ms
        blindness = observe(sight, tick)
        transitions = [report.blindness(change, sight.log_ms, tick.wall_ms) for change in blindness]
        if sight.log_ms != before:
            passes = [self._pass_time, self._pass_silence, self._pass_parents]
            if before == NEVER or sight.log_ms // BEAT_MS > before // BEAT_MS:
                passes.insert(1, self._beat)
            for changes in passes:
                transitions += report.transitions(changes(), sight.log_ms, wall_ms=tick.wall_ms)
        return transitions

    def gone_quiet(self, wall_ms: float) -> list[Transition]:
        """What to say when no ticks come at all: blind through every ingest that we saw through, since its last tick.

        Changes nothing here; the next tick says the same, by the same alert ids.
        """
        seen = [(name, i.clock_ms) for name, i in self._sight.ingests.items() if i.blind_since_ms is None]
        began = [Blindness(name, True, clock_ms, clock_ms) for name, clock_ms in seen]
        return [self._reporter.blindness(change, self._sight.log_ms, wall_ms) for change in began]

    def snapshot(self) -> bytes:
        """Everything that is remembered, to be restored into a shard of the same or of changed rules and registry."""
        return pack_snapshot(self._state, self._sight, self._compiled, self._subjects)

    def restore(self, snapshot: bytes) -> Carried:
        """Take over what a snapshot remembers. Says what was kept, reset and dropped, and the transitions that
        end the alerts of what was reset or dropped. Raises ValueError when it is not a snapshot."""
        old = unpack_snapshot(snapshot)
        if self._outcomes.any() or self._sight.ingests:  # to lay out a state takes longest: a fresh one will do
            self._lay_out(self._reporter.city)
        self._sight = old.sight
        begin_at(self._state, self._compiled, old.sight.sighted)
        return carry_over(old, self._reporter)

    def _lay_out(self, city: City) -> None:
        """A state that has seen nothing."""
        self._state = lay_out(city, self._subjects, self._compiled)
        self._state_handle = Handle(self._state)
        self._reporter = Reporter(city, self._subjects, self._compiled, self._state)

    def _pass_time(self) -> Array:
        due = np.flatnonzero(self._state.track_due <= self._sight.log_ms)
        return self._changes(8 * len(due), pass_time, due, self._sight.log_ms)

    def _beat(self) -> Array:
        columns = self._compiled.program.columns["tracks"][self._state.beats[:, 1]]
        room = int((2 + 3 * columns).sum()) + 6 * len(self._state.seconds)
        return self._changes(room, beat, self._sight.log_ms)

    def _pass_silence(self) -> Array:
        due = np.flatnonzero(self._state.watch_due <= self._sight.sighted)
        room = 3 * len(due) + self._silent_below if len(due) else 0
        return self._changes(room, pass_silence, due, self._sight.log_ms, self._sight.sighted)

    def _pass_parents(self) -> Array:
        room = len(self._state.parents) + self._silent_below if self._state.parents["dark"].any() else 0
        return self._changes(room, pass_parents, self._sight.log_ms, self._sight.sighted)

    @property
    def _silent_below(self) -> int:
        """At least as many as there are silent devices with a parent."""
        return int(self._state.parents["silent"].sum())

    def _changes(self, room: int, kernel: Any, *arguments: Any) -> Array:
        out = np.empty(room, CHANGE)
        n = kernel(self._state_handle, self._program_handle, *arguments, out) if room else 0
        return out[:n]
