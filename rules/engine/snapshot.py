"""A shard's state as bytes. Clause 8."""

from collections.abc import Collection
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from city.transitions import Nature
from rules.engine.plans import KindPlan
from rules.engine.program import Compiled
from rules.engine.sight import Sight
from rules.engine.state import Array, State
from rules.engine.subjects import Subjects
from rules.language.pack import ParentRule

FORMAT = 4


class RuleName(msgspec.Struct, frozen=True):
    """What must be known of a rule to carry its timers over, or to end its alerts."""

    id: str
    version: str
    title: str
    nature: Nature
    cause: str


class KindName(msgspec.Struct, frozen=True):
    """What was remembered of a kind of subject. series: name and meaning of each column. tracks: (column, row of the
    rule). watches: rows of rules. cells: (what, first cell, how many) of windows and the like. cell_count: of a
    subject."""

    per: str
    risk_class: str
    series: list[tuple[str, str]]
    tracks: list[tuple[int, int]]
    watches: list[int]
    cells: list[tuple[str, int, int]]
    cell_count: int


class Snapshot(msgspec.Struct, frozen=True):
    """numbers: of the devices; place_ids: of the subjects after them. owners: name and meaning of those who may
    fail."""

    format: int
    sight: Sight
    rules: list[RuleName]
    absences: list[RuleName]
    parent_rules: list[RuleName]
    kinds: list[KindName]
    parent_ids: list[str]
    numbers: bytes
    place_ids: list[str]
    owners: list[tuple[str, str]]
    arrays: dict[str, bytes]

    def array(self, name: str, dtype: Any) -> Array:
        return np.frombuffer(self.arrays[name], dtype)


_ARRAYS = (
    *("devices", "series", "tracks", "track_due", "track_flags", "cells", "failures", "disabled_ms"),
    *("watches", "watch_due", "parents"),
)


def pack_snapshot(state: State, sight: Sight, compiled: Compiled, subjects: Subjects) -> bytes:
    """Snapshot of a shard's state."""
    pack = compiled.pack
    snapshot = Snapshot(
        format=FORMAT,
        sight=sight,
        rules=[_name(rule) for rule in pack.levels],
        absences=[_name(rule) for rule in pack.absences],
        parent_rules=[_name(rule) for rule in pack.parents],
        kinds=[kind_name(compiled, kind) for kind in range(len(compiled.kinds))],
        parent_ids=subjects.fleet.parent_ids,
        numbers=subjects.fleet.number.tobytes(),
        place_ids=subjects.ids[len(subjects.fleet) :],
        owners=list(compiled.owners_meaning()),
        arrays={name: getattr(state, name).tobytes() for name in _ARRAYS},
    )
    return msgspec.msgpack.encode(snapshot)


def unpack_snapshot(data: bytes) -> Snapshot:
    """Inverse of `pack_snapshot`. ValueError when the bytes are none, or of another format."""
    try:
        snapshot = msgspec.msgpack.decode(data, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a snapshot: {error}") from error
    if snapshot.format != FORMAT:
        raise ValueError(f"snapshot of format {snapshot.format}, this program reads {FORMAT}")
    return snapshot


def begun_anew(data: bytes, rules: Collection[str]) -> bytes:
    """A snapshot as if these rules had meant something else when it was taken: who is restored from it keeps all but
    their timers. ValueError as `unpack_snapshot`."""
    old = unpack_snapshot(data)
    renamed = {
        name: [replace(rule, version="") if rule.id in rules else rule for rule in getattr(old, name)]
        for name in ("rules", "absences", "parent_rules")
    }
    owners = [(name, "" if name in rules else meaning) for name, meaning in old.owners]
    return msgspec.msgpack.encode(replace(old, owners=owners, **renamed))


def kind_name(compiled: Compiled, kind: int) -> KindName:
    """What is remembered of a kind, by names that outlive a change of the pack."""
    plan = compiled.kinds[kind]
    return KindName(
        per=plan.kind.per,
        risk_class=plan.kind.risk_class,
        series=[(column.name, meaning) for column, meaning in zip(plan.columns, plan.meanings, strict=True)],
        tracks=_tracks(plan),
        watches=list(plan.watches),
        cells=list(compiled.remembered[kind]),
        cell_count=compiled.cells[kind],
    )


def _tracks(plan: KindPlan) -> list[tuple[int, int]]:
    return [(place, rule) for place, column in enumerate(plan.columns) for rule in column.rules]


def _name(rule: Any) -> RuleName:
    if isinstance(rule, ParentRule):
        return RuleName(rule.id, rule.version, rule.title, Nature.PARENT, rule.id)
    return RuleName(rule.id, rule.version, rule.title, rule.nature, rule.cause)
