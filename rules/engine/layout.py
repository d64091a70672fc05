"""The state of a shard, laid out for its devices and not yet having seen a reading."""

from typing import Any

import numpy as np
import numpy.typing as npt

from city.fleet import Fleet
from rules.engine.program import Compiled
from rules.engine.state import (
    DEVICE,
    NEVER,
    NOBODY,
    NOT_DUE,
    PARENT,
    SERIES,
    TRACK,
    WATCH,
    State,
    records,
)


def lay_out(fleet: Fleet, compiled: Compiled, sighted: int = 0) -> State:
    """State of the fleet of one shard, whose devices' silence counts from sighted time `sighted`."""
    devices = _devices(fleet, compiled)
    tracks = _tracks(fleet, compiled, devices)
    watches = _watches(fleet, compiled, devices, sighted)
    parents, parents_of, children = _parents(fleet, compiled, watches)
    series_count = _count(fleet, [len(plan.columns) for plan in compiled.kinds]).sum()
    state = State(
        local=_local(fleet),
        devices=devices,
        interval_ms=fleet.interval_ms.astype(np.int64),
        parents_of=parents_of,
        series=records(series_count, SERIES, newest_ms=NEVER, value_ms=NEVER),
        tracks=tracks,
        track_due=np.full(len(tracks), NOT_DUE, np.int64),
        watches=watches,
        watch_due=np.full(len(watches), NOT_DUE, np.int64),
        parents=parents,
        children=children,
    )
    state.watch_due[:] = sighted + first_after(state, compiled)
    return state


def first_after(state: State, compiled: Compiled) -> npt.NDArray[np.int64]:
    """(w,) int64: age, ms, at which each watch becomes silent."""
    rules = compiled.program.absences[state.watches["rule"]]
    row, first = np.arange(len(rules)), rules["first"].astype(np.int64) - 1
    by_interval = rules["intervals"][row, first] * state.interval_ms[state.watches["device"]]
    return np.maximum(rules["after_ms"][row, first], by_interval.astype(np.int64))


def _count(fleet: Fleet, by_kind: list[int]) -> npt.NDArray[np.int64]:
    return np.array(by_kind, np.int64)[fleet.kind] if len(fleet) else np.zeros(0, np.int64)


def _starts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.cumsum(counts) - counts


def _local(fleet: Fleet) -> npt.NDArray[np.int32]:
    local = np.full(int(fleet.number.max()) + 1 if len(fleet) else 0, NOBODY, np.int32)
    local[fleet.number] = np.arange(len(fleet))
    return local


def _devices(fleet: Fleet, compiled: Compiled) -> Any:
    devices = records(len(fleet), DEVICE)
    devices["kind"] = fleet.kind
    watches = _count(fleet, [len(plan.watches) for plan in compiled.kinds])
    devices["series"] = _starts(_count(fleet, [len(plan.columns) for plan in compiled.kinds]))
    devices["track"] = _starts(_count(fleet, [len(plan.tracks) for plan in compiled.kinds]))
    devices["watch"], devices["watches"] = _starts(watches), watches
    return devices


def _tracks(fleet: Fleet, compiled: Compiled, devices: Any) -> Any:
    count = _count(fleet, [len(plan.tracks) for plan in compiled.kinds]).sum()
    tracks = records(count, TRACK, held_ms=NEVER, clear_ms=NEVER, last_ms=NEVER, since_ms=NEVER)
    for kind, plan in enumerate(compiled.kinds):
        of_kind = devices["track"][devices["kind"] == kind]
        for k, rule in enumerate(plan.tracks):
            tracks["rule"][of_kind + k] = rule
    return tracks


def _watches(fleet: Fleet, compiled: Compiled, devices: Any, sighted: int) -> Any:
    watches = records(
        devices["watches"].sum(), WATCH, newest_ms=NEVER, clear=NEVER, since_ms=NEVER, explained=NOBODY, told=NOBODY,
        seen=sighted,
    )  # fmt: skip
    watches["device"] = np.repeat(np.arange(len(fleet)), devices["watches"])
    for kind, plan in enumerate(compiled.kinds):
        of_kind = devices["watch"][devices["kind"] == kind]
        for k, rule in enumerate(plan.watches):
            watches["rule"][of_kind + k] = rule
    return watches


def _parents(fleet: Fleet, compiled: Compiled, watches: Any) -> tuple[Any, Any, Any]:
    """Parents keep the rows of Fleet.parent_ids. Only devices with a rule `of: any` count as their children."""
    parents = records(len(fleet.parent_ids), PARENT, since_ms=NEVER, calm=NEVER, rule=NOBODY)
    for kind, rule in enumerate(compiled.parent_rule_of):
        of_kind = fleet.parents[:, kind]
        parents["rule"][of_kind[of_kind != NOBODY]] = rule
    counted = np.flatnonzero(compiled.program.absences["any"][watches["rule"]]) if len(watches) else np.zeros(0, int)
    above = fleet.parents[watches["device"][counted]]
    owner, child = above.ravel(), np.repeat(counted, above.shape[1])
    order = np.argsort(owner[owner != NOBODY], kind="stable")
    owner, child = owner[owner != NOBODY][order], child[owner != NOBODY][order]
    parents["children"] = np.bincount(owner, minlength=len(parents))
    parents["first"] = _starts(parents["children"].astype(np.int64))
    return parents, fleet.parents.astype(np.int32), child.astype(np.int32)
