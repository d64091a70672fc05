"""Transitions into incidents and tickets: each group in one transaction with the position it was read at, so that a
replay finds it done."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, or_, select, update

from alerts.book import Alert, Book, Event, Incident
from alerts.deadlines import TicketPolicy
from alerts.grouping import candidate_keys
from alerts.incidents import Desk
from alerts.store import schema as t
from alerts.store.database import Database
from alerts.store.positions import Position, save_position
from alerts.store.recorded import Recorded, recorded
from alerts.tickets import Deadlines, Route, Ticket, TicketState, TicketStep
from city.city import City
from city.levels import Level
from city.transitions import Nature, Transition

AT_ONCE = 500  # values in one IN (...)


class IncidentStore:
    """Keeps incidents and tickets of a city. Several may work side by side: that no key is open twice, the
    database sees to, and the loser's transaction is tried again by who replays the log."""

    def __init__(self, database: Database, city: City, policy: TicketPolicy) -> None:
        self._database, self._city, self._policy = database, city, policy

    def record(self, transitions: list[Transition], positions: list[Position], wall_ms: float) -> Recorded:
        """Take in a group of transitions read up to `positions`. `wall_ms`: now."""
        with self._database.writing() as connection:
            book = self._load(connection, transitions)
            known = deepcopy(book)
            desk = Desk(self._city, self._policy, book)
            for transition in transitions:
                desk.take(transition)
            _save(connection, book, known, wall_ms)
            for position in positions:
                save_position(connection, self._database, position)
        return recorded(book, known)

    def _load(self, connection: Connection, transitions: list[Transition]) -> Book:
        """All that is known already of what these transitions may touch."""
        book = Book()
        ids = [transition.id for transition in transitions]
        book.known_transitions = {row.id for row in _rows(connection, t.transitions, t.transitions.c.id, ids)}
        alert_ids = {transition.alert for transition in transitions}
        for row in _rows(connection, t.alerts, t.alerts.c.id, alert_ids):
            book.alerts[row.id] = _alert(row)
        keys = {name for transition in transitions for name, _ in candidate_keys(transition, self._city)}
        for part in _parts(keys):
            wanted = or_(t.incidents.c.open_key.in_(part), t.incidents.c.collects.in_(part))
            _note(book, connection.execute(_locked(select(t.incidents).where(wanted), t.incidents)))
            newest = select(t.incidents.c.key, func.max(t.incidents.c.version).label("version"))
            for row in connection.execute(newest.where(t.incidents.c.key.in_(part)).group_by(t.incidents.c.key)):
                book.versions[row.key] = row.version
        others = {alert.incident for alert in book.alerts.values()} - set(book.incidents)
        _note(book, _rows(connection, t.incidents, t.incidents.c.id, others))
        for row in _rows(connection, t.tickets, t.tickets.c.incident, book.incidents):
            book.tickets[row.incident] = _ticket(row)
        return book


def _note(book: Book, rows: Iterable[Any]) -> None:
    for row in rows:
        book.add(_incident(row))


def _save(connection: Connection, book: Book, known: Book, wall_ms: float) -> None:
    changed = sorted((book.incidents[i] for i in book.changed_incidents), key=lambda i: i.merged_into is not None)
    _write(connection, t.incidents, [_incident_row(i) for i in changed], set(known.incidents))
    _write(connection, t.alerts, [_alert_row(book.alerts[i]) for i in book.changed_alerts], set(known.alerts))
    new = [_transition_row(x, x.id in book.confirming, wall_ms) for x in book.new_transitions]
    _insert(connection, t.transitions, new)
    tickets = [ticket for key, ticket in book.tickets.items() if ticket != known.tickets.get(key)]
    _write(connection, t.tickets, [_ticket_row(x, wall_ms) for x in tickets], {x.id for x in known.tickets.values()})
    _insert(connection, t.ticket_events, [_ticket_event(step) for step in book.steps])
    _insert(connection, t.outbox, [_outbox_row(event) for event in book.events])


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]], known: set[str]) -> None:
    """Insert the rows whose id is new, update the others but for what is written once."""
    _insert(connection, table, [row for row in rows if row["id"] not in known])
    old = [{f"b_{k}": v for k, v in row.items() if k not in _ONCE} for row in rows if row["id"] in known]
    if old:
        values: dict[str, Any] = {name[2:]: bindparam(name) for name in old[0] if name != "b_id"}
        connection.execute(update(table).where(table.c.id == bindparam("b_id")).values(values), old)


_ONCE = {"opened_wall_ms", "opening", "source", "flags", "exercise"}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _rows(connection: Connection, table: Table, column: Any, values: Iterable[str]) -> Iterator[Any]:
    for part in _parts(values):
        yield from connection.execute(_locked(select(table).where(column.in_(part)), table))


def _locked(query: Any, table: Table) -> Any:
    """Rows that nobody else changes before this transaction ends: a person may be working on the same ticket. In one
    order, so that two transactions do not wait for each other."""
    return query.order_by(table.c.id).with_for_update()


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _incident(row: Any) -> Incident:
    same = {name: getattr(row, name) for name in _INCIDENT_COLUMNS}
    return Incident(
        **same,
        nature=Nature(row.nature),
        level=Level(row.level),
        peak_level=Level(row.peak_level),
        active=list(row.active),
        doubted=list(row.doubted),
        advised=dict(row.advised),
        open=row.open_key is not None,
    )


_INCIDENT_COLUMNS = (
    *("id", "key", "collects", "version", "title", "cause", "subject", "risk_class", "admin", "area", "site"),
    *("opened_ms", "updated_ms", "suspected", "explained", "alerts", "recovered_ms", "merged_into"),
)


def _incident_row(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in _INCIDENT_COLUMNS} | {
        "open_key": incident.key if incident.open else None,
        "nature": incident.nature.value,
        "level": int(incident.level),
        "peak_level": int(incident.peak_level),
        "active": incident.active,
        "doubted": incident.doubted,
        "advised": incident.advised,
        "exercise": False,
    }


def _alert(row: Any) -> Alert:
    last = msgspec.convert(row.last, Transition)
    level, peak_level, actions = Level(row.level), Level(row.peak_level), tuple(row.actions)
    return Alert(row.id, row.incident, level, peak_level, row.explained, last, row.suspected, actions)


def _alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "incident": alert.incident,
        "rule": alert.last.rule,
        "rule_version": alert.last.rule_version,
        "subject": alert.last.subject,
        "level": int(alert.level),
        "peak_level": int(alert.peak_level),
        "explained": alert.explained,
        "suspected": alert.suspected,
        "actions": list(alert.actions),
        "since_ms": alert.last.since_ms,
        "updated_ms": alert.last.log_ms,
        "last": msgspec.to_builtins(alert.last),
    }


def _transition_row(transition: Transition, confirms: bool, wall_ms: float) -> dict[str, Any]:
    return {
        "id": transition.id,
        "alert": transition.alert,
        "level_from": int(transition.level_from),
        "level_to": int(transition.level_to),
        "event_ms": transition.event_ms,
        "log_ms": transition.log_ms,
        "value": transition.value,
        "detail": {
            "unit": transition.unit,
            "samples": transition.samples,
            "held_ms": transition.held_ms,
            "explained_by": transition.explained_by,
            "suspected": transition.suspected,
            "confirms": confirms,
            "actions": list(transition.actions),
            "trigger": msgspec.to_builtins(transition.trigger),
            "wall_ms": transition.wall_ms,
        },
        "recorded_wall_ms": wall_ms,
    }


def _ticket(row: Any) -> Ticket:
    return Ticket(
        id=row.id,
        incident=row.incident,
        state=TicketState(row.state),
        level=Level(row.level),
        category=row.category,
        title=row.title,
        reason=row.reason,
        route=Route(row.grid, tuple(row.admin), row.unit),
        reported_ms=row.reported_ms,
        opening=row.opening,
        deadlines=Deadlines(*(getattr(row, name) for name in _DEADLINES)),
        merged_into=row.merged_into,
        closed_ms=row.closed_ms,
        suspected=row.suspected,
        actions=tuple(row.actions),
    )


_DEADLINES = ("accept_ms", "dispatch_ms", "arrive_ms", "feedback_ms", "dispose_ms", "verify_ms")


def _ticket_row(ticket: Ticket, wall_ms: float) -> dict[str, Any]:
    return {name: getattr(ticket.deadlines, name) for name in _DEADLINES} | {
        "id": ticket.id,
        "incident": ticket.incident,
        "state": ticket.state.value,
        "level": int(ticket.level),
        "category": ticket.category,
        "title": ticket.title,
        "reason": ticket.reason,
        "source": "iot",
        "grid": ticket.route.grid,
        "admin": list(ticket.route.admin),
        "unit": ticket.route.unit,
        "reported_ms": ticket.reported_ms,
        "closed_ms": ticket.closed_ms,
        "merged_into": ticket.merged_into,
        "suspected": ticket.suspected,
        "actions": list(ticket.actions),
        "flags": [],
        "exercise": False,
        "opening": ticket.opening,
        "opened_wall_ms": wall_ms,
    }


def _ticket_event(step: TicketStep) -> dict[str, Any]:
    return {
        "id": step.id,
        "ticket": step.ticket,
        "at_ms": step.at_ms,
        "action": step.action,
        "state_from": step.state_from.value if step.state_from else None,
        "state_to": step.state_to.value,
        "actor": "system",
        "detail": {"level": int(step.level), "reason": step.reason},
    }


def _outbox_row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "incident": event.incident,
        "level": int(event.level),
        "at_ms": event.at_ms,
    }
