"""All that belongs to one incident, for the page that is about it alone."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, func, select

from alerts.console.queries import LISTED, IncidentLine, count, incident_lines, line_of
from alerts.store import schema as t

TIMELINE = 200

T = TypeVar("T")


@dataclass(frozen=True)
class AlertLine:
    """An alert: one rule's level on one subject."""

    id: str
    rule: str
    rule_version: str
    subject: str
    level: int
    peak_level: int
    since_ms: int
    updated_ms: int
    suspected: bool
    title: str


@dataclass(frozen=True)
class ChangeLine:
    """One change of level of one alert, with the reading behind it."""

    subject: str
    rule: str
    level_from: int
    level_to: int
    event_ms: int
    log_ms: int
    value: float
    detail: dict[str, Any]


@dataclass(frozen=True)
class StepLine:
    """Something that was done with a ticket."""

    at_ms: int
    action: str
    state_to: str
    actor: str


@dataclass(frozen=True)
class Cut(Generic[T]):
    """The first of many, and how many there are."""

    lines: tuple[T, ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.lines)


@dataclass(frozen=True)
class Dossier:
    """An incident with all that belongs to it: its own alerts and those it explains, worst first; changes of level and
    steps of its ticket, newest first; incidents that became part of it."""

    line: IncidentLine
    own: Cut[AlertLine]
    children: Cut[AlertLine]
    changes: Cut[ChangeLine]
    steps: tuple[StepLine, ...]
    merged: tuple[IncidentLine, ...]

    @property
    def lifted(self) -> tuple[str, ...]:
        """What the ticket was asked to do and no alert asks for any more: for a person to take back, or not."""
        asked = self.line.ticket.actions if self.line.ticket else ()
        return tuple(action for action in asked if action not in self.line.actions)


def read_dossier(connection: Connection, incident: str) -> Dossier | None:
    row = connection.execute(incident_lines().where(t.incidents.c.id == incident)).first()
    if row is None:
        return None
    line = line_of(row)
    merged = (
        incident_lines()
        .where(t.incidents.c.merged_into == incident)
        .order_by(t.incidents.c.opened_ms.desc(), t.incidents.c.id)
        .limit(LISTED)
    )
    return Dossier(
        line=line,
        own=_alerts(connection, incident, explained=False),
        children=_alerts(connection, incident, explained=True),
        changes=_changes(connection, incident),
        steps=_steps(connection, line.ticket.id) if line.ticket else (),
        merged=tuple(line_of(row) for row in connection.execute(merged)),
    )


def _alerts(connection: Connection, incident: str, explained: bool) -> Cut[AlertLine]:
    c = t.alerts.c
    wanted = (c.incident == incident) & c.explained.is_(explained)
    query = select(t.alerts).where(wanted).order_by(c.level.desc(), c.updated_ms.desc(), c.id).limit(LISTED)
    lines = tuple(
        AlertLine(**{name: getattr(row, name) for name in _ALERT_COLUMNS}, title=str(row.last.get("title", "")))
        for row in connection.execute(query)
    )
    return Cut(lines, count(connection, select(func.count()).select_from(t.alerts).where(wanted)))


_ALERT_COLUMNS = ("id", "rule", "rule_version", "subject", "level", "peak_level", "since_ms", "updated_ms", "suspected")


def _changes(connection: Connection, incident: str) -> Cut[ChangeLine]:
    c, a = t.transitions.c, t.alerts.c
    both = t.transitions.join(t.alerts, c.alert == a.id)
    wanted = (a.incident == incident) & a.explained.is_(False)
    columns = (a.subject, a.rule, c.level_from, c.level_to, c.event_ms, c.log_ms, c.value, c.detail)
    query = select(*columns).select_from(both).where(wanted).order_by(c.log_ms.desc(), c.event_ms.desc(), c.id)
    lines = tuple(ChangeLine(**row._mapping) for row in connection.execute(query.limit(TIMELINE)))
    return Cut(lines, count(connection, select(func.count()).select_from(both).where(wanted)))


def _steps(connection: Connection, ticket: str) -> tuple[StepLine, ...]:
    c = t.ticket_events.c
    query = select(c.at_ms, c.action, c.state_to, c.actor).where(c.ticket == ticket).order_by(c.at_ms.desc(), c.id)
    return tuple(StepLine(**row._mapping) for row in connection.execute(query.limit(TIMELINE)))
