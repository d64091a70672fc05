"""What the store knows of a moment of log time: which alerts were above none, which incidents and tickets were open.

Exact for alerts, of which every transition is kept. Of incidents and tickets the store keeps when they began and ended,
and only their latest level and state: those are taken for the time between, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from alerts.pending import waits_for
from alerts.store import schema as t
from alerts.store.database import Database
from alerts.tickets import TicketState
from city.levels import Level
from city.series import Measurement
from city.transitions import Transition, Trigger
from streams.series.lines import Point, Value
from streams.series.paper import IncidentRecord, Paper, TicketRecord

_a, _x, _i, _k, _e, _s = (
    *(t.alerts.c, t.transitions.c, t.incidents.c),
    *(t.tickets.c, t.ticket_events.c, t.shards.c),
)
_ORDER = (_x.log_ms, _x.event_ms, _x.recorded_wall_ms, _x.id)


@dataclass(frozen=True)
class ShardState:
    """A shard as of its last checkpoint."""

    shard: int
    owner: str
    offset: int
    log_ms: int | None
    saved_wall_ms: float
    status: dict[str, Any]

    def lines(self, at_ms: int, newest_ms: int) -> Iterator[str]:
        """How it stands, and the rules that it is judged by, at the time that they came into force. `newest_ms`: log
        time of the shard that is ahead of all."""
        if self.log_ms is None:
            return
        fields: dict[str, Value] = {
            "owner": self.owner,
            "offset": self.offset,
            "behind_ms": newest_ms - self.log_ms,
            "saved_ms": int(self.saved_wall_ms),
            "readings": int(self.status.get("readings", 0)),
            "transitions": int(self.status.get("transitions", 0)),
            "blind": int(bool(self.status.get("blind_through"))),
        }
        yield Point(Measurement.SHARD, {"shard": str(self.shard)}, fields).line(at_ms)
        if rules := self.status.get("rules"):
            yield _rules_line(rules)


def _rules_line(rules: dict[str, Any]) -> str:
    """A pack at the time it was published, the same from all workers; or, of the settings' folder, loaded."""
    said: dict[str, Value] = {name: str(rules[name]) for name in ("pack", "version", "meaning")}
    if rules.get("number"):
        said["version"] = f"{rules['version']} 第 {rules['number']} 版"
    at_ms = rules.get("published_ms") or rules["loaded_wall_ms"]
    return Point(Measurement.RULES, {}, said).line(int(at_ms), rules["meaning"])


class Recorded(NamedTuple):
    """A transition's id, its log time, and when it was recorded."""

    id: str
    log_ms: int
    wall_ms: float


class History:
    """What the store has, asked by log time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_at(self, log_ms: int) -> list[Transition]:
        """The transition that brought each alert to the level above none that it had at a moment."""
        asked = (_a.since_ms <= log_ms) & or_(_a.level > 0, _a.updated_ms > log_ms) & (_x.log_ms <= log_ms)
        with self._database.reading() as connection:
            last = {found.alert: found for found in _transitions(connection, _told().where(asked))}
        return [found for found in last.values() if found.level_to is not Level.NONE]

    def between(self, after_ms: int, until_ms: int) -> list[Transition]:
        """Transitions of the log time after one moment and until another, in their order."""
        with self._database.reading() as connection:
            return list(_transitions(connection, _told().where((_x.log_ms > after_ms) & (_x.log_ms <= until_ms))))

    def recorded_since(self, wall_ms: float) -> list[Recorded]:
        """What was recorded since a moment of the wall."""
        query = select(_x.id, _x.log_ms, _x.recorded_wall_ms).where(_x.recorded_wall_ms > wall_ms)
        with self._database.reading() as connection:
            return [Recorded(*row) for row in connection.execute(query)]

    def newest_recorded(self) -> float:
        """When something was recorded last, by the wall; 0 where nothing ever was."""
        with self._database.reading() as connection:
            return float(connection.scalar(select(func.max(_x.recorded_wall_ms))) or 0.0)

    def first_log_ms(self) -> int | None:
        """Log time of the first transition; None where there is none."""
        with self._database.reading() as connection:
            found: int | None = connection.scalar(select(func.min(_x.log_ms)))
            return found

    def log_ms(self) -> int | None:
        """How far everything has been judged; None before any shard was saved."""
        with self._database.reading() as connection:
            found: int | None = connection.scalar(select(func.min(_s.log_ms)))
            return found

    def paper_at(self, log_ms: int) -> Paper:
        """Incidents and tickets that were open at a moment."""
        open_ticket = (_k.reported_ms <= log_ms) & or_(_k.closed_ms.is_(None), _k.closed_ms > log_ms)
        recovered = or_(_i.recovered_ms.is_(None), _i.recovered_ms > log_ms)
        open_incident = (_i.opened_ms <= log_ms) & recovered & _i.merged_into.is_(None) & (_i.peak_level > 0)
        return self._paper(open_ticket & _k.exercise.is_(False), open_incident & _i.exercise.is_(False))

    def paper_between(self, after_ms: int, until_ms: int) -> Paper:
        """Incidents and tickets to which something happened after one moment and until another, exercises too."""
        steps = select(_e.ticket).where((_e.at_ms > after_ms) & (_e.at_ms <= until_ms))
        moved = (_i.updated_ms > after_ms) & (_i.updated_ms <= until_ms) & (_i.peak_level > 0)
        return self._paper(_k.id.in_(steps), moved)

    def _paper(self, tickets: ColumnElement[bool], incidents: ColumnElement[bool]) -> Paper:
        with self._database.reading() as connection:
            found = connection.execute(select(t.tickets).where(tickets).order_by(_k.reported_ms, _k.id))
            others = connection.execute(select(t.incidents).where(incidents).order_by(_i.opened_ms, _i.id))
            return Paper(tuple(map(_ticket, found)), tuple(map(_incident, others)))

    def shards(self) -> list[ShardState]:
        columns = (_s.shard, _s.owner, _s.offset, _s.log_ms, _s.saved_wall_ms, _s.status)
        with self._database.reading() as connection:
            return [ShardState(**row._mapping) for row in connection.execute(select(*columns).order_by(_s.shard))]


def _told() -> Select[Any]:
    return select(t.transitions, _a.last.label("last")).join(t.alerts, _a.id == _x.alert).order_by(*_ORDER)


def _transitions(connection: Connection, query: Select[Any]) -> list[Transition]:
    return [_transition(row) for row in connection.execute(query)]


def _transition(row: Any) -> Transition:
    """What every transition of an alert says alike, as its last one has it; the rest as it was."""
    detail = row.detail
    return replace(
        msgspec.convert(row.last, Transition),
        level_from=Level(row.level_from),
        level_to=Level(row.level_to),
        event_ms=row.event_ms,
        log_ms=row.log_ms,
        value=row.value,
        unit=detail["unit"],
        samples=detail["samples"],
        held_ms=detail["held_ms"],
        explained_by=detail["explained_by"],
        suspected=detail["suspected"],
        actions=tuple(detail["actions"]),
        trigger=msgspec.convert(detail["trigger"], Trigger | None),
        wall_ms=detail["wall_ms"],
    )


def _ticket(row: Any) -> TicketRecord:
    waited = waits_for(TicketState(row.state))
    return TicketRecord(
        **{name: getattr(row, name) for name in _TICKET_COLUMNS},
        level=Level(row.level),
        admin=tuple(row.admin),
        due_ms=getattr(row, waited) if waited else None,
    )


_TICKET_COLUMNS = ("id", "incident", "state", "title", "unit", "suspected", "exercise", "reported_ms", "closed_ms")


def _incident(row: Any) -> IncidentRecord:
    return IncidentRecord(
        **{name: getattr(row, name) for name in _INCIDENT_COLUMNS},
        level=Level(row.level),
        peak_level=Level(row.peak_level),
        merged=row.merged_into is not None,
    )


_INCIDENT_COLUMNS = (
    *("id", "nature", "risk_class", "admin", "area", "title", "alerts"),
    *("suspected", "exercise", "opened_ms", "recovered_ms"),
)
