"""The state of a shard, laid out for its subjects and not yet having seen a reading."""

from typing import Any

import numpy as np
import numpy.typing as npt

from city.city import City
from rules.engine.gathers import gather_all
from rules.engine.plans import KindPlan
from rules.engine.program import Compiled, compile_pack
from rules.engine.state import (
    CELL,
    DEVICE,
    NEVER,
    NOBODY,
    NOT_DUE,
    PARENT,
    SERIES,
    TRACK,
    WATCH,
    Array,
    State,
    records,
)
from rules.engine.subjects import Subjects, zone_ms_of
from rules.engine.thresholds import thresholds_at
from rules.language.pack import LevelRule, Pack


def compile_for(pack: Pack, city: City, subjects: Subjects) -> Compiled:
    """The pack compiled for the subjects of a shard, with the thresholds and marks of their sites."""
    wanted = {
        (int(subjects.kind[row]), rule, marks)
        for rule, judged in enumerate(pack.levels)
        if any(judged.mark) or judged.overrides
        for row in _judged_by(judged, subjects)
        for marks in [thresholds_at(judged, city, *_site_and_area(subjects, row))]
    }
    order = sorted(wanted, key=repr)
    compiled = compile_pack(pack, city.catalogue, subjects.kinds, order, zone_ms_of(city))
    return compiled.with_marks(_marks(compiled, city, subjects))


def lay_out(city: City, subjects: Subjects, compiled: Compiled) -> State:
    """State of the subjects of one shard, whose devices' silence counts from the beginning of sighted time."""
    devices = _devices(subjects, compiled)
    tracks = _tracks(city, subjects, compiled, devices)
    watches = _watches(subjects, compiled, devices)
    parents, parents_of, children = _parents(subjects, compiled, watches)
    gather_start, members, member_current = gather_all(city, subjects, compiled, devices)
    state = State(
        local=_local(subjects),
        devices=devices,
        parents_of=parents_of,
        places=subjects.places,
        series=records(
            _count(subjects, [len(plan.columns) for plan in compiled.kinds]).sum(),
            SERIES, newest_ms=NEVER, value_ms=NEVER,
        ),
        tracks=tracks,
        track_due=np.full(len(tracks), NOT_DUE, np.int64),
        track_flags=np.zeros(len(tracks), np.uint8),
        cells=records(_count(subjects, list(compiled.cells)).sum(), CELL),
        failures=np.zeros(len(compiled.owners), np.int64),
        disabled_ms=np.full(len(compiled.owners), NEVER, np.int64),
        watches=watches,
        watch_due=np.full(len(watches), NOT_DUE, np.int64),
        parents=parents,
        children=children,
        gather_start=gather_start,
        members=members,
        member_current=member_current,
        beats=_beats(subjects, compiled),
        seconds=_seconds(subjects, compiled, devices),
    )  # fmt: skip
    begin_at(state, compiled, 0)
    return state


def begin_at(state: State, compiled: Compiled, sighted: int) -> None:
    """Have the silence of devices count from sighted time `sighted`, in a state that has seen nothing yet."""
    state.watches["seen"] = sighted
    state.watch_due[:] = sighted + first_after(state, compiled)


def first_after(state: State, compiled: Compiled) -> npt.NDArray[np.int64]:
    """(w,) int64: age, ms, at which each watch becomes silent."""
    rules = compiled.program.absences[state.watches["rule"]]
    row, first = np.arange(len(rules)), rules["first"].astype(np.int64) - 1
    by_interval = rules["intervals"][row, first] * state.devices["interval_ms"][state.watches["device"]]
    return np.maximum(rules["after_ms"][row, first], by_interval.astype(np.int64))


def _count(subjects: Subjects, by_kind: list[int]) -> npt.NDArray[np.int64]:
    return np.array(by_kind, np.int64)[subjects.kind] if len(subjects) else np.zeros(0, np.int64)


def _starts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.cumsum(counts) - counts


def _local(subjects: Subjects) -> npt.NDArray[np.int32]:
    fleet = subjects.fleet
    local = np.full(int(fleet.number.max()) + 1 if len(fleet) else 0, NOBODY, np.int32)
    local[fleet.number] = np.arange(len(fleet))
    return local


def _devices(subjects: Subjects, compiled: Compiled) -> Any:
    devices = records(len(subjects), DEVICE)
    devices["kind"] = subjects.kind
    watches = _count(subjects, [len(plan.watches) for plan in compiled.kinds])
    devices["series"] = _starts(_count(subjects, [len(plan.columns) for plan in compiled.kinds]))
    devices["track"] = _starts(_count(subjects, [len(plan.tracks) for plan in compiled.kinds]))
    devices["watch"], devices["watches"] = _starts(watches), watches
    devices["cell"] = _starts(_count(subjects, list(compiled.cells)))
    devices["interval_ms"] = subjects.interval_ms
    return devices


def _of_kind(subjects: Subjects, kind: int) -> npt.NDArray[np.int64]:
    return np.flatnonzero(subjects.kind == kind)


def _tracks(city: City, subjects: Subjects, compiled: Compiled, devices: Any) -> Any:
    count = _count(subjects, [len(plan.tracks) for plan in compiled.kinds]).sum()
    tracks = records(count, TRACK, held_ms=NEVER, clear_ms=NEVER, last_ms=NEVER, since_ms=NEVER)
    for kind, plan in enumerate(compiled.kinds):
        rows = _of_kind(subjects, kind)
        for k, rule in enumerate(plan.tracks):
            tracks["rule"][devices["track"][rows] + k] = _variants(city, subjects, compiled, kind, rule, rows)
    return tracks


def _variants(city: City, subjects: Subjects, compiled: Compiled, kind: int, rule: int, rows: Array) -> Any:
    """Row of Program.rules for each of some subjects of a kind."""
    judged = compiled.pack.levels[rule]
    if not any(judged.mark) and not judged.overrides:
        return compiled.base(kind, rule)
    found = [thresholds_at(judged, city, *_site_and_area(subjects, row)) for row in rows]
    return np.array([compiled.variants[kind, rule, marks] for marks in found], np.int16)


def _judged_by(rule: LevelRule, subjects: Subjects) -> list[int]:
    """Rows of the subjects that a rule may judge."""
    speaks = [
        kind.per == rule.per and (rule.speaks_of(kind.risk_class, kind.device_type) or not kind.device_type)
        for kind in subjects.kinds
    ]
    return np.flatnonzero(np.array(speaks)[subjects.kind]).tolist() if len(subjects) else []


def _site_and_area(subjects: Subjects, row: int) -> tuple[str | None, str | None]:
    site, area = (int(place) for place in subjects.places[row, :2])
    return (
        None if site == NOBODY else subjects.place_ids[0][site],
        None if area == NOBODY else subjects.place_ids[1][area],
    )


def _marks(compiled: Compiled, city: City, subjects: Subjects) -> Array:
    """(marks, sites) float64: the registry's marks that expressions name."""
    sites = [city.sites[site].reference_levels for site in subjects.place_ids[0]]
    rows = [[levels.get(name, np.nan) for levels in sites] for name in compiled.marks]
    return np.array(rows, np.float64).reshape(len(compiled.marks), len(sites))


def _watches(subjects: Subjects, compiled: Compiled, devices: Any) -> Any:
    watches = records(
        devices["watches"].sum(), WATCH, newest_ms=NEVER, clear=NEVER, since_ms=NEVER, explained=NOBODY, told=NOBODY
    )
    watches["device"] = np.repeat(np.arange(len(subjects)), devices["watches"])
    for kind, plan in enumerate(compiled.kinds):
        of_kind = devices["watch"][_of_kind(subjects, kind)]
        for k, rule in enumerate(plan.watches):
            watches["rule"][of_kind + k] = rule
    return watches


def _parents(subjects: Subjects, compiled: Compiled, watches: Any) -> tuple[Any, Any, Any]:
    """Parents keep the rows of Fleet.parent_ids. Only devices with a rule `of: any` count as their children."""
    fleet = subjects.fleet
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


def _beats(subjects: Subjects, compiled: Compiled) -> Array:
    """(b, 2) int32: subject and column (row of Program.columns) of what is derived at beats, in order."""
    firsts = np.cumsum([0, *(len(plan.columns) for plan in compiled.kinds)])
    return _in_order(
        [
            (_of_kind(subjects, kind), np.full((1,), firsts[kind] + place))
            for kind, plan in enumerate(compiled.kinds)
            for place, column in enumerate(plan.columns)
            if column.derivation is not None and column.at_beats
        ],
        2,
    )


def _seconds(subjects: Subjects, compiled: Compiled, devices: Any) -> Array:
    """(l, 3) int32: track, subject and series of what may be looked at a second time, in order of the tracks."""
    found = []
    for kind, plan in enumerate(compiled.kinds):
        rows = _of_kind(subjects, kind)
        for place, column, rule in _judged(plan):
            if compiled.program.rules[compiled.base(kind, rule)]["around"]:
                found.append((devices["track"][rows] + place, rows, devices["series"][rows] + column))
    return _in_order(found, 3)


def _judged(plan: KindPlan) -> list[tuple[int, int, int]]:
    """Place of the track, of its column, and row of its rule in the pack."""
    rules = [(i, rule) for i, column in enumerate(plan.columns) for rule in column.rules]
    return [(place, column, rule) for place, (column, rule) in enumerate(rules)]


def _in_order(parts: list[Any], width: int) -> Array:
    """Rows of all parts, each broadcast, by their first column; of equal ones, in the order given."""
    rows = [np.stack(np.broadcast_arrays(*part), axis=1) for part in parts]
    joined = np.concatenate([np.zeros((0, width), np.int64), *rows])
    return np.ascontiguousarray(joined[np.argsort(joined[:, 0], kind="stable")], np.int32)
