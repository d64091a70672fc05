"""Loading (or, the first time, compiling) every kernel before the first reading has to wait for it."""

import numpy as np

from city.catalogue import Catalogue
from city.city import City
from city.fleet import fleet_of
from city.readings import batch_of
from rules.engine.absence import pass_parents, pass_silence
from rules.engine.columns import beat
from rules.engine.gathers import near_pairs
from rules.engine.handles import Handle
from rules.engine.kernel import apply_rows
from rules.engine.layout import compile_for, lay_out
from rules.engine.state import CHANGE, OUTCOMES
from rules.engine.subjects import subjects_of
from rules.engine.tracks import pass_time
from rules.language.pack import Pack

_EMPTY = City(
    id="", name="", time_zone="UTC", admin_kinds=(), grid_pattern="",
    catalogue=Catalogue(domains=[], classes=[], device_types=[], indicators=[]),
    admin={}, grids={}, zones={}, areas={}, sites={}, parents={}, devices={}, units={}, officers={}, contacts={},
)  # fmt: skip


def warm_up() -> None:
    """Call each kernel once with nothing to do. Their machine code is cached beside the source."""
    pack = Pack("", "", "", (), (), ())
    subjects = subjects_of(fleet_of(_EMPTY), pack, _EMPTY)
    compiled = compile_for(pack, _EMPTY, subjects)
    state, program = Handle(lay_out(_EMPTY, subjects, compiled)), Handle(compiled.program)
    nothing, out = np.zeros(0, np.int64), np.zeros(0, CHANGE)
    columns = batch_of([], [], [], [], [], []).columns
    apply_rows(state, program, *columns, 0, 0, out, np.zeros(len(OUTCOMES), np.int64))
    pass_time(state, program, nothing, 0, out)
    beat(state, program, 0, out)
    pass_silence(state, program, nothing, 0, 0, out)
    pass_parents(state, program, 0, 0, out)
    near_pairs(nothing, nothing, np.zeros(0), np.zeros(0), np.zeros(0, np.int32), 0.0)
