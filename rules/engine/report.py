"""Changes of the kernel's records, told as transitions of alerts. docs/rules.md, clause 8."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from city.city import City
from city.levels import Level
from city.readings import Batch
from city.registry import PARENT_KINDS
from city.transitions import Nature, SubjectKind, Transition, Trigger
from rules.engine.plans import PLACES
from rules.engine.program import Compiled
from rules.engine.sight import Blindness
from rules.engine.state import NOBODY, ON_PARENT, ON_RULE, ON_TRACK, State
from rules.engine.subjects import Subjects
from rules.language.pack import DEVICE, LevelRule

BLIND_RULE = "blind"
DISABLED_RULE = "rule-disabled"


@dataclass(frozen=True)
class Reporter:
    """Knows the names behind the rows of a shard: of its subjects, its rules and the city."""

    city: City
    subjects: Subjects
    compiled: Compiled
    state: State

    def transitions(
        self, changes: Any, log_ms: int, batch: Batch | None = None, wall_ms: float | None = None
    ) -> Iterator[Transition]:
        """Each of the (n,) CHANGE records, in order. `batch`: whose rows they name; `wall_ms`: of the tick, if one made
        them."""
        for change in changes:
            if change["on"] == ON_PARENT:
                yield self._of_parent(change, log_ms, wall_ms)
            elif change["on"] == ON_RULE:
                owner, levels = self.compiled.owners[change["index"]], (Level(change["before"]), Level(change["after"]))
                since_ms, event_ms = int(change["since_ms"]), int(change["event_ms"])
                yield self.disabling(owner, levels, since_ms, event_ms, log_ms, wall_ms)
            else:
                yield self._of_subject(change, log_ms, batch, wall_ms)

    def blindness(self, change: Blindness, log_ms: int, wall_ms: float) -> Transition:
        """We stopped seeing through an ingest process, or see again."""
        levels = (Level.NONE, Level.ORANGE) if change.began else (Level.ORANGE, Level.NONE)
        return Transition(
            alert=alert_id(BLIND_RULE, "", change.ingest, change.since_ms),
            rule=BLIND_RULE,
            rule_version="",
            title="监控盲区",
            nature=Nature.BLIND,
            subject_kind=SubjectKind.INGEST,
            subject=change.ingest,
            level_from=levels[0],
            level_to=levels[1],
            event_ms=change.event_ms,
            log_ms=log_ms,
            since_ms=change.since_ms,
            cause=BLIND_RULE,
            group="ingest",
            group_key=change.ingest,
            wall_ms=wall_ms,
        )

    def place_of(self, row: int) -> dict[str, Any]:
        """Where a subject is: the fields of a Transition that say so. A zone is in the administrative unit of its first
        area."""
        subjects = self.subjects
        site, area, street, zone = (self._place(row, level) for level in range(len(PLACES)))
        admin = (street or "").partition("/")[0] or self._admin_of_zone.get(zone or "")
        return {
            "risk_class": subjects.kinds[subjects.kind[row]].risk_class,
            "admin": admin,
            "area": area,
            "site": site,
        }

    def group_key(self, group: str, row: int) -> str:
        """What a subject's alert gathers under: the device, a parent, or a place; its area, or itself, where it has no
        such thing."""
        subjects = self.subjects
        if group == DEVICE or row >= len(subjects.fleet):
            place = self._place(row, PLACES.index(group)) if group in PLACES else None
            return place or subjects.ids[row]
        if group in PLACES:
            return self._place(row, PLACES.index(group)) or subjects.ids[row]
        for column, kind in enumerate(PARENT_KINDS):
            parent = subjects.fleet.parents[row, column]
            if group == kind.value and parent != NOBODY:
                return subjects.fleet.parent_ids[parent]
        return self._place(row, PLACES.index("area")) or subjects.ids[row]

    def _place(self, row: int, level: int) -> str | None:
        place = int(self.subjects.places[row, level])
        return None if place == NOBODY else self.subjects.place_ids[level][place]

    @cached_property
    def _admin_of_zone(self) -> dict[str, str]:
        return {area.zone: area.admin for area in reversed(list(self.city.areas.values()))}

    def subject_of_track(self, track: int) -> int:
        return int(np.searchsorted(self.state.devices["track"], track, side="right")) - 1

    def _of_subject(self, change: Any, log_ms: int, batch: Batch | None, wall_ms: float | None) -> Transition:
        index = int(change["index"])
        if change["on"] == ON_TRACK:
            row = self.subject_of_track(index)
            variant = self.compiled.program.rules[self.state.tracks[index]["rule"]]
            rule: Any = self.compiled.pack.levels[variant["rule"]]
            value, unit = self._value(change, row, index)
        else:
            row = int(self.state.watches[index]["device"])
            rule = self.compiled.pack.absences[self.state.watches[index]["rule"]]
            value, unit = float(change["value"]), "s"
        subject, since_ms, at = self.subjects.ids[row], int(change["since_ms"]), int(change["row"])
        explained = int(change["explained"])
        trigger = None
        if batch is not None and at != NOBODY:
            trigger = Trigger(device=subject, seq=int(batch.seq[at]), event_ms=int(batch.event_ms[at]))
        return Transition(
            alert=alert_id(rule.id, rule.version, subject, since_ms),
            rule=rule.id,
            rule_version=rule.version,
            title=rule.title,
            nature=rule.nature,
            subject_kind=SubjectKind(self.subjects.per(row)),
            subject=subject,
            level_from=Level(change["before"]),
            level_to=Level(change["after"]),
            event_ms=int(change["event_ms"]),
            log_ms=log_ms,
            since_ms=since_ms,
            value=value,
            unit=unit,
            samples=int(change["samples"]),
            held_ms=int(change["held_ms"]),
            cause=rule.cause,
            group=rule.group,
            group_key=self.group_key(rule.group, row),
            explained_by=None if explained < 0 else self.subjects.fleet.parent_ids[explained],
            suspected=bool(change["suspected"]),
            actions=rule.actions_at(Level(change["after"])) if isinstance(rule, LevelRule) else (),
            trigger=trigger,
            wall_ms=wall_ms,
            **self.place_of(row),
        )

    def _value(self, change: Any, row: int, track: int) -> tuple[float, str]:
        """The value behind a change of a track, and its unit. Time alone changes it on the last accepted value."""
        plan = self.compiled.kinds[self.subjects.kind[row]]
        columns = [i for i, column in enumerate(plan.columns) for _ in column.rules]
        column = columns[track - int(self.state.devices[row]["track"])]
        unit = plan.columns[column].unit
        if change["row"] == NOBODY:
            last = float(self.state.series[int(self.state.devices[row]["series"]) + column]["value"])
            return (0.0 if math.isnan(last) else last), unit
        return float(change["value"]), unit

    def _of_parent(self, change: Any, log_ms: int, wall_ms: float | None) -> Transition:
        index = int(change["index"])
        parent = self.city.parents[self.subjects.fleet.parent_ids[index]]
        rule = self.compiled.pack.parents[self.state.parents[index]["rule"]]
        since_ms = int(change["since_ms"])
        return Transition(
            alert=alert_id(rule.id, rule.version, parent.id, since_ms),
            rule=rule.id,
            rule_version=rule.version,
            title=rule.title,
            nature=Nature.PARENT,
            subject_kind=SubjectKind.PARENT,
            subject=parent.id,
            level_from=Level(change["before"]),
            level_to=Level(change["after"]),
            event_ms=int(change["event_ms"]),
            log_ms=log_ms,
            since_ms=since_ms,
            value=float(change["value"]),
            risk_class=self._class_of_children.get(index),
            admin=parent.admin,
            cause=rule.id,
            group=parent.kind.value,
            group_key=parent.id,
            wall_ms=wall_ms,
        )

    def disabling(
        self,
        owner: str,
        levels: tuple[Level, Level],
        since_ms: int,
        event_ms: int,
        log_ms: int,
        wall_ms: float | None = None,
    ) -> Transition:
        """A rule is disabled, or no longer. `owner`: of Compiled.owners; `levels`: from and to."""
        return Transition(
            alert=alert_id(DISABLED_RULE, "", owner, since_ms),
            rule=DISABLED_RULE,
            rule_version="",
            title="规则停用",
            nature=Nature.RULE,
            subject_kind=SubjectKind.RULE,
            subject=owner,
            level_from=levels[0],
            level_to=levels[1],
            event_ms=event_ms,
            log_ms=log_ms,
            since_ms=since_ms,
            cause=DISABLED_RULE,
            group="rule",
            group_key=owner,
            wall_ms=wall_ms,
        )

    @cached_property
    def _class_of_children(self) -> dict[int, str]:
        """Risk class of each parent's first device in the shard, by parent row."""
        classes: dict[int, str] = {}
        fleet = self.subjects.fleet
        for column in range(fleet.parents.shape[1]):
            rows, first = np.unique(fleet.parents[:, column], return_index=True)
            for parent, row in zip(rows, first, strict=True):
                classes.setdefault(int(parent), fleet.kinds[fleet.kind[row]][0])
        return classes


def alert_id(rule: str, version: str, subject: str, since_ms: int) -> str:
    """The same for the same alert after any replay: 16 hexadecimal digits."""
    return hashlib.blake2b(f"{rule}\0{version}\0{subject}\0{since_ms}".encode(), digest_size=8).hexdigest()
