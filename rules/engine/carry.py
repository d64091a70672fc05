"""The way of a snapshot into a shard whose rules or registry may have changed. Clause 8."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from city.city import City
from city.levels import Level
from city.transitions import SubjectKind, Transition
from rules.engine.report import Reporter, alert_id
from rules.engine.snapshot import KindName, RuleName, Snapshot, kind_name
from rules.engine.state import (
    CELL,
    DECLARED,
    DEVICE,
    FORGOTTEN,
    NEVER,
    NOBODY,
    PARENT,
    SERIES,
    SILENT,
    TRACK,
    WATCH,
    Array,
    State,
)
from rules.language.pack import DEVICE as A_DEVICE


@dataclass
class Carried:
    """How a restore went: tracks and watches kept, begun anew since their rule changed, and dropped since it or their
    subject is gone; `ended` ends the alerts of the latter two."""

    kept: int = 0
    reset: int = 0
    dropped: int = 0
    ended: list[Transition] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {"kept": self.kept, "reset": self.reset, "dropped": self.dropped}


@dataclass(frozen=True)
class _Move:
    """Subjects that went from an old kind to a new one: their old and new rows."""

    before: KindName
    now: KindName
    old_rows: Array
    new_rows: Array


def carry_over(old: Snapshot, reporter: Reporter) -> Carried:
    """Copy what an old snapshot remembers into the freshly laid out state of `reporter`."""
    state, carried = reporter.state, Carried()
    devices = old.array("devices", DEVICE)
    here = _rows_now(old, devices, reporter)
    moves = list(_moves(old, devices, here, reporter))
    _carry_series(old, devices, moves, state)
    _carry_cells(old, devices, moves, state)
    carried.ended += _carry_failures(old, reporter)
    for part in (_Tracks(old, reporter), _Watches(old, reporter)):
        gone = _carry_part(part, devices, here, moves, carried)
        carried.ended += _endings(gone, old, devices, reporter)
    carried.ended += _carry_parents(old, reporter)
    _take_back_explanations(state)
    _recount(state)
    return carried


def _rows_now(old: Snapshot, devices: Array, reporter: Reporter) -> npt.NDArray[np.int32]:
    """Row in the new shard of each old subject, NOBODY where it has none."""
    numbers, local, subjects = np.frombuffer(old.numbers, np.uint32), reporter.state.local, reporter.subjects
    rows = np.full(len(devices), NOBODY, np.int32)
    known = numbers < len(local)
    rows[: len(numbers)][known] = local[numbers[known]]
    places = {
        (subjects.per(row), subjects.kinds[subjects.kind[row]].risk_class, subjects.ids[row]): row
        for row in range(len(subjects.fleet), len(subjects))
    }
    for i, place in enumerate(old.place_ids, len(numbers)):
        kind = old.kinds[devices["kind"][i]]
        rows[i] = places.get((kind.per, kind.risk_class, place), NOBODY)
    return rows


def _moves(old: Snapshot, devices: Array, here: Array, reporter: Reporter) -> Iterator[_Move]:
    old_rows = np.flatnonzero(here != NOBODY)
    kinds = np.stack([devices["kind"][old_rows], reporter.state.devices["kind"][here[old_rows]]], axis=1)
    for before, now in np.unique(kinds, axis=0):
        rows = old_rows[(kinds[:, 0] == before) & (kinds[:, 1] == now)]
        yield _Move(old.kinds[before], kind_name(reporter.compiled, int(now)), rows, here[rows])


def _carry_series(old: Snapshot, devices: Array, moves: list[_Move], state: State) -> None:
    series = old.array("series", SERIES)
    for move in moves:
        for k, column in enumerate(move.now.series):
            if column in move.before.series:
                source = devices["series"][move.old_rows] + move.before.series.index(column)
                kept = series[source]
                if column[1] and move.before.series != move.now.series:  # what it is derived from may be gone
                    kept["odd_ms"] = NEVER
                state.series[state.devices["series"][move.new_rows] + k] = kept


def _carry_cells(old: Snapshot, devices: Array, moves: list[_Move], state: State) -> None:
    """Windows and the like go on where they remember the same."""
    counts = np.array([kind.cell_count for kind in old.kinds], np.int64)[devices["kind"]]
    old_cell_of, cells = np.cumsum(counts) - counts, old.array("cells", CELL)
    for move in moves:
        was = {what: (first, count) for what, first, count in move.before.cells}
        for what, first, count in move.now.cells:
            if was.get(what, (0, 0))[1] == count:
                block = np.arange(count)
                target = state.devices["cell"][move.new_rows][:, None] + first + block
                state.cells[target] = cells[old_cell_of[move.old_rows][:, None] + was[what][0] + block]


def _carry_failures(old: Snapshot, reporter: Reporter) -> Iterator[Transition]:
    """What is disabled stays so while it means the same; else its alert ends."""
    failures, disabled_ms = old.array("failures", np.int64), old.array("disabled_ms", np.int64)
    now = {owner: row for row, owner in enumerate(reporter.compiled.owners_meaning())}
    for before, owner in enumerate(old.owners):
        if owner in now:
            reporter.state.failures[now[owner]] = failures[before]
            reporter.state.disabled_ms[now[owner]] = disabled_ms[before]
        elif disabled_ms[before] != NEVER:
            levels = (Level.YELLOW, Level.NONE)
            yield reporter.disabling(owner[0], levels, int(disabled_ms[before]), old.sight.log_ms, old.sight.log_ms)


@dataclass
class _Tracks:
    old: Snapshot
    reporter: Reporter

    start = "track"

    def __post_init__(self) -> None:
        self.records, self.due = self.old.array("tracks", TRACK), self.old.array("track_due", np.int64)
        self.target, self.target_due = self.reporter.state.tracks, self.reporter.state.track_due
        self._flags = self.old.array("track_flags", np.uint8)

    def before(self, kind: KindName) -> list[tuple[str, RuleName]]:
        return [(kind.series[column][0], self.old.rules[rule]) for column, rule in kind.tracks]

    def now(self, kind: KindName) -> list[tuple[str, Any]]:
        rules = self.reporter.compiled.pack.levels
        return [(kind.series[column][0], rules[rule]) for column, rule in kind.tracks]

    def adapt(self, records: Array, source: Array, target: Array, new_rows: Array) -> None:
        """A track's rule is the row of today, with today's thresholds."""
        records["rule"] = self.target["rule"][target]
        self.reporter.state.track_flags[target] = self._flags[source]


@dataclass
class _Watches:
    old: Snapshot
    reporter: Reporter

    start = "watch"

    def __post_init__(self) -> None:
        self.records, self.due = self.old.array("watches", WATCH), self.old.array("watch_due", np.int64)
        self.target, self.target_due = self.reporter.state.watches, self.reporter.state.watch_due
        parent_row = {parent: row for row, parent in enumerate(self.reporter.subjects.fleet.parent_ids)}
        self._parents = np.array(
            [parent_row.get(p, FORGOTTEN) for p in self.old.parent_ids] + [FORGOTTEN, NOBODY], np.int32
        )

    def before(self, kind: KindName) -> list[tuple[str, RuleName]]:
        return [("", self.old.absences[rule]) for rule in kind.watches]

    def now(self, kind: KindName) -> list[tuple[str, Any]]:
        return [("", self.reporter.compiled.pack.absences[rule]) for rule in kind.watches]

    def adapt(self, records: Array, source: Array, target: Array, new_rows: Array) -> None:
        """Point watches at their rule, device and parent as they are numbered now."""
        records["rule"] = self.target["rule"][target]
        records["device"] = new_rows
        for name in ("explained", "told"):
            records[name] = self._parents[records[name]]


def _carry_part(
    part: "_Tracks | _Watches", devices: Array, here: Array, moves: list[_Move], carried: Carried
) -> list[tuple[RuleName, Array, Array]]:
    """Copy tracks or watches. Returns (rule, old subject rows, old records) of those that do not go on."""
    gone: list[tuple[RuleName, Array, Array]] = []
    starts, state = devices[part.start], part.reporter.state
    for kind, named in enumerate(part.old.kinds):
        rows = np.flatnonzero((here == NOBODY) & (devices["kind"] == kind))
        for k, (_, name) in enumerate(part.before(named)):
            carried.dropped += len(rows)
            gone.append((name, rows, part.records[starts[rows] + k]))
    for move in moves:
        today = {(indicator, rule.id): (k, rule) for k, (indicator, rule) in enumerate(part.now(move.now))}
        for k, (indicator, name) in enumerate(part.before(move.before)):
            source = starts[move.old_rows] + k
            match = today.get((indicator, name.id))
            if match is None or match[1].version != name.version:
                carried.dropped += len(source) if match is None else 0
                carried.reset += len(source) if match is not None else 0
                gone.append((name, move.old_rows, part.records[source]))
                continue
            target = state.devices[part.start][move.new_rows] + match[0]
            kept = part.records[source].copy()
            part.adapt(kept, source, target, move.new_rows)
            part.target[target], part.target_due[target] = kept, part.due[source]
            carried.kept += len(source)
    return gone


def _endings(
    gone: list[tuple[RuleName, Array, Array]], old: Snapshot, devices: Array, reporter: Reporter
) -> Iterator[Transition]:
    """The transitions that end the alerts among records that do not go on. A subject that the registry has forgotten
    altogether has no name left to end an alert with."""
    numbers = np.frombuffer(old.numbers, np.uint32)
    by_number = {d.number: d for d in reporter.city.devices.values()} if gone else {}
    for name, rows, records in gone:
        for row, record in zip(rows, records, strict=True):
            if not record["level"]:
                continue
            if row >= len(numbers):
                kind, place_id = old.kinds[devices["kind"][row]], old.place_ids[row - len(numbers)]
                place = _place(reporter.city, kind.per, place_id) | {"risk_class": kind.risk_class}
                yield _ending(name, SubjectKind(kind.per), place_id, record, old.sight.log_ms, place)
            elif (device := by_number.get(int(numbers[row]))) is not None:
                area = reporter.city.area_of(device)
                place = {"risk_class": area.risk_class, "admin": area.admin, "area": area.id, "site": device.site}
                yield _ending(name, SubjectKind(A_DEVICE), device.id, record, old.sight.log_ms, place)


def _place(city: City, per: str, place_id: str) -> dict[str, Any]:
    """Where a place is that may be gone from the shard, or from the registry."""
    if per == "site" and place_id in city.sites:
        area = city.areas[city.sites[place_id].area]
        return {"admin": area.admin, "area": area.id, "site": place_id}
    if per == "area" and place_id in city.areas:
        return {"admin": city.areas[place_id].admin, "area": place_id}
    admin = place_id.partition("/")[0]
    return {"admin": admin} if per == "street" and admin in city.admin else {}


def _ending(
    name: RuleName, kind: SubjectKind, subject: str, record: Any, log_ms: int, place: dict[str, Any], level: int = 0
) -> Transition:
    since_ms = int(record["since_ms"])
    return Transition(
        alert=alert_id(name.id, name.version, subject, since_ms),
        rule=name.id,
        rule_version=name.version,
        title=name.title,
        nature=name.nature,
        subject_kind=kind,
        subject=subject,
        level_from=Level(level or record["level"]),
        level_to=Level.NONE,
        event_ms=log_ms,
        log_ms=log_ms,
        since_ms=since_ms,
        cause=name.cause,
        **place,
    )


def _carry_parents(old: Snapshot, reporter: Reporter) -> Iterator[Transition]:
    """Dark parents stay dark while their rule means the same and some device of theirs is watched; else their alerts
    end."""
    state, pack = reporter.state, reporter.compiled.pack
    was = old.array("parents", PARENT)
    here = {parent: row for row, parent in enumerate(reporter.subjects.fleet.parent_ids)}
    for row in np.flatnonzero(was["dark"]):
        parent_id, name = old.parent_ids[row], old.parent_rules[was[row]["rule"]]
        now = here.get(parent_id, NOBODY)
        rule = NOBODY if now == NOBODY else int(state.parents[now]["rule"])
        watched = now != NOBODY and state.parents[now]["children"]
        if watched and rule != NOBODY and pack.parents[rule].version == name.version:
            for column in ("since_ms", "calm", "dark", "level"):
                state.parents[now][column] = was[row][column]
            continue
        if parent_id in reporter.city.parents:
            place = {"admin": reporter.city.parents[parent_id].admin}
            level = int(was[row]["level"])
            yield _ending(name, SubjectKind.PARENT, parent_id, was[row], old.sight.log_ms, place, level)


def _take_back_explanations(state: State) -> None:
    """What explains a silence is dark, and its device hangs on it; else the next tick says that it is not explained."""
    silent = np.flatnonzero(state.watches["state"] == DECLARED)
    watches = state.watches[silent]
    explained = watches["explained"]
    hangs = (state.parents_of[watches["device"]] == explained[:, None]).any(axis=1)
    dark = np.append(state.parents["dark"], [0, 0])[explained] > 0
    state.watches["explained"][silent] = np.where(hangs & dark, explained, NOBODY)
    state.watch_due[silent[state.watches["explained"][silent] != watches["told"]]] = 0


def _recount(state: State) -> None:
    """Count the silent of every parent."""
    silent = np.isin(state.watches["state"], (SILENT, DECLARED))
    sums = np.concatenate([[0], np.cumsum(silent[state.children])])
    first, many = state.parents["first"], state.parents["children"]
    state.parents["silent"] = sums[first + many] - sums[first]
