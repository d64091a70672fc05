"""A shard's state as bytes, and its way into a shard whose rules or registry may have changed. Clause 8."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from city.fleet import Fleet
from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition
from rules.engine.program import Compiled
from rules.engine.report import Reporter, alert_id
from rules.engine.sight import Sight
from rules.engine.state import (
    DECLARED,
    DEVICE,
    FORGOTTEN,
    NOBODY,
    PARENT,
    SERIES,
    SILENT,
    TRACK,
    WATCH,
    Array,
    State,
)
from rules.language.pack import ParentRule

FORMAT = 2


class RuleName(msgspec.Struct, frozen=True):
    """What must be known of a rule to carry its timers over, or to end its alerts."""

    id: str
    version: str
    title: str
    nature: Nature
    cause: str


def _name(rule: Any) -> RuleName:
    if isinstance(rule, ParentRule):
        return RuleName(rule.id, rule.version, rule.title, Nature.PARENT, rule.id)
    return RuleName(rule.id, rule.version, rule.title, rule.nature, rule.cause)


class KindName(msgspec.Struct, frozen=True):
    """What was remembered of a kind of device: indicator numbers of its series, (indicator, rule row) of its tracks,
    rule rows of its watches."""

    series: list[int]
    tracks: list[tuple[int, int]]
    watches: list[int]


class Snapshot(msgspec.Struct, frozen=True):
    format: int
    sight: Sight
    rules: list[RuleName]
    absences: list[RuleName]
    parent_rules: list[RuleName]
    kinds: list[KindName]
    parent_ids: list[str]
    numbers: bytes
    arrays: dict[str, bytes]

    def array(self, name: str, dtype: Any) -> Array:
        return np.frombuffer(self.arrays[name], dtype)


@dataclass
class Carried:
    """How a restore went: tracks and watches kept, begun anew since their rule changed, and dropped since it or their
    device is gone; `ended` ends the alerts of the latter two."""

    kept: int = 0
    reset: int = 0
    dropped: int = 0
    ended: list[Transition] = field(default_factory=list)


_ARRAYS = ("devices", "series", "tracks", "track_due", "watches", "watch_due", "parents")


def pack_snapshot(state: State, sight: Sight, compiled: Compiled, fleet: Fleet) -> bytes:
    """Snapshot of a shard's state."""
    pack = compiled.pack
    snapshot = Snapshot(
        format=FORMAT,
        sight=sight,
        rules=[_name(rule) for rule in pack.levels],
        absences=[_name(rule) for rule in pack.absences],
        parent_rules=[_name(rule) for rule in pack.parents],
        kinds=[
            KindName(
                [column.indicator.number for column in plan.columns],
                [(column.indicator.number, rule) for column in plan.columns for rule in column.rules],
                list(plan.watches),
            )
            for plan in compiled.kinds
        ],
        parent_ids=fleet.parent_ids,
        numbers=fleet.number.tobytes(),
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


def carry_over(old: Snapshot, reporter: Reporter) -> Carried:
    """Copy what an old snapshot remembers into the freshly laid out state of `reporter`."""
    state, carried = reporter.state, Carried()
    numbers = np.frombuffer(old.numbers, np.uint32)
    here = _rows_now(numbers, state.local)
    devices = old.array("devices", DEVICE)
    _carry_series(old, devices, here, reporter)
    for part in (_Tracks(old, reporter), _Watches(old, reporter)):
        gone = _carry_part(part, devices, here, reporter, carried)
        carried.ended += _endings(gone, numbers, old.sight.log_ms, reporter)
    carried.ended += _carry_parents(old, reporter)
    _take_back_explanations(state)
    _recount(state)
    return carried


def _rows_now(numbers: npt.NDArray[np.uint32], local: Array) -> npt.NDArray[np.int32]:
    """Row in the new shard of each old device, NOBODY where it has none."""
    rows = np.full(len(numbers), NOBODY, np.int32)
    known = numbers < len(local)
    rows[known] = local[numbers[known]]
    return rows


def _pairs(devices: Array, here: Array, state: State) -> Iterator[tuple[int, int, Array, Array]]:
    """Old kind, new kind, and the old and new rows of the devices that went from the one to the other."""
    old_rows = np.flatnonzero(here != NOBODY)
    kinds = np.stack([devices["kind"][old_rows], state.devices["kind"][here[old_rows]]], axis=1)
    for before, now in np.unique(kinds, axis=0):
        rows = old_rows[(kinds[:, 0] == before) & (kinds[:, 1] == now)]
        yield int(before), int(now), rows, here[rows]


def _carry_series(old: Snapshot, devices: Array, here: Array, reporter: Reporter) -> None:
    state, series = reporter.state, old.array("series", SERIES)
    for before, now, old_rows, new_rows in _pairs(devices, here, state):
        known = old.kinds[before].series
        for k, column in enumerate(reporter.compiled.kinds[now].columns):
            if column.indicator.number in known:
                source = devices["series"][old_rows] + known.index(column.indicator.number)
                state.series[state.devices["series"][new_rows] + k] = series[source]


@dataclass
class _Tracks:
    old: Snapshot
    reporter: Reporter

    start = "track"

    def __post_init__(self) -> None:
        self.records, self.due = self.old.array("tracks", TRACK), self.old.array("track_due", np.int64)
        self.target, self.target_due = self.reporter.state.tracks, self.reporter.state.track_due

    def before(self, kind: int) -> list[tuple[int, RuleName]]:
        return [(indicator, self.old.rules[rule]) for indicator, rule in self.old.kinds[kind].tracks]

    def now(self, kind: int) -> list[tuple[int, int, Any]]:
        """(indicator, rule row, rule) of each track of a kind."""
        columns, rules = self.reporter.compiled.kinds[kind].columns, self.reporter.compiled.pack.levels
        return [(c.indicator.number, row, rules[row]) for c in columns for row in c.rules]

    def adapt(self, records: Array, new_rows: Array) -> None:
        """Tracks name nothing but their rule."""


@dataclass
class _Watches:
    old: Snapshot
    reporter: Reporter

    start = "watch"

    def __post_init__(self) -> None:
        self.records, self.due = self.old.array("watches", WATCH), self.old.array("watch_due", np.int64)
        self.target, self.target_due = self.reporter.state.watches, self.reporter.state.watch_due
        parent_row = {parent: row for row, parent in enumerate(self.reporter.fleet.parent_ids)}
        self._parents = np.array(
            [parent_row.get(p, FORGOTTEN) for p in self.old.parent_ids] + [FORGOTTEN, NOBODY], np.int32
        )

    def before(self, kind: int) -> list[tuple[int, RuleName]]:
        return [(NOBODY, self.old.absences[rule]) for rule in self.old.kinds[kind].watches]

    def now(self, kind: int) -> list[tuple[int, int, Any]]:
        rules = self.reporter.compiled.pack.absences
        return [(NOBODY, row, rules[row]) for row in self.reporter.compiled.kinds[kind].watches]

    def adapt(self, records: Array, new_rows: Array) -> None:
        """Point watches at their device and parent as they are numbered now."""
        records["device"] = new_rows
        for name in ("explained", "told"):
            records[name] = self._parents[records[name]]


def _carry_part(
    part: "_Tracks | _Watches", devices: Array, here: Array, reporter: Reporter, carried: Carried
) -> list[tuple[RuleName, Array, Array]]:
    """Copy tracks or watches. Returns (rule, old device rows, old records) of those that do not go on."""
    gone: list[tuple[RuleName, Array, Array]] = []
    starts, state = devices[part.start], reporter.state
    for kind in range(len(part.old.kinds)):
        rows = np.flatnonzero((here == NOBODY) & (devices["kind"] == kind))
        for k, (_, name) in enumerate(part.before(kind)):
            carried.dropped += len(rows)
            gone.append((name, rows, part.records[starts[rows] + k]))
    for before, now, old_rows, new_rows in _pairs(devices, here, state):
        today = {(indicator, rule.id): (k, row, rule) for k, (indicator, row, rule) in enumerate(part.now(now))}
        for k, (indicator, name) in enumerate(part.before(before)):
            source = starts[old_rows] + k
            match = today.get((indicator, name.id))
            if match is None or match[2].version != name.version:
                carried.dropped += len(old_rows) if match is None else 0
                carried.reset += len(old_rows) if match is not None else 0
                gone.append((name, old_rows, part.records[source]))
                continue
            target = state.devices[part.start][new_rows] + match[0]
            kept = part.records[source].copy()
            kept["rule"] = match[1]
            part.adapt(kept, new_rows)
            part.target[target], part.target_due[target] = kept, part.due[source]
            carried.kept += len(old_rows)
    return gone


def _endings(
    gone: list[tuple[RuleName, Array, Array]], numbers: Array, log_ms: int, reporter: Reporter
) -> Iterator[Transition]:
    """The transitions that end the alerts among records that do not go on. A device that the registry has forgotten
    altogether has no name left to end an alert with."""
    devices = {d.number: d for d in reporter.city.devices.values()} if gone else {}
    for name, rows, records in gone:
        for row, record in zip(rows, records, strict=True):
            device = devices.get(int(numbers[row]))
            if record["level"] and device is not None:
                area = reporter.city.area_of(device)
                place = {"risk_class": area.risk_class, "admin": area.admin, "area": area.id, "site": device.site}
                yield _ending(name, SubjectKind.DEVICE, device.id, record, log_ms, place)


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
    here = {parent: row for row, parent in enumerate(reporter.fleet.parent_ids)}
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
            yield _ending(
                name, SubjectKind.PARENT, parent_id, was[row], old.sight.log_ms, place, int(was[row]["level"])
            )


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
