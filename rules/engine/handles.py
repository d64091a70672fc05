"""Program and State as kernels take them: one pointer each. As tuples, every call of one kernel by another would pass
some forty arrays, which costs more than most of what they do, at run time and when they are compiled."""

from typing import Any

from numba import njit, types
from numba.experimental import structref

from rules.engine.state import Program, State


class _Handle(types.StructRef):
    def preprocess_fields(self, fields: Any) -> Any:
        return tuple((name, types.unliteral(typ)) for name, typ in fields)


@structref.register
class _ProgramType(_Handle):
    pass


@structref.register
class _StateType(_Handle):
    pass


class ProgramHandle(structref.StructRefProxy):
    """A Program in kernels."""


class StateHandle(structref.StructRefProxy):
    """A State in kernels."""


structref.define_proxy(ProgramHandle, _ProgramType, list(Program._fields))
structref.define_proxy(StateHandle, _StateType, list(State._fields))


@njit(cache=True)
def of_program(p: Program) -> Any:
    """A program's arrays behind one pointer."""
    return ProgramHandle(
        p.rules, p.absences, p.parent_rules, p.clauses, p.slot_of, p.slots, p.columns, p.windows, p.feeds, p.code,
        p.gatherings, p.marks, p.alive, p.ends, p.zone_ms, p.stack, p.scratch,
    )  # fmt: skip


@njit(cache=True)
def of_state(s: State) -> Any:
    """A state's arrays behind one pointer."""
    return StateHandle(
        s.local, s.devices, s.interval_ms, s.parents_of, s.cell_of, s.places, s.series, s.tracks, s.track_due,
        s.track_flags, s.cells, s.failures, s.watches, s.watch_due, s.parents, s.children, s.gather_start, s.members,
        s.member_current, s.beats, s.seconds,
    )  # fmt: skip
